/** How a session's access token travels: in the `Authorization` header or in a cookie. */
export type AuthType = 'header' | 'cookie';

/** The values of the type `AuthType`, for those who prefer names to strings. */
export const AuthType = {
  HEADER: 'header',
  COOKIE: 'cookie',
} as const satisfies Record<string, AuthType>;

/** How a session's access token travels: in the `Authorization` header or in a cookie. */
export type AuthType = 'header' | 'cookie';

/** Constants for the type `AuthType`. */
export const AuthType = {
  HEADER: 'header',
  COOKIE: 'cookie',
} as const satisfies Record<string, AuthType>;

/** Thrown by `generateHeaderToken` and `generateCookieToken` if the user is not in the database. */
export class AuthentifyUserNotFoundError extends Error {
  override readonly name = 'AuthentifyUserNotFoundError';
  /** A stable code for programs. */
  readonly code = 'ERR_AUTHENTIFY_USER_NOT_FOUND';

  constructor(options?: ErrorOptions) {
    super(
      'No token was issued: the user does not exist in the database. ' +
        'If you have just saved the user in a transaction, pass its manager: { manager }.',
      options,
    );
  }
}

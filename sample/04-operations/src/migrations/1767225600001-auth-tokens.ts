import { createAuthTokens } from 'nestjs-authentify/migrations';

export class AuthTokens1767225600001 extends createAuthTokens({ userTable: 'users' }) {}

import { type CanActivate, type ExecutionContext, Injectable, Module } from '@nestjs/common';
import { type AuthenticatedRequest, CookieAuthGuard, type IssuedTokens } from 'nestjs-authentify';
import { type AdminOptions, AuthentifyAdminModule } from 'nestjs-authentify/admin';
import { type Setup, startApp, type TestApp } from '../support/app.js';
import type { User } from '../support/users.js';
import { type Answer, cookie, send } from '../requests/client.js';

/** What the guard of the app asks, from a module of the app. */
@Injectable()
export class Staff {
  has = ({ email }: User): boolean => email === 'admin@example.com';
}

@Module({ providers: [Staff], exports: [Staff] })
export class StaffModule {}

@Injectable()
export class AdminGuard implements CanActivate {
  constructor(private readonly staff: Staff) {}

  canActivate(context: ExecutionContext): boolean {
    return this.staff.has(context.switchToHttp().getRequest<AuthenticatedRequest<User>>().user);
  }
}

/** An app with the admin, whose administrators log in with a cookie. */
export interface AdminApp extends TestApp {
  admin: User;
  session: IssuedTokens;
  /** Sends as the administrator's browser would. */
  ask(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
}

export const PATH = 'admin/sessions';
export const COOKIE = 'token';

type AdminSetup = Setup & { admin?: Partial<AdminOptions<User>> };

export async function startAdmin({ admin: given, options, ...setup }: AdminSetup = {}): Promise<AdminApp> {
  const t = await startApp({
    ...setup,
    options: { authCookieNames: [COOKIE], refreshCookieName: null, cookie: { secure: false }, ...options },
    imports: [
      AuthentifyAdminModule.register<User>({
        path: PATH,
        guards: [CookieAuthGuard, AdminGuard],
        imports: [StaffModule],
        searchColumns: ['email'],
        actions: ['list', 'revoke', 'edit', 'delete', 'issue'],
        ...given,
      }),
    ],
  });
  const admin = await t.createUser({ email: 'admin@example.com' });
  const session = await t.tokens.generateCookieToken(admin);
  return {
    ...t,
    admin,
    session,
    ask: (method, path, body, headers = {}) =>
      send(`${t.url}/${PATH}${path}`, {
        method,
        headers: {
          ...cookie(session.accessToken, COOKIE),
          ...(method !== 'GET' && { 'Content-Type': 'application/json', 'Sec-Fetch-Site': 'same-origin' }),
          ...headers,
        },
        body: method === 'GET' ? undefined : JSON.stringify(body ?? {}),
      }),
  };
}

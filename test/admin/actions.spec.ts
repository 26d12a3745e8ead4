import { ForbiddenException, type LoggerService } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import type { AuthenticatedRequest } from 'nestjs-authentify';
import type { AdminAction, AdminOptions } from 'nestjs-authentify/admin';
import { addSessionAuth } from 'nestjs-authentify/swagger';
import { afterEach, describe, expect, it } from 'vitest';
import { ADAPTERS } from '../support/app.js';
import type { User } from '../support/users.js';
import { type AdminApp, startAdmin } from './admin-app.js';

/** The app's functions fail on purpose here. */
const SILENT: LoggerService = { log() {}, warn() {}, error() {} };
const ALL: AdminAction[] = ['list', 'revoke', 'edit', 'delete', 'issue'];
/** What each action opens, in an order in which all of it can be done. */
const ROUTES: [AdminAction, string, string, object][] = [
  ['list', 'GET', '', {}],
  ['list', 'GET', '/sessions', {}],
  ['list', 'GET', '/users?search=a', {}],
  ['issue', 'POST', '/sessions', { type: 'header' }],
  ['edit', 'PATCH', '/sessions/:id', { expiresAt: new Date(Date.now() + 7_200_000).toISOString() }],
  ['revoke', 'POST', '/sessions/:id/revoke', {}],
  ['delete', 'DELETE', '/sessions/:id', {}],
  ['revoke', 'POST', '/sessions/revoke-all', {}],
];

describe.each(ADAPTERS)('R76: what may be done in the admin on %s', (adapter) => {
  let t: AdminApp;
  let ran: string[] = [];
  const start = async (actions: AdminOptions<User>['actions']): Promise<void> => {
    ran = [];
    t = await startAdmin({
      adapter,
      options: { keepExpiredTokens: true },
      logger: SILENT,
      admin: { actions },
      configure: (app) =>
        void app.useGlobalInterceptors({
          intercept: (context, next) => {
            ran.push(context.getHandler().name);
            return next.handle();
          },
        }),
    });
  };
  /** Which routes are open; what is closed has changed nothing, and nothing of the app has run for it. */
  const opened = async (): Promise<Set<AdminAction>> => {
    const user = await t.createUser();
    const { token } = await t.tokens.generateHeaderToken(user);
    const open = new Set<AdminAction>();
    for (const [action, method, path, body] of ROUTES) {
      const before = await t.rows();
      ran = [];
      const needsUser = path === '/sessions' || path.endsWith('-all');
      const answer = await t.ask(
        method,
        path.replace(':id', token.id),
        needsUser ? { ...body, userId: user.id } : body,
      );
      if (answer.status < 300) open.add(action);
      else {
        expect([answer.status, answer.json.message]).toEqual([
          403,
          `You are not allowed to perform this action: ${action}`,
        ]);
        expect(await t.rows()).toEqual(before);
        expect(ran).toEqual([]);
      }
    }
    return open;
  };
  const shown = async (): Promise<string> =>
    /data-actions="([^"]*)"/.exec((await t.ask('GET', '')).text)?.[1] ?? 'nothing';
  afterEach(() => t.close());

  it('is all but minting, unless the app says otherwise', async () => {
    await start(undefined);
    expect(await opened()).toEqual(new Set(['list', 'revoke', 'edit', 'delete']));
    expect(await shown()).toBe('list revoke edit delete');
  });

  it.each<[AdminAction[], AdminAction[]]>([
    [[], ['list']],
    [['list'], ['list']],
    [['revoke'], ['list', 'revoke']],
    [
      ['list', 'edit'],
      ['list', 'edit'],
    ],
    [['delete'], ['list', 'delete']],
    [['issue'], ['list', 'issue']],
    [ALL, ALL],
  ])('is what is granted: %j', async (granted, open) => {
    await start(granted);
    expect(await opened()).toEqual(new Set(open));
    expect(await shown()).toBe(open.join(' '));
  });

  it('may differ between administrators, as the app’s guards found them', async () => {
    const granted = new Map<string, AdminAction[]>();
    await start(async ({ user }: AuthenticatedRequest<User>) => granted.get(user.email) ?? []);
    expect(await opened()).toEqual(new Set(['list']));
    granted.set('admin@example.com', ['revoke', 'issue']);
    expect(await opened()).toEqual(new Set(['list', 'revoke', 'issue']));
    expect(await shown()).toBe('list revoke issue');
  });

  it.each([
    ['throws', () => rethrow(new Error('no roles')), 500],
    ['refuses', () => rethrow(new ForbiddenException('Not today')), 403],
    ['gives nothing', () => undefined, 500],
    ['gives a text', () => 'issue', 500],
    ['gives an action that is none', () => ['revoke', 'mint'], 500],
    ['gives an object', () => ({ issue: true, length: 1, 0: 'issue' }), 500],
  ])('is nothing where the app’s function %s', async (_, actions, refusal) => {
    await start(actions as never);
    const { token } = await t.tokens.generateHeaderToken(t.admin);
    const before = await t.rows();
    for (const [action, method, path] of ROUTES) {
      const { status } = await t.ask(method, path.replace(':id', token.id), { userId: t.admin.id, type: 'header' });
      if (action !== 'list') expect(status).toBe(refusal);
    }
    expect(await t.rows()).toEqual(before);
  });

  it('is in no OpenAPI document of the app', async () => {
    await start(undefined);
    const config = addSessionAuth(t.app, new DocumentBuilder()).build();
    expect(Object.keys(SwaggerModule.createDocument(t.app, config).paths)).toEqual([]);
  });
});

function rethrow(error: Error): never {
  throw error;
}

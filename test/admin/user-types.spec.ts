import { AuthentifyModule, CookieAuthGuard, GuardFor, providerFor, TokenService } from 'nestjs-authentify';
import { type AdminOptions, AuthentifyAdminModule } from 'nestjs-authentify/admin';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, cookie, send } from '../requests/client.js';
import { ADAPTERS, type Setup, startApp, type TestApp } from '../support/app.js';
import { Staff, StaffToken } from '../support/staff.js';
import { User } from '../support/users.js';

class StaffGuard extends GuardFor('staff', CookieAuthGuard) {}

const COOKIE = 'staff_token';

/** Staff administer the sessions of the customers, and their own. */
function startShop(setup: Setup, admin: Partial<AdminOptions<Staff>> = {}): Promise<TestApp> {
  return startApp({
    ...setup,
    imports: [
      AuthentifyModule.forRoot({
        name: 'staff',
        tokenEntity: StaffToken,
        authCookieNames: [COOKIE],
        refreshCookieName: null,
        cookie: { secure: false },
      }),
      AuthentifyAdminModule.register<User>({ path: 'admin/customers', guards: [StaffGuard], searchColumns: ['email'] }),
      AuthentifyAdminModule.register<Staff>({
        path: 'admin/staff',
        registration: 'staff',
        guards: [StaffGuard],
        searchColumns: ['email'],
        actions: ['revoke', 'issue'],
        ...admin,
      }),
    ],
    entities: [Staff, StaffToken],
  });
}

describe.each(ADAPTERS)('an admin for each user type on %s', (adapter) => {
  let t: TestApp;
  let staff: TokenService<StaffToken>;
  let eve: Staff;
  let accessToken: string;
  const ask = (path: string, method = 'GET', body?: object): Promise<Answer> =>
    send(`${t.url}/admin/${path}`, {
      method,
      headers: {
        ...cookie(accessToken, COOKIE),
        ...(body && { 'Content-Type': 'application/json', 'Sec-Fetch-Site': 'same-origin' }),
      },
      ...(body && { body: JSON.stringify(body) }),
    });
  const idsOf = async (path: string): Promise<string[]> =>
    ((await ask(path)).json.sessions as { id: string }[]).map(({ id }) => id);

  beforeAll(async () => {
    t = await startShop({ adapter });
    staff = t.app.get<TokenService<StaffToken>>(providerFor('staff', TokenService));
    eve = await t.dataSource.getRepository(Staff).save({ email: 'eve@staff.example.com' });
    ({ accessToken } = await staff.generateCookieToken(eve));
  });
  afterAll(() => t.close());

  it('shows the sessions of its own, and nobody else’s', async () => {
    const ada = await t.createUser({ email: 'ada@example.com' });
    const { token } = await t.tokens.generateHeaderToken(ada);
    expect(await idsOf('customers/sessions')).toEqual([token.id]);
    expect(await idsOf('staff/sessions')).not.toContain(token.id);
    expect(await idsOf('staff/sessions')).toHaveLength(1);
    expect((await ask('customers/users?search=eve')).json).toEqual({ users: [] });
    expect((await ask('staff/users?search=eve')).json).toEqual({ users: [{ id: eve.id, label: eve.email }] });
  });

  it('issues tokens of its own and ends its own sessions', async () => {
    const issued = await ask('staff/sessions', 'POST', { userId: eve.id, type: 'header' });
    const { accessToken: raw, session } = issued.json as { accessToken: string; session: { id: string } };
    expect(await staff.verifyToken(raw)).toMatchObject({ id: session.id, user: { email: eve.email } });
    expect(await t.tokens.verifyToken(raw)).toBeNull();
    expect((await ask(`customers/sessions/${session.id}/revoke`, 'POST', {})).status).toBe(404);
    expect((await ask(`staff/sessions/${session.id}/revoke`, 'POST', {})).json).toEqual({ ended: 1 });
    expect(await staff.verifyToken(raw)).toBeNull();
  });
});

describe('R67: an admin', () => {
  it.each(['', 1, null])('for a registration %j stops the boot', (registration) => {
    expect(() =>
      AuthentifyAdminModule.register({ path: 'admin', guards: [StaffGuard], registration: registration as never }),
    ).toThrow(/registration must be the name of a registration/);
  });

  it('for a registration that nobody made stops the boot, which names it', async () => {
    await expect(startShop({}, { registration: 'staf' })).rejects.toThrow(/authentify:staf:/);
  });
});

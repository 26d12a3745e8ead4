// What every generated client does against a running app: log in, refresh, list, end one session, log out.
import assert from 'node:assert/strict';

export type Transport = 'header' | 'cookie';

/** The tokens that a client holds itself; a cookie session's are in its jar. */
export interface Tokens {
  accessToken?: string;
  refreshToken?: string | null;
}

/** The operations of one user type, as the client names them. */
export interface UserType {
  login(email: string, transport: Transport): Promise<Tokens>;
  me(): Promise<{ email: string }>;
  /** Without a refresh token the client sends what it makes of no body. */
  refresh(refreshToken?: string | null): Promise<Tokens & { expiresAt: string | null }>;
  list(): Promise<{ id: string; current: boolean }[]>;
  end(id: string): Promise<unknown>;
  logout(): Promise<unknown>;
  logoutAll(): Promise<unknown>;
  logoutOthers(): Promise<unknown>;
}

/** A client, made of what was generated. */
export type MakeClient = (
  url: string,
  fetch: typeof globalThis.fetch,
  accessToken: () => string | undefined,
) => Record<'customers' | 'staff', UserType>;

const EMAILS = { customers: 'ada', staff: 'eve' } as const;

/** Both user types, one after the other, each on two devices. */
export async function walk(makeClient: MakeClient, url: string, transport: Transport): Promise<void> {
  for (const kind of ['customers', 'staff'] as const) {
    const [phone, laptop] = [device(makeClient, url)[kind], device(makeClient, url)[kind]];
    await phone.login(EMAILS[kind], transport);
    await laptop.login(EMAILS[kind], transport);
    assert.equal((await phone.me()).email, EMAILS[kind]);
    const refreshed = await phone.refresh();
    assert.equal('accessToken' in refreshed, transport === 'header');
    assert.ok(refreshed.expiresAt);
    assert.equal((await phone.list()).length, 2);
    const other = (await phone.list()).find(({ current }) => !current);
    await phone.end(other!.id);
    await assert.rejects(laptop.me(), /401/);
    assert.deepEqual(
      (await phone.list()).map(({ current }) => current),
      [true],
    );
    await laptop.login(EMAILS[kind], transport);
    await phone.logoutOthers();
    await assert.rejects(laptop.me(), /401/);
    await phone.logout();
    await assert.rejects(phone.me(), /401/);
    await laptop.login(EMAILS[kind], transport);
    await laptop.logoutAll();
    await assert.rejects(laptop.me(), /401/);
  }
}

/** One device: its own cookies, its own tokens. */
function device(makeClient: MakeClient, url: string): Record<'customers' | 'staff', UserType> {
  let tokens: Tokens = {};
  const client = makeClient(url, fetchWithCookies(), () => tokens.accessToken);
  const holding = (type: UserType): UserType => ({
    ...type,
    login: async (...args) => (tokens = await type.login(...args)),
    refresh: async () => {
      const next = await type.refresh(tokens.refreshToken);
      tokens = next;
      return next;
    },
  });
  return { customers: holding(client.customers), staff: holding(client.staff) };
}

/** `fetch` as a browser has it: cookies are kept, and sent again. */
function fetchWithCookies(): typeof fetch {
  const jar = new Map<string, string>();
  return async (input, init) => {
    const request = new Request(input, init);
    if (jar.size > 0) request.headers.set('Cookie', [...jar].map((pair) => pair.join('=')).join('; '));
    const response = await fetch(request);
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === '') jar.delete(name);
      else jar.set(name, value);
    }
    return response;
  };
}

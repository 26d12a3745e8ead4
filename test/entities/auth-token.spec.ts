import { format, inspect } from 'node:util';
import { Controller, Get, UseGuards } from '@nestjs/common';
import {
  AbstractAuthToken,
  AuthentifyConfigurationError,
  authTokenEntity,
  CurrentToken,
  HeaderAuthGuard,
  type IssuedTokens,
  type JsonObject,
  TokenOwner,
} from 'nestjs-authentify';
import { Column, DataSource, Entity, getMetadataArgsStorage, type Repository } from 'typeorm';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { startApp, type TestApp } from '../support/app.js';
import { DATABASE } from '../support/database.js';
import { User } from '../support/users.js';

const NOW = Date.UTC(2026, 0, 15, 12, 0, 0, 123);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const DIGESTS = ['accessTokenHash', 'refreshTokenHash', 'refreshFamilyHash', 'previousRefreshTokenHash'] as const;
const PRIVATE = [...DIGESTS, 'rotationSalt', 'pruneAt'] as const;

const travelTo = (instant: number) => vi.useFakeTimers({ toFake: ['Date'], now: instant });

class DeviceColumns {
  @Column({ type: 'varchar', length: 20, default: 'unknown' })
  kind!: string;

  @Column({ type: 'int', nullable: true })
  build!: number | null;
}

interface DeviceContext {
  device: string;
  screen: { width: number; modes: string[] };
}

@Entity('auth_tokens')
class DeviceToken extends AbstractAuthToken<User> {
  @TokenOwner(() => User)
  user!: User;

  @Column({ type: 'varchar', length: 45, nullable: true })
  lastUsedIp!: string | null;

  @Column({ type: 'int', default: 7 })
  trust!: number;

  @Column(() => DeviceColumns)
  device!: DeviceColumns;
}

@Controller('sessions')
@UseGuards(HeaderAuthGuard)
class SessionsController {
  @Get('current')
  current(@CurrentToken() token: AbstractAuthToken): AbstractAuthToken {
    return token;
  }

  @Get('context')
  context(@CurrentToken() token: AbstractAuthToken): object {
    return token.contextObj;
  }
}

describe('the default token entity', () => {
  class Customer {}
  class Employee {}

  it('is the same class at each call for one user class, and another for another', () => {
    const entity = authTokenEntity(() => Customer);
    expect(authTokenEntity(() => Customer)).toBe(entity);
    expect(authTokenEntity(() => Employee)).not.toBe(entity);
    expect(authTokenEntity(() => Employee)).toBe(authTokenEntity(() => Employee));
    expect(entity.prototype).toBeInstanceOf(AbstractAuthToken);
  });

  it('is registered once, as the table auth_tokens', () => {
    const entity = authTokenEntity(() => Customer);
    authTokenEntity(() => Customer);
    expect(getMetadataArgsStorage().tables.filter(({ target }) => target === entity)).toMatchObject([
      { name: 'auth_tokens' },
    ]);
  });

  it('says so when the user class is not there yet', () => {
    for (const missing of [undefined, null, 'User']) {
      expect(() => authTokenEntity(() => missing as never)).toThrow(AuthentifyConfigurationError);
      expect(() => authTokenEntity(() => missing as never)).toThrow(/userEntity.*import/);
    }
  });
});

describe('a token entity of the app', () => {
  let t: TestApp<DeviceToken>;
  let rows: Repository<DeviceToken>;

  beforeAll(async () => {
    t = await startApp<DeviceToken>({
      tokenEntity: DeviceToken,
      controllers: [SessionsController],
      options: { tokenTtl: '1h', refreshTokenTtl: '7d', autoRefreshInterval: '5m', autoRefreshMaxTtl: '30d' },
      extras: { autoRefresh: true },
    });
    rows = t.dataSource.getRepository(DeviceToken);
  });
  afterAll(() => t.close());

  const login = async () => t.tokens.generateHeaderToken(await t.createUser(), { context: { device: 'phone' } });
  const own = { lastUsedIp: '192.0.2.7', trust: 1, device: { kind: 'tablet', build: 42 } };

  it('holds what the database filled in, defaults and embedded columns, from login on', async () => {
    const { accessToken, token } = await login();
    const filled = { lastUsedIp: null, trust: 7, device: { kind: 'unknown', build: null } };

    expect(token).toBeInstanceOf(DeviceToken);
    expect(await t.tokens.verifyToken(accessToken)).toMatchObject(filled);
    expect(await rows.findOneByOrFail({ id: token.id })).toMatchObject(filled);
    expect(token).toMatchObject({ trust: 7, device: { kind: 'unknown' } });
  });

  it('says null, not undefined, for a column that is empty, from login on', async () => {
    const { token } = await login();
    expect(token.lastUsedIp).toBeNull();
    expect(token.device.build).toBeNull();
  });

  it('keeps its own columns through a refresh', async () => {
    const { refreshToken, token } = await login();
    await rows.update({ id: token.id }, own);

    const refreshed = await t.tokens.refreshToken(refreshToken!);

    expect(refreshed?.token).toMatchObject({ id: token.id, ...own });
    expect(await t.tokens.verifyToken(refreshed!.accessToken)).toMatchObject(own);
    expect(await rows.findOneByOrFail({ id: token.id })).toMatchObject({ ...own, context: { device: 'phone' } });
  });

  it('keeps its own columns through a slide, whatever the request had read before', async () => {
    travelTo(NOW);
    const { accessToken, token } = await login();
    await rows.update({ id: token.id }, own);

    vi.setSystemTime(NOW + 10 * MINUTE);
    const response = await fetch(`${t.url}/sessions/current`, { headers: { authorization: `Bearer ${accessToken}` } });

    expect(await response.json()).toMatchObject({ id: token.id, ...own });
    expect(await rows.findOneByOrFail({ id: token.id })).toMatchObject({
      ...own,
      context: { device: 'phone' },
      expiresAt: new Date(NOW + 10 * MINUTE + HOUR),
    });
  });

  it('can be written by the app while a session is read, and the session goes on', async () => {
    const { accessToken, token } = await login();
    const loaded = await t.tokens.verifyToken(accessToken);
    await rows.update({ id: loaded!.id }, { lastUsedIp: '192.0.2.8' });
    expect(await t.tokens.verifyToken(accessToken)).toMatchObject({ id: token.id, lastUsedIp: '192.0.2.8' });
  });

  it('is what lists, verification and login give, with its getters', async () => {
    const user = await t.createUser();
    const { accessToken, token } = await t.tokens.generateHeaderToken(user);
    for (const each of [token, await t.tokens.verifyToken(accessToken), ...(await t.tokens.listUserTokens(user))]) {
      expect(each).toBeInstanceOf(DeviceToken);
      expect(each?.isActive).toBe(true);
    }
  });

  it('shows its own columns in JSON', async () => {
    const { token } = await login();
    const json = JSON.parse(JSON.stringify(await rows.findOneByOrFail({ id: token.id }))) as object;
    expect(json).toMatchObject({ trust: 7, device: { kind: 'unknown' } });
  });
});

describe('what a row keeps to itself', () => {
  let t: TestApp;
  let rows: Repository<AbstractAuthToken<User>>;
  let id: string;
  let raw: Record<string, unknown>;
  let secrets: string[];

  beforeAll(async () => {
    t = await startApp({ controllers: [SessionsController] });
    rows = t.dataSource.getRepository(t.tokenEntity);
    const user = await t.createUser({ passwordHash: 'a hash of the user' });
    const first = await t.tokens.generateHeaderToken(user, { context: { device: 'phone' } });
    const second = (await t.tokens.refreshToken(first.refreshToken!))!;
    id = first.token.id;
    raw = (await t.rows())[0]!;
    secrets = [
      'access_token_hash',
      'refresh_token_hash',
      'refresh_family_hash',
      'previous_refresh_token_hash',
      'rotation_salt',
    ].map((column) => String(raw[column]));
    secrets.push(...[first, second].flatMap(({ accessToken, refreshToken }) => [accessToken, refreshToken!]));
  });
  afterAll(() => t.close());

  /** The row with everything, as an app may load it by mistake or for a report. */
  function loadAll(): Promise<AbstractAuthToken<User>> {
    return rows
      .createQueryBuilder('token')
      .addSelect(PRIVATE.map((name) => `token.${name}`))
      .leftJoinAndSelect('token.user', 'user')
      .where({ id })
      .getOneOrFail();
  }

  it('is really there: digests in lower-case hex and a salt, and no raw token', () => {
    expect(secrets.slice(0, 5).every((secret) => /^[0-9a-f]{64}$/.test(secret))).toBe(true);
    for (const token of secrets.slice(5)) expect(Object.values(raw).map(String)).not.toContain(token);
  });

  it('R63: is not selected by find, findOne or a QueryBuilder', async () => {
    const found = [
      ...(await rows.find()),
      await rows.findOne({ where: { id } }),
      await rows.findOneBy({ id }),
      await rows.createQueryBuilder('token').getOne(),
      ...(await rows.createQueryBuilder('token').leftJoinAndSelect('token.user', 'user').getMany()),
      ...(await t.tokens.listUserTokens(1)),
    ];
    expect(found).toHaveLength(6);
    for (const row of found) {
      expect(row?.id).toBe(id);
      for (const name of PRIVATE) expect(row?.[name]).toBeUndefined();
      for (const secret of secrets) expect(inspect(Object.entries(row!), { depth: 9 })).not.toContain(secret);
    }
  });

  it('R63: is on nothing that login, verification, refresh and lists give', async () => {
    const user = await t.createUser();
    const login = await t.tokens.generateHeaderToken(user);
    const refreshed = await t.tokens.refreshToken(login.refreshToken!);
    const verified = await t.tokens.verifyToken(refreshed!.accessToken);
    const listed = await t.tokens.listUserTokens(user);
    for (const token of [login.token, refreshed!.token, verified, ...listed]) {
      expect(Object.keys(token!).filter((name) => (PRIVATE as readonly string[]).includes(name))).toEqual([]);
    }
  });

  it('R63: can be selected explicitly', async () => {
    const token = await loadAll();
    expect([...DIGESTS, 'rotationSalt' as const].map((name) => token[name])).toEqual(secrets.slice(0, 5));
  });

  it('R63: is absent from JSON, inspect and logs even then', async () => {
    const token = await loadAll();
    const shown = [
      JSON.stringify(token),
      JSON.stringify({ deep: [token] }),
      inspect(token),
      inspect(token, { depth: 9, showHidden: true, getters: true }),
      inspect({ deep: [{ token }] }, { depth: 9 }),
      format('%s %o %O %j', token, token, token, token),
    ];
    for (const text of shown) {
      for (const secret of secrets) expect(text).not.toContain(secret);
      for (const name of PRIVATE) expect(text).not.toContain(name);
    }
    expect(inspect(token)).toContain(id);
  });

  it('omits the user from JSON, whose own secrets are not ours to publish', async () => {
    const token = await loadAll();
    expect(token.user.passwordHash).toBe('a hash of the user');
    expect(token.toJSON()).not.toHaveProperty('user');
    expect(JSON.stringify(token)).not.toContain('a hash of the user');
    expect(inspect(token, { depth: 9 })).not.toContain('a hash of the user');
  });

  it('is all that JSON leaves out', async () => {
    const token = await loadAll();
    expect(Object.keys(token.toJSON()).toSorted()).toEqual([
      'authType',
      'context',
      'createdAt',
      'expiresAt',
      'id',
      'lastRefreshedAt',
      'refreshUntil',
      'revokedAt',
      'revokedReason',
      'rotatedAt',
      'sessionExpiresAt',
      'userId',
    ]);
    expect(JSON.parse(JSON.stringify(token))).toMatchObject({
      id,
      userId: 1,
      authType: 'header',
      context: { device: 'phone' },
      createdAt: token.createdAt.toISOString(),
      revokedAt: null,
    });
  });

  it('R63: is absent from what a route answers that returns the token', async () => {
    const { accessToken } = await t.tokens.generateHeaderToken(1);
    const response = await fetch(`${t.url}/sessions/current`, { headers: { authorization: `Bearer ${accessToken}` } });
    const body = await response.text();
    expect(JSON.parse(body)).toMatchObject({ userId: 1, authType: 'header' });
    expect(body).not.toMatch(/[0-9a-f]{64}|a hash of the user|Hash|rotationSalt/);
  });
});

describe('R24: instants', () => {
  const TIME_ZONES = ['America/St_Johns', 'Asia/Tokyo', 'Pacific/Kiritimati', 'UTC'];
  const original = process.env.TZ;
  let t: TestApp;

  beforeAll(async () => {
    t = await startApp({
      options: { tokenTtl: '1h', refreshTokenTtl: '7d', sessionMaxTtl: '30d', keepExpiredTokens: true },
    });
  });
  afterEach(() => {
    if (original === undefined) delete process.env.TZ;
    else process.env.TZ = original;
  });
  afterAll(() => t.close());

  /** Opens, rotates and ends a session, so that every instant is set. */
  async function wholeLife(): Promise<string> {
    const user = await t.createUser();
    travelTo(NOW);
    const first = await t.tokens.generateHeaderToken(user);
    vi.setSystemTime(NOW + MINUTE + 1);
    const second = await t.tokens.refreshToken(first.refreshToken!);
    vi.setSystemTime(NOW + 2 * MINUTE + 2);
    expect(await t.tokens.revokeToken(second!.token)).toBe(1);
    return first.token.id;
  }
  const LIFE = {
    createdAt: NOW,
    lastRefreshedAt: NOW + MINUTE + 1,
    expiresAt: NOW + MINUTE + 1 + HOUR,
    refreshUntil: NOW + MINUTE + 1 + 7 * DAY,
    sessionExpiresAt: NOW + 30 * DAY,
    rotatedAt: NOW + MINUTE + 1,
    revokedAt: NOW + 2 * MINUTE + 2,
  };

  it('are epoch milliseconds in the table, to the millisecond', async () => {
    const id = await wholeLife();
    const row = (await t.rows()).find((each) => each.id === id)!;
    const stored = Object.fromEntries(
      Object.keys(LIFE).map((name) => {
        const column = name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
        return [name, String(row[column])];
      }),
    );
    expect(stored).toEqual(Object.fromEntries(Object.entries(LIFE).map(([name, instant]) => [name, String(instant)])));
  });

  it('are null in the table and on the entity where there is none', async () => {
    const { token } = await t.tokens.generateHeaderToken(await t.createUser(), { refreshExpiresIn: null });
    const row = (await t.rows()).find(({ id }) => id === token.id)!;
    expect([row.refresh_until, row.rotated_at, row.revoked_at]).toEqual([null, null, null]);
    const found = await t.dataSource.getRepository(t.tokenEntity).findOneByOrFail({ id: token.id });
    expect([found.refreshUntil, found.rotatedAt, found.revokedAt, found.revokedReason]).toEqual([
      null,
      null,
      null,
      null,
    ]);
  });

  it.each(TIME_ZONES)('written in %s read the same in every other time zone', async (writer) => {
    process.env.TZ = writer;
    const offset = new Date(NOW).getTimezoneOffset();
    const id = await wholeLife();
    for (const reader of TIME_ZONES.filter((zone) => zone !== writer)) {
      process.env.TZ = reader;
      expect(new Date(NOW).getTimezoneOffset()).not.toBe(offset);
      // A connection of its own, as another process has it; a database in memory has but one.
      const dataSource =
        DATABASE === 'sqljs' ? t.dataSource : new DataSource({ ...t.dataSource.options, synchronize: false });
      if (dataSource !== t.dataSource) await dataSource.initialize();
      try {
        const token = await dataSource.getRepository(t.tokenEntity).findOneByOrFail({ id });
        for (const [name, instant] of Object.entries(LIFE)) {
          expect(token[name as keyof typeof LIFE]).toEqual(new Date(instant));
        }
      } finally {
        if (dataSource !== t.dataSource) await dataSource.destroy();
      }
    }
  });

  it('decide alike in every time zone', async () => {
    const user = await t.createUser();
    travelTo(NOW);
    process.env.TZ = 'Pacific/Kiritimati';
    const { accessToken } = await t.tokens.generateHeaderToken(user);
    for (const zone of TIME_ZONES) {
      process.env.TZ = zone;
      vi.setSystemTime(NOW + HOUR - 1);
      expect(await t.tokens.verifyToken(accessToken)).not.toBeNull();
      vi.setSystemTime(NOW + HOUR);
      expect(await t.tokens.verifyToken(accessToken)).toBeNull();
    }
  });
});

describe('R24: isExpired and isActive', () => {
  const Token = authTokenEntity(() => User);
  const token = (columns: Partial<AbstractAuthToken<User>>) =>
    Object.assign(new Token(), { expiresAt: null, sessionExpiresAt: null, revokedAt: null, ...columns });

  it.each([
    [-1, false],
    [0, true],
    [1, true],
  ])('turn at the millisecond of expiry itself: %d ms after it, isExpired is %s', (offset, expired) => {
    travelTo(NOW + offset);
    for (const each of [
      token({ expiresAt: new Date(NOW) }),
      token({ sessionExpiresAt: new Date(NOW) }),
      token({ expiresAt: new Date(NOW + DAY), sessionExpiresAt: new Date(NOW) }),
      token({ expiresAt: new Date(NOW), sessionExpiresAt: new Date(NOW + DAY) }),
    ]) {
      expect(each.isExpired).toBe(expired);
      expect(each.isActive).toBe(!expired);
    }
  });

  it('never turn for a token without any end', () => {
    travelTo(NOW + 1_000 * 365 * DAY);
    expect(token({}).isExpired).toBe(false);
    expect(token({}).isActive).toBe(true);
  });

  it('call a revoked token inactive, expired or not, even where the revocation lies ahead', () => {
    travelTo(NOW);
    for (const revokedAt of [new Date(NOW - 1), new Date(NOW), new Date(NOW + DAY)]) {
      expect(token({ revokedAt }).isActive).toBe(false);
      expect(token({ revokedAt }).isExpired).toBe(false);
      expect(token({ revokedAt, expiresAt: new Date(NOW) }).isActive).toBe(false);
    }
  });

  it('agree with verification', async () => {
    const t = await startApp({ options: { tokenTtl: '1h', refreshTokenTtl: '7d' } });
    try {
      travelTo(NOW);
      const { accessToken } = await t.tokens.generateHeaderToken(await t.createUser());
      const session = (await t.tokens.verifyToken(accessToken))!;
      for (const offset of [0, HOUR - 1, HOUR, HOUR + 1]) {
        vi.setSystemTime(NOW + offset);
        expect(session.isActive).toBe((await t.tokens.verifyToken(accessToken)) !== null);
      }
    } finally {
      await t.close();
    }
  });
});

describe('contextObj', () => {
  const CONTEXT: DeviceContext = { device: 'phone', screen: { width: 390, modes: ['dark', 'light'] } };
  let relaxed: TestApp;
  let strict: TestApp;
  let user: User;

  beforeAll(async () => {
    relaxed = await startApp({ controllers: [SessionsController] });
    // A second application in this process, on the same table.
    strict = await startApp({
      controllers: [SessionsController],
      options: { strictContextAccess: true },
      beside: relaxed,
    });
    user = await relaxed.createUser();
  });
  afterAll(async () => {
    await strict.app.close();
    await relaxed.close();
  });

  /** The session from everywhere one gets it: login, verification, list, refresh. */
  async function sessions(app: TestApp): Promise<AbstractAuthToken[]> {
    const issued: IssuedTokens = await app.tokens.generateHeaderToken(user, {
      context: { ...CONTEXT } as unknown as JsonObject,
    });
    const verified = await app.tokens.verifyToken(issued.accessToken);
    const listed = await app.tokens.listUserTokens(user);
    const refreshed = await app.tokens.refreshToken(issued.refreshToken!);
    expect(await app.tokens.revokeAllUserTokens(user)).toBe(1);
    return [issued.token, verified!, listed[0]!, refreshed!.token];
  }
  const viewOf = (token: AbstractAuthToken) => token.contextObj as unknown as DeviceContext & Record<string, unknown>;

  it.each(['relaxed', 'strict'])('is the context, nested and read-only at every depth (%s)', async (mode) => {
    for (const token of await sessions(mode === 'strict' ? strict : relaxed)) {
      const view = viewOf(token);
      expect(JSON.parse(JSON.stringify(view))).toEqual(CONTEXT);
      expect(view.screen.modes[1]).toBe('light');
      for (const write of [
        () => (view.device = 'other'),
        () => (view.late = 1),
        () => (view.screen.width = 1),
        () => view.screen.modes.push('x'),
        () => delete (view as Partial<DeviceContext>).device,
      ]) {
        expect(write).toThrow(TypeError);
      }
      expect(JSON.stringify(token.context)).toBe(JSON.stringify(CONTEXT));
    }
  });

  it('gives undefined for an unknown key by default', async () => {
    for (const token of await sessions(relaxed)) {
      expect(viewOf(token).tenant).toBeUndefined();
      expect((viewOf(token).screen as unknown as Record<string, unknown>).height).toBeUndefined();
    }
  });

  it('throws for an unknown key with strictContextAccess, in that application only', async () => {
    for (const token of await sessions(strict)) {
      expect(() => viewOf(token).tenant).toThrow(/"tenant"/);
      expect(() => (viewOf(token).screen as unknown as Record<string, unknown>).height).toThrow(/"height"/);
      expect(viewOf(token).device).toBe('phone');
      expect((token.context as Record<string, unknown>).tenant).toBeUndefined();
    }
    for (const token of await sessions(relaxed)) expect(viewOf(token).tenant).toBeUndefined();
  });

  it('can be written as JSON, awaited and inspected with strictContextAccess', async () => {
    for (const token of await sessions(strict)) {
      expect(JSON.parse(JSON.stringify(token))).toMatchObject({ context: CONTEXT });
      expect(await (token.contextObj as unknown)).toBe(token.contextObj);
      expect(inspect(token.contextObj, { depth: 9 })).toContain("device: 'phone'");
      expect(inspect(token, { getters: true, depth: 9 })).toContain("device: 'phone'");
    }
  });

  it.each(['relaxed', 'strict'])('can be what a route returns (%s)', async (mode) => {
    const app = mode === 'strict' ? strict : relaxed;
    const { accessToken } = await app.tokens.generateHeaderToken(user, {
      context: { ...CONTEXT } as unknown as JsonObject,
    });
    const response = await fetch(`${app.url}/sessions/context`, {
      headers: { authorization: `Bearer ${accessToken}` },
    });
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual(CONTEXT);
  });

  it('is there on rows that the app loaded itself', async () => {
    const { token } = await relaxed.tokens.generateHeaderToken(user, {
      context: { ...CONTEXT } as unknown as JsonObject,
    });
    const found = await relaxed.dataSource.getRepository(relaxed.tokenEntity).findOneByOrFail({ id: token.id });
    expect({ ...found.contextObj }).toMatchObject({ device: 'phone' });
    expect(() => (viewOf(found).screen.width = 1)).toThrow(TypeError);
  });

  it('is empty for a session without a context', async () => {
    for (const context of [undefined, null, {}]) {
      const { accessToken, token } = await relaxed.tokens.generateHeaderToken(user, { context });
      expect(Object.keys(token.contextObj)).toEqual([]);
      expect(Object.keys((await relaxed.tokens.verifyToken(accessToken))!.contextObj)).toEqual([]);
    }
  });
});

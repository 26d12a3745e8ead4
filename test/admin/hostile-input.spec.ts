import type { INestApplication, Type } from '@nestjs/common';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { type AbstractAuthToken, AuthentifyModule, authTokenEntity, TokenService } from 'nestjs-authentify';
import { AuthentifyAdminModule } from 'nestjs-authentify/admin';
import { Column, DataSource, Entity, PrimaryColumn, type Repository } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, send } from '../requests/client.js';
import { type Adapter, ADAPTERS } from '../support/app.js';
import { createDatabase } from '../support/database.js';
import { BIG, BigintUser, IntUser, UnsignedUser, UuidUser, VarcharUser } from '../support/keyed-users.js';

interface Person {
  id: unknown;
  email: string;
}

@Entity('users')
class IntPerson extends IntUser {
  @Column({ type: 'varchar', length: 100 })
  email!: string;
}

@Entity('users')
class UnsignedPerson extends UnsignedUser {
  @Column({ type: 'varchar', length: 100 })
  email!: string;
}

@Entity('users')
class BigintPerson extends BigintUser {
  @Column({ type: 'varchar', length: 100 })
  email!: string;
}

/** As an app declares it that calculates with its keys. */
@Entity('users')
class BigIntPerson {
  @PrimaryColumn({
    type: 'bigint',
    transformer: { to: (key: unknown) => (typeof key === 'bigint' ? String(key) : key), from: BigInt },
  })
  id!: bigint;

  @Column({ type: 'varchar', length: 100 })
  email!: string;
}

@Entity('users')
class UuidPerson extends UuidUser {
  @Column({ type: 'varchar', length: 100 })
  email!: string;
}

@Entity('users')
class VarcharPerson extends VarcharUser {
  @Column({ type: 'varchar', length: 100 })
  email!: string;
}

const PEOPLE: [string, Type<Person>, Partial<Person>][] = [
  ['int', IntPerson, {}],
  ['unsigned int', UnsignedPerson, {}],
  ['bigint', BigintPerson, { id: BIG }],
  ['bigint as a BigInt', BigIntPerson, { id: BigInt(BIG) }],
  ['uuid', UuidPerson, {}],
  ['varchar', VarcharPerson, { id: 'ada' }],
];

const LONG = 'x'.repeat(5_000);
const DIGITS = '12345678901234567890';
/** What a text can be that somebody types, pastes or makes up. */
const TEXTS = [
  '',
  ' ',
  'nobody',
  '0',
  '-1',
  '1e3',
  '0x10',
  '1.5',
  '٣',
  '2147483648',
  '-2147483649',
  '4294967296',
  '9007199254740993',
  '9223372036854775808',
  '-9223372036854775809',
  DIGITS,
  `-${DIGITS}`,
  DIGITS.repeat(10),
  LONG,
  '\0',
  'a\0b',
  '\u{1F642}',
  '\u{1F642}'.repeat(127),
  '\r\nSet-Cookie: a=b',
  "' OR 1=1 --",
  '" ; DROP TABLE users',
  '\\',
  '%',
  '_',
  '!',
  '__proto__',
  'constructor',
  'toString',
  'null',
  'undefined',
  'NaN',
  'Infinity',
  '[object Object]',
  '{}',
  '01890a5d-ac96-774b-bcce-b302099a8057',
  '01890A5D-AC96-774B-BCCE-B302099A8057',
  'ffffffff-ffff-ffff-ffff-ffffffffffff',
];
/** Text that is no Unicode: half an emoji, and bytes that are no UTF-8. */
const RAW = ['%ED%A0%BD', '%FF%FE', '%C0%80', '%E0%A4%A', '%', '%00', '%u1234', '+'];
const DATES = [
  '0000-01-01',
  '1969-12-31',
  '1970-01-01',
  '9999-12-31T23:59:59.999Z',
  '+275760-09-13',
  '275760-09-14',
  '2026-02-30',
  '2026-13-01',
  '2026-01-01T25:00:00Z',
  '2026-01-01T00:00:00+99:99',
  '2026-01-01T00:00:00.1234567Z',
  '1767225600000',
];
const JSON_VALUES: unknown[] = [
  null,
  true,
  0,
  -0,
  -1,
  1.5,
  1e21,
  2 ** 31,
  2 ** 53,
  2 ** 63,
  -(2 ** 64),
  [],
  [1],
  {},
  { id: 1 },
  { toString: 'x' },
  { length: 3 },
  ...TEXTS,
  '\uD83D',
  'a\uDE42b',
];
/** In JSON these come out as Infinity, or as something an object should not have. */
const BODIES = [
  '',
  ' ',
  '{',
  'null',
  '[]',
  '"text"',
  '5',
  '{"userId":1e400,"type":"header"}',
  '{"__proto__":{"userId":1,"type":"header"}}',
  '{"constructor":{"prototype":{"userId":1}}}',
  '{"userId":1,"userId":2,"type":"header"}',
  '{"userId":1,"type":["header"]}',
  '{"userId":1,"type":"__proto__"}',
  `{"userId":1,"type":"header","context":${'['.repeat(1_000)}${']'.repeat(1_000)}}`,
  '{"userId":1,"type":"header","context":{"__proto__":1}}',
  '{"userId":1,"type":"header","context":{"a":"\\ud83d"}}',
  '{"userId":1,"type":"header","context":{"a":"\\u0000"}}',
  '{"userId":1,"type":"header","accessExpiresIn":1e308}',
  '{"userId":1,"type":"header","accessExpiresIn":"9999999999999y"}',
  '{"expiresAt":"9999-12-31T23:59:59.999Z"}',
  '{"expiresAt":"275760-09-13"}',
];

interface Keyring {
  ask(method: string, path: string, body?: string): Promise<Answer>;
  person: Person;
  rows: Repository<AbstractAuthToken<Person>>;
  tokens: TokenService<AbstractAuthToken<Person>>;
  close(): Promise<void>;
}

async function start(adapter: Adapter, userEntity: Type<Person>, given: Partial<Person>): Promise<Keyring> {
  const database = await createDatabase();
  const tokenEntity = authTokenEntity(() => userEntity);
  const testing = await Test.createTestingModule({
    imports: [
      TypeOrmModule.forRoot({
        ...database.options,
        entities: [userEntity, tokenEntity],
        synchronize: true,
        retryAttempts: 0,
      }),
      AuthentifyModule.forRoot({ userEntity, keepExpiredTokens: true }),
      AuthentifyAdminModule.register<Person>({
        path: 'admin',
        guards: [{ canActivate: () => true }],
        searchColumns: ['email'],
        actions: ['revoke', 'edit', 'delete', 'issue'],
      }),
    ],
  }).compile();
  const app: INestApplication =
    adapter === 'fastify'
      ? testing.createNestApplication<NestFastifyApplication>(new FastifyAdapter())
      : testing.createNestApplication();
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as { port: number };
  const dataSource = app.get(DataSource);
  const users = dataSource.getRepository(userEntity);
  const email = 'ada@example.com';
  await users.insert({ ...given, email } as object);
  return {
    ask: (method, path, body) =>
      send(`http://127.0.0.1:${port}/admin${path}`, {
        method,
        ...(method !== 'GET' && { headers: { 'Content-Type': 'application/json' }, body: body ?? '{}' }),
      }),
    person: await users.findOneByOrFail({ email }),
    rows: dataSource.getRepository(tokenEntity),
    tokens: app.get<TokenService<AbstractAuthToken<Person>>>(TokenService),
    close: async () => {
      await app.close();
      await database.drop();
    },
  };
}

describe.each(ADAPTERS)('R66: the admin on %s', (adapter) => {
  let t: Keyring;
  const failures: string[] = [];
  const tried = async (method: string, path: string, body?: string): Promise<void> => {
    const answer = await t.ask(method, path, body);
    if ([200, 201, 400, 404, 409, 414].includes(answer.status)) return;
    failures.push(`${method} ${path.slice(0, 80)} ${body?.slice(0, 80) ?? ''} → ${answer.status} ${answer.text}`);
  };

  describe.each(PEOPLE)('with users whose key is a %s', (_, userEntity, given) => {
    let key: string;
    beforeAll(async () => {
      t = await start(adapter, userEntity, given);
      key = String(t.person.id);
    });
    afterAll(() => t.close());

    it('answers to whatever could be a key, and never with a failure of its own', async () => {
      for (const value of [...TEXTS.map(encodeURIComponent), ...RAW]) {
        await tried('GET', `/users?search=${value}`);
        await tried('GET', `/sessions?user=${value}`);
      }
      for (const value of JSON_VALUES) {
        const json = JSON.stringify(value);
        await tried('POST', '/sessions/revoke-all', `{"userId":${json}}`);
        await tried('POST', '/sessions', `{"userId":${json},"type":"header"}`);
      }
      expect(failures).toEqual([]);
    });

    it('takes a key as it gives it out', async () => {
      const [shown] = (await t.ask('GET', `/users?search=${key}`)).json.users as { id: string | number }[];
      expect(String(shown?.id)).toBe(key);
      const issued = await t.ask('POST', '/sessions', JSON.stringify({ userId: shown?.id, type: 'header' }));
      expect(issued.status).toBe(201);
      expect((issued.json.session as { userId: unknown }).userId).toBe(shown?.id);
      const listed = await t.ask('GET', `/sessions?user=${encodeURIComponent(String(shown?.id))}`);
      const sessions = listed.json.sessions as { id: string; userId: unknown }[];
      expect(sessions.map(({ userId }) => userId)).toContain(shown?.id);
      const ended = await t.ask('POST', '/sessions/revoke-all', JSON.stringify({ userId: shown?.id }));
      expect(ended.json.ended).toBeGreaterThan(0);
    });
  });

  describe('with any users', () => {
    let id: string;
    beforeAll(async () => {
      t = await start(adapter, IntPerson, {});
      ({ id } = (await t.tokens.generateHeaderToken(t.person)).token);
    });
    afterAll(() => t.close());

    it('answers to whatever is in a query', async () => {
      for (const value of [...[...TEXTS, ...DATES].map(encodeURIComponent), ...RAW]) {
        for (const field of ['state', 'after', 'limit', 'createdFrom', 'createdTo', 'expiresFrom', 'expiresTo']) {
          await tried('GET', `/sessions?${field}=${value}`);
        }
        await tried('GET', `/sessions?${value}=1`);
      }
      for (const field of ['user', 'search', 'state', 'limit', 'after', 'createdFrom']) {
        for (const query of [
          `${field}[]=1`,
          `${field}=1&${field}=2`,
          `${field}[a]=1`,
          `${field}[__proto__]=1`,
          `${field}[0][0][0]=1`,
          field,
          `${field}=`,
          `__proto__[${field}]=1`,
          `constructor[prototype][${field}]=1`,
        ]) {
          await tried('GET', `/sessions?${query}`);
          await tried('GET', `/users?${query}`);
        }
      }
      expect(failures).toEqual([]);
    });

    it('answers to whatever is in a body or a path', async () => {
      for (const value of JSON_VALUES) {
        const json = JSON.stringify(value);
        for (const member of ['context', 'accessExpiresIn', 'refreshExpiresIn']) {
          await tried('POST', '/sessions', `{"userId":"1","type":"header","${member}":${json}}`);
        }
        await tried('POST', '/sessions', `{"userId":"1","type":${json}}`);
        await tried('PATCH', `/sessions/${id}`, `{"expiresAt":${json}}`);
        await tried('PATCH', `/sessions/${id}`, `{"refreshUntil":${json}}`);
      }
      for (const date of DATES) await tried('PATCH', `/sessions/${id}`, `{"expiresAt":"${date}"}`);
      for (const body of BODIES) {
        await tried('POST', '/sessions', body);
        await tried('POST', '/sessions/revoke-all', body);
        await tried('PATCH', `/sessions/${id}`, body);
      }
      for (const value of [...TEXTS.map(encodeURIComponent), ...RAW]) {
        await tried('POST', `/sessions/${value}/revoke`);
        await tried('PATCH', `/sessions/${value}`, '{"expiresAt":"2099-01-01"}');
        await tried('DELETE', `/sessions/${value}`);
        await tried('GET', `/page/${value}`);
      }
      expect(failures).toEqual([]);
    });
  });
});

describe('R73: a key that JSON cannot carry as a number', () => {
  let t: Keyring;
  beforeAll(async () => {
    t = await start('express', BigintPerson, { id: BIG });
  });
  afterAll(() => t.close());

  it.each(['9007199254740993', '9007199254740992', '-9007199254740993', '1e300', '1e400', '12345678901234567890'])(
    'is refused, not rounded to that of another user: %s',
    async (number) => {
      for (const [path, body] of [
        ['/sessions', `{"userId":${number},"type":"header"}`],
        ['/sessions/revoke-all', `{"userId":${number}}`],
      ] as const) {
        const answer = await t.ask('POST', path, body);
        expect([answer.status, answer.json.message]).toEqual([400, expect.stringMatching(/key/)]);
      }
      expect(await t.rows.count()).toBe(0);
    },
  );
});

import { ClassSerializerInterceptor, Controller, Get, Inject, Req, UseGuards } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { instanceToPlain } from 'class-transformer';
import {
  AbstractAuthToken,
  type AuthenticatedRequest,
  AuthentifyGuard,
  CurrentToken,
  type IssuedTokens,
  TokenOwner,
  TokenRepository,
  TokenService,
} from 'nestjs-authentify';
import { Column, Entity } from 'typeorm';
import { afterEach, describe, expect, it } from 'vitest';
import { ADAPTERS, startApp, type TestApp } from '../support/app.js';
import { User } from '../support/users.js';
import { bearer, send } from './client.js';

/** As an app writes it whose fields are defined, not assigned. */
@Entity('auth_tokens_serialised')
class OwnToken extends AbstractAuthToken<User> {
  @TokenOwner(() => User)
  user: User = undefined as never;

  @Column({ type: 'varchar', length: 45, nullable: true })
  lastUsedIp!: string | null;
}

const SECRETS = /not for clients|passwordHash|email|Hash|alt/;
const SHOWN = [
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
];
const PAIR = ['accessToken', 'expiresAt', 'refreshToken', 'refreshUntil'];

@Controller()
@UseGuards(AuthentifyGuard)
class ShowingController {
  constructor(
    @Inject(TokenService) private readonly tokens: TokenService<OwnToken>,
    @Inject(TokenRepository) private readonly rows: TokenRepository<OwnToken>,
  ) {}

  @Get('token')
  token(@CurrentToken() token: OwnToken): unknown {
    return token;
  }

  @Get('inside')
  inside(@CurrentToken() token: OwnToken): unknown {
    return { token };
  }

  @Get('list')
  list(@CurrentToken() token: OwnToken): unknown {
    return [token];
  }

  @Get('joined')
  joined(@CurrentToken() token: OwnToken): unknown {
    return this.rows
      .forUser(token.userId)
      .leftJoinAndSelect('token.user', 'user')
      .addSelect('token.accessTokenHash')
      .getOne();
  }

  @Get('issued')
  issued(@CurrentToken('user') user: User): Promise<IssuedTokens<OwnToken>> {
    return this.tokens.generateHeaderToken(user);
  }

  @Get('issued-inside')
  async issuedInside(@CurrentToken('user') user: User): Promise<unknown> {
    return { token: await this.tokens.generateHeaderToken(user) };
  }

  @Get('user')
  user(@Req() { auth, user }: AuthenticatedRequest<User, OwnToken>): unknown {
    return { same: auth.user === user, id: auth.user.id };
  }
}

describe.each(ADAPTERS)('tokens that a handler answers with on %s', (adapter) => {
  let t: TestApp<OwnToken> | undefined;
  afterEach(() => t?.close());

  it.each(['exposeAll', 'excludeAll', undefined] as const)(
    'R63: show what toJSON promises with the strategy %s, and never the user',
    async (strategy) => {
      t = await startApp<OwnToken>({
        adapter,
        tokenEntity: OwnToken,
        controllers: [ShowingController],
        configure: (app) => {
          if (strategy) app.useGlobalInterceptors(new ClassSerializerInterceptor(app.get(Reflector), { strategy }));
        },
      });
      const { accessToken } = await t.tokens.generateHeaderToken(await t.createUser());
      const ask = (path: string) => send(`${t!.url}/${path}`, { headers: bearer(accessToken) });
      const own = strategy === 'excludeAll' ? [] : ['lastUsedIp'];
      const expected = [...SHOWN, ...own].toSorted();
      // Of a plain object class-transformer itself leaves nothing then.
      const inside = strategy === 'excludeAll' ? [] : [(await ask('inside')).json.token];
      const bodies = [(await ask('token')).json, ...inside, (await ask('joined')).json];
      bodies.push((await ask('list')).json[0 as never]);
      for (const body of bodies) {
        expect(Object.keys(body as object).toSorted()).toEqual(expected);
        expect(JSON.stringify(body)).not.toMatch(SECRETS);
      }
      const issuedInside = strategy === 'excludeAll' ? [] : [(await ask('issued-inside')).json.token];
      for (const issued of [(await ask('issued')).json, ...issuedInside]) {
        expect(Object.keys(issued as object).toSorted()).toEqual(PAIR);
      }
      if (strategy !== 'excludeAll') expect((await ask('user')).json).toMatchObject({ same: true });
    },
  );
});

describe('tokens of the library', () => {
  let t: TestApp<OwnToken> | undefined;
  afterEach(() => t?.close());

  it('R63: leave their user behind in copies, and still know it', async () => {
    t = await startApp<OwnToken>({ tokenEntity: OwnToken });
    const user = await t.createUser();
    const issued = await t.tokens.generateHeaderToken(user);
    const verified = await t.tokens.verifyToken(issued.accessToken);
    const refreshed = await t.tokens.refreshToken(issued.refreshToken!);
    for (const token of [issued.token, verified!, refreshed!.token, ...(await t.tokens.listUserTokens(user))]) {
      const copies = [{ ...token }, Object.assign({}, token), structuredClone({ ...token }), instanceToPlain(token)];
      for (const copy of copies) {
        expect(Object.keys(copy)).not.toContain('user');
        expect(JSON.stringify(copy)).not.toContain('not for clients');
      }
    }
    expect([verified!.user.id, refreshed!.token.user.id, issued.token.user]).toEqual([user.id, user.id, user]);
    expect(Object.keys({ ...issued })).toEqual(['accessToken', 'refreshToken', 'token']);
    expect(JSON.stringify({ ...issued })).not.toContain('not for clients');
    verified!.lastUsedIp = '::1';
    await t.dataSource.getRepository(OwnToken).save(verified!);
    expect(await t.tokens.listUserTokens(user)).toMatchObject([{ lastUsedIp: '::1', userId: user.id }]);
  });
});

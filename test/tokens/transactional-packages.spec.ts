import { Inject, Injectable } from '@nestjs/common';
import { getDataSourceToken } from '@nestjs/typeorm';
import { ClsPluginTransactional, Transactional, TransactionHost } from '@nestjs-cls/transactional';
import { TransactionalAdapterTypeOrm } from '@nestjs-cls/transactional-adapter-typeorm';
import { type IssuedTokens, TokenService } from 'nestjs-authentify';
import { ClsModule } from 'nestjs-cls';
import { DataSource, type EntityManager } from 'typeorm';
import {
  addTransactionalDataSource,
  initializeTransactionalContext,
  Transactional as TransactionalOfTypeOrm,
} from 'typeorm-transactional';
import { afterEach, describe, expect, it } from 'vitest';
import { type Setup, startApp, type TestApp } from '../support/app.js';
import { ONE_CONNECTION } from '../support/database.js';
import { User } from '../support/users.js';

type Outcome = 'kept' | 'undone';

/** Signs somebody up and logs him in, in one transaction, which may not come to its end. */
abstract class SignUp {
  @Inject(TokenService) private readonly tokens: TokenService;

  abstract run(outcome: Outcome): Promise<IssuedTokens>;

  protected async act(manager: EntityManager, outcome: Outcome): Promise<IssuedTokens> {
    const user = await manager.save(User, { email: `${Math.random()}@example.com` });
    const issued = await this.tokens.generateHeaderToken(user, { manager });
    expect(await this.tokens.listUserTokens(user, { manager })).toHaveLength(1);
    if (outcome === 'undone') throw new Error('undone');
    return issued;
  }
}

@Injectable()
class SignUpByCls extends SignUp {
  @Inject() private readonly host: TransactionHost<TransactionalAdapterTypeOrm>;

  @Transactional()
  run(outcome: Outcome): Promise<IssuedTokens> {
    return this.act(this.host.tx, outcome);
  }
}

@Injectable()
class SignUpByTypeOrm extends SignUp {
  @Inject(DataSource) private readonly dataSource: DataSource;

  @TransactionalOfTypeOrm()
  run(outcome: Outcome): Promise<IssuedTokens> {
    return this.act(this.dataSource.manager, outcome);
  }
}

const PACKAGES: [string, new () => SignUp, Setup['imports'], (dataSource: DataSource) => void][] = [
  [
    '@nestjs-cls/transactional',
    SignUpByCls,
    [
      ClsModule.forRoot({
        plugins: [
          new ClsPluginTransactional({
            adapter: new TransactionalAdapterTypeOrm({ dataSourceToken: getDataSourceToken() as never }),
          }),
        ],
      }),
    ],
    () => {},
  ],
  [
    'typeorm-transactional',
    SignUpByTypeOrm,
    [],
    (dataSource) => {
      initializeTransactionalContext();
      addTransactionalDataSource(dataSource);
    },
  ],
];

describe.each(PACKAGES)('R78: @Transactional() of %s, on a pool of one', (_, type, imports, prepare) => {
  let t: TestApp;
  afterEach(() => t.close());

  it('logs in whom it has just signed up, and leaves nothing of both where it is rolled back', async () => {
    t = await startApp({ imports, providers: [type], dataSource: ONE_CONNECTION });
    prepare(t.dataSource);
    const signUp = t.app.get<SignUp>(type);

    const { accessToken } = await signUp.run('kept');
    expect(await t.tokens.verifyToken(accessToken)).not.toBeNull();
    await expect(signUp.run('undone')).rejects.toThrow('undone');
    expect([await t.dataSource.getRepository(User).count(), (await t.rows()).length]).toEqual([1, 1]);
  });
});

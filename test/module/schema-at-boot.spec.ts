import {
  type INestApplicationContext,
  Injectable,
  type LoggerService,
  Module,
  type OnModuleInit,
} from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { InjectDataSource, TypeOrmModule } from '@nestjs/typeorm';
import { AuthentifyConfigurationError, AuthentifyModule, authTokenEntity, TokenService } from 'nestjs-authentify';
import { createAuthTokens } from 'nestjs-authentify/migrations';
import { DataSource, type DataSourceOptions, type QueryRunner, TableColumn } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDatabase, DATABASE, type TestDatabase } from '../support/database.js';
import { User } from '../support/users.js';

const AuthToken = authTokenEntity(() => User);

class CreateTokens2 extends createAuthTokens({ userTable: 'users' }) {
  override name = 'CreateTokens2';
}

describe('R62: tables when the app starts', () => {
  let database: TestDatabase;
  let dataSource: DataSource;
  let app: INestApplicationContext | undefined;
  let told: string[];

  beforeEach(async () => {
    database = await createDatabase();
    told = [];
  });
  afterEach(async () => {
    await app?.close();
    app = undefined;
    if (dataSource.isInitialized) await dataSource.destroy();
    await database.drop();
  });

  async function connect(options: Partial<DataSourceOptions> = {}, synchronize = true): Promise<void> {
    const all = { ...database.options, synchronize, entities: [User, AuthToken], ...options } as DataSourceOptions;
    dataSource = await new DataSource(all).initialize();
  }

  async function change(work: (queryRunner: QueryRunner, table: string) => Promise<void>): Promise<void> {
    const queryRunner = dataSource.createQueryRunner();
    try {
      await work(queryRunner, dataSource.getMetadata(AuthToken).tablePath);
    } finally {
      await queryRunner.release();
    }
  }

  async function boot({ http = true, imports = [] as (new () => object)[] } = {}): Promise<void> {
    const contexts = new Set<unknown>(['SchemaCheck', 'Database']);
    const tell = (text: string, ...rest: unknown[]) => void (contexts.has(rest.at(-1)) && told.push(text));
    const logger: LoggerService = { log() {}, warn: tell, error: tell };
    const module = await Test.createTestingModule({
      imports: [
        ...imports,
        TypeOrmModule.forRootAsync({
          useFactory: () => dataSource.options,
          dataSourceFactory: () => Promise.resolve(dataSource),
        }),
        AuthentifyModule.forRoot({ userEntity: User }),
      ],
    })
      .setLogger(logger)
      .compile();
    app = await (http ? module.createNestApplication() : module).init();
  }

  const failureOf = (work: Promise<unknown>): Promise<Error> =>
    work.then(
      () => expect.unreachable('it booted'),
      (error: Error) => error,
    );

  it('that are there need no word', async () => {
    await connect();
    await boot();
    expect(told).toEqual([]);
    expect(app!.get(TokenService)).toBeDefined();
  });

  it('that are missing are named with the command that makes them', async () => {
    await connect({}, false);
    const failure = await failureOf(boot());
    expect(failure).toBeInstanceOf(AuthentifyConfigurationError);
    expect(failure.message).toMatch(/auth_tokens is not a table .* in the database/);
    expect(failure.message).toMatch(/users is not a table/);
    expect(failure.message).toMatch(/typeorm migration:run.*createAuthTokens.*synchronize: true/);
    if (DATABASE !== 'sqljs') {
      const { database: name, schema } = dataSource.options as { database: string; schema?: string };
      expect(failure.message).toContain(`"${schema ?? name}"`);
    }
  });

  it('that lack columns are told of with all of these', async () => {
    await connect();
    await change(async (queryRunner, table) => {
      for (const column of ['rotation_salt', 'prune_at', 'session_expires_at'])
        await queryRunner.dropColumn(table, column);
      await queryRunner.dropColumn('users', 'isActive');
    });
    const { message } = await failureOf(boot());
    for (const column of ['rotation_salt', 'prune_at', 'session_expires_at', 'isActive'])
      expect(message).toContain(`${column} is a column that the table`);
    expect(message).toMatch(/typeorm migration:generate/);
    expect(message).not.toMatch(/is not a table|SELECT/);
  });

  it.runIf(DATABASE === 'postgres')('that have dates of another type are told of', async () => {
    await connect();
    const { tablePath } = dataSource.getMetadata(AuthToken);
    await dataSource.query(`ALTER TABLE ${tablePath} ALTER created_at TYPE timestamptz USING now()`);
    expect((await failureOf(boot())).message).toMatch(
      /created_at is of type timestamp with time zone in the table auth_tokens, not bigint/,
    );
  });

  it('may be made by the app while its modules start', async () => {
    await connect({}, false);
    @Injectable()
    class Migrator implements OnModuleInit {
      constructor(@InjectDataSource() private readonly source: DataSource) {}
      onModuleInit = () => this.source.synchronize();
    }
    @Module({ providers: [Migrator] })
    class MigratorModule {}
    await boot({ imports: [MigratorModule] });
    expect(told).toEqual([]);
  });

  it('may be made by a program without HTTP that has the migrations, which is told', async () => {
    await connect({ migrations: [CreateTokens2] }, false);
    await boot({ http: false });
    expect(told).toEqual([expect.stringMatching(/auth_tokens is not a table.*typeorm migration:run/)]);
  });

  it('stop a server whose migrations nobody ran', async () => {
    await connect({ migrations: [CreateTokens2] }, false);
    expect((await failureOf(boot())).message).toMatch(/auth_tokens is not a table/);
  });

  it('that go away later are named in the log beside the 503', async () => {
    await connect();
    await boot();
    const tokens = app!.get(TokenService);
    const user = await dataSource.getRepository(User).save({ email: 'a@example.com' });
    await change((queryRunner, table) => queryRunner.dropColumn(table, 'rotated_at'));
    const answer = await failureOf(tokens.listUserTokens(user));
    await change((queryRunner, table) => queryRunner.dropTable(table));
    await failureOf(tokens.generateHeaderToken(user));
    expect(answer).toMatchObject({ status: 503 });
    expect(told).toEqual([
      expect.stringMatching(/rotated_at is missing in the database. Run the migration .*typeorm migration:run/),
      expect.stringMatching(/auth_tokens is missing in the database. Run the migration/),
    ]);
  });

  it('that demand a value which no session has are named in the log beside the 503', async () => {
    await connect();
    await boot();
    const user = await dataSource.getRepository(User).save({ email: 'a@example.com' });
    await change(async (queryRunner, table) => {
      const tenant = new TableColumn({ name: 'tenant', type: 'varchar', length: '9', isNullable: false });
      if (DATABASE === 'sqljs') tenant.default = 'NULL';
      await queryRunner.addColumn(table, tenant);
    });
    expect(await failureOf(app!.get(TokenService).generateHeaderToken(user))).toMatchObject({ status: 503 });
    expect(told).toEqual([
      expect.stringMatching(/tenant demands a value that no session has. Give the column a default/),
    ]);
  });
});

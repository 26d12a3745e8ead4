import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DATABASE } from '../support/database.js';
import { CommandLine } from './command.js';

interface Report {
  notes: Report['findings'];
  findings: { subject: string; problem: string; remedy: string; source?: string }[];
}

/** Options that leave nothing to say. */
const SOUND = { hashSecrets: ['a secret of the tests that is long enough'], tokenTtl: '1h', sessionMaxTtl: '30d' };

let cli: CommandLine;

beforeAll(async () => {
  cli = await CommandLine.start();
});
afterAll(() => cli.stop());

async function subjects(): Promise<string[]> {
  const { findings } = await cli.json<Report>('doctor');
  return findings.map(({ subject }) => subject);
}

describe('authentify doctor', () => {
  it('has nothing to say of sound options and the table as the entity makes it', async () => {
    await cli.useOptions(SOUND);
    expect(await cli.run('doctor')).toEqual({ code: 0, stdout: 'Nothing to change\n', stderr: '' });
  });

  it.skipIf(DATABASE === 'sqljs')(
    'R71: notes what the app’s own queries meet, and is no failure for that',
    async () => {
      await cli.useOptions(SOUND);
      const { host, port, username, database, ...rest } = cli.database.options as unknown as Record<string, never>;
      const primary = { host, port, username, database };
      const replica = { ...primary, database: DATABASE === 'postgres' ? 'template1' : 'mysql' };
      const dataSource = {
        ...rest,
        cache: { alwaysEnabled: true },
        // MySQL's drivers take the one database that TypeORM names from there.
        database,
        replication: { master: primary, slaves: [replica] },
      };
      const { code, stdout } = await cli.runOn(dataSource, 'doctor', '--json');
      const { findings, notes } = JSON.parse(stdout) as Report;
      expect([code, findings, notes.map(({ subject }) => subject)]).toEqual([0, [], ['cache', 'replication']]);
      const user = await cli.t.createUser();
      const { token } = await cli.t.tokens.generateHeaderToken(user);
      const list = await cli.runOn(dataSource, 'list', '--json', '--user', String(user.id), '--after', token.id);
      expect([list.code, list.stdout]).toEqual([0, '[]\n']);
    },
  );

  it.runIf(DATABASE === 'postgres')('says that the server takes no writes, and which collations fold', async () => {
    await cli.useOptions(SOUND);
    const readOnly = { ...cli.database.options, extra: { options: '-c default_transaction_read_only=on' } };
    const { code, stdout } = await cli.runOn(readOnly, 'doctor');
    expect([code, stdout]).toEqual([1, expect.stringContaining('The database server is read-only')]);

    const { schema, tablePath } = cli.t.dataSource.getMetadata(cli.t.tokenEntity);
    await cli.t.dataSource.query(
      `CREATE COLLATION ${schema!}.folding (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`,
    );
    const collate = (collation: string): Promise<unknown> =>
      cli.t.dataSource.query(`ALTER TABLE ${tablePath} ALTER COLUMN id TYPE varchar(36) COLLATE ${collation}`);
    await collate(`${schema!}.folding`);
    const { notes } = await cli.json<Report>('doctor');
    await collate('"default"');
    expect(notes.map(({ subject }) => subject)).toEqual(['id']);
  });

  it('names the default options that fall short, with requirement and remedy, and exits with 1', async () => {
    await cli.useOptions({});
    const { code, stdout } = await cli.run('doctor');
    expect(code).toBe(1);
    expect(stdout).toContain('hashSecrets is empty');
    expect(stdout).toContain('(ASVS 7.3.2)');
    expect(stdout).toContain('→ set the absolute end of a session');
    expect(stdout).toMatch(/2 things to change\n$/);
  });

  it('names every option that is set against the requirements', async () => {
    await cli.useOptions({
      tokenTtl: '2d',
      refreshTokenTtl: '60d',
      keepExpiredTokens: true,
      enableAuthRestriction: false,
      csrf: false,
      cookie: { secure: false, httpOnly: false },
      authCookieNames: ['token'],
      refreshCookieName: 'refresh-token',
    });
    expect(await subjects()).toEqual([
      'hashSecrets',
      'tokenTtl',
      'refreshTokenTtl',
      'sessionMaxTtl',
      'keepExpiredTokens',
      'enableAuthRestriction',
      'csrf',
      'cookie.secure',
      'cookie.httpOnly',
      'authCookieNames, refreshCookieName',
    ]);
  });

  it('R79: says what a move from no key to one still leaves open, and how to end it without logging anybody out', async () => {
    await cli.useOptions({ ...SOUND, hashSecrets: [] });
    expect((await cli.run('doctor')).stdout).toMatch(/\[null, key\].*\[key, null\].*\[key\]; no one is logged out/s);
    const steps = [[null, ...SOUND.hashSecrets], [...SOUND.hashSecrets, null], SOUND.hashSecrets];
    const found: string[][] = [];
    for (const hashSecrets of steps) {
      const options = JSON.stringify({ ...SOUND, hashSecrets });
      await cli.useOptionsFile(
        `import { drfAuthentifyTokens } from '${new URL('migrations/index.js', cli.library.url).href}';\n` +
          `export const options = { ...${options}, acceptLegacyTokens: drfAuthentifyTokens };\n`,
      );
      found.push(await subjects());
    }
    expect(found).toEqual([
      ['hashSecrets', 'acceptLegacyTokens'],
      ['hashSecrets', 'acceptLegacyTokens'],
      ['acceptLegacyTokens'],
    ]);
  });

  it('says that nobody prunes', async () => {
    await cli.useOptions(SOUND);
    const user = await cli.t.createUser();
    const { token } = await cli.t.tokens.generateHeaderToken(user);
    await cli.t.dataSource.getRepository(cli.t.tokenEntity).update({ id: token.id }, { pruneAt: new Date(0) });
    const { findings } = await cli.json<Report>('doctor');
    expect(findings).toEqual([expect.objectContaining({ subject: 'auth_tokens', source: 'ASVS 14.2.7' })]);
    await cli.run('prune');
  });

  it('misses indexes, columns, the foreign key and at last the table', async () => {
    await cli.useOptions(SOUND);
    const queryRunner = cli.t.dataSource.createQueryRunner();
    try {
      const name = cli.t.dataSource.getMetadata(cli.t.tokenEntity).tablePath;
      const table = (await queryRunner.getTable(name))!;
      await queryRunner.dropIndex(
        name,
        table.indices.find(({ columnNames }) => columnNames[0] === 'prune_at')!,
      );
      expect(await subjects()).toEqual(['prune_at']);
      // SQLite makes the table anew for either.
      await queryRunner.dropColumn(name, 'rotation_salt');
      await queryRunner.dropForeignKey(name, (await queryRunner.getTable(name))!.foreignKeys[0]!);
      expect(await subjects()).toEqual(['rotation_salt', 'prune_at', 'user_id']);
      await queryRunner.dropTable(name);
      expect(await subjects()).toEqual(['auth_tokens']);
      // The other commands say the same, as a wrong set-up and not as an outage.
      const { code, stderr } = await cli.run('list');
      expect([code, stderr]).toEqual([2, expect.stringMatching(/auth_tokens is not a table .*typeorm migration:run/)]);
    } finally {
      await queryRunner.release();
    }
  });

  it.runIf(DATABASE === 'postgres')('finds an index that is there and of no use', async () => {
    await cli.t.dataSource.synchronize();
    const { schema } = cli.t.dataSource.options as { schema: string };
    const [index] = (await cli.t.dataSource.query(
      `UPDATE pg_index SET indisvalid = false FROM pg_class, pg_namespace
       WHERE pg_class.oid = indexrelid AND pg_namespace.oid = relnamespace AND nspname = $1
         AND pg_get_indexdef(indexrelid) LIKE '%(prune_at)%' RETURNING relname`,
      [schema],
    )) as [unknown];
    expect(index).toHaveLength(1);
    const { findings } = await cli.json<Report>('doctor');
    expect(findings).toEqual([
      expect.objectContaining({ subject: 'prune_at', problem: expect.stringContaining('not use') }),
    ]);
  });
});

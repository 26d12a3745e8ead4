import { SqlComment } from '../../store/drivers/sql-comment.js';
import type { OpenedRegistration } from '../registration.js';
import type { Finding } from './finding.js';

/** Asks the database; no rows where it does not know what is asked. */
type Ask = (sql: string) => Promise<Record<string, unknown>[]>;

/** What is beneath and between, as far as it can be seen: what changes no outcome of the library is a note. */
export async function databaseFindings(store: OpenedRegistration): Promise<{ findings: Finding[]; notes: Finding[] }> {
  const { dataSource, options } = store;
  const comment = new SqlComment(options.sqlComment, dataSource);
  const queryRunner = dataSource.createQueryRunner('master');
  const ask: Ask = async (sql) => {
    try {
      return (await queryRunner.query(comment.before(sql))) as Record<string, unknown>[];
    } catch {
      return [];
    }
  };
  try {
    const kind = KINDS[dataSource.options.type];
    const proxy = kind && options.sqlComment === null ? await kind.proxy(ask) : undefined;
    return {
      findings: [...((await kind?.isReadOnly(ask)) ? [READ_ONLY] : []), ...(proxy === undefined ? [] : [split(proxy)])],
      notes: [...appReads(store), ...((await kind?.foldingColumns?.(ask, store)) ?? []).map(folding)],
    };
  } finally {
    await queryRunner.release();
  }
}

interface Kind {
  isReadOnly(ask: Ask): Promise<boolean>;
  /** The name of a proxy that may send reads elsewhere. */
  proxy(ask: Ask): Promise<string | undefined>;
  /** Columns that take different texts for the same. */
  foldingColumns?(ask: Ask, store: OpenedRegistration): Promise<string[]>;
}

const postgres: Kind = {
  isReadOnly: async (ask) => {
    const [row] = await ask("SELECT current_setting('transaction_read_only') AS answer");
    return row?.answer === 'on';
  },
  proxy: async (ask) => ((await ask('SHOW POOL_VERSION')).length > 0 ? 'Pgpool-II' : undefined),
  foldingColumns: async (ask, { rows }) => {
    const found = await ask(
      'SELECT a.attname AS name FROM pg_attribute a JOIN pg_collation c ON c.oid = a.attcollation ' +
        `WHERE a.attrelid = to_regclass('${rows.metadata.tablePath.split('.').map(quoted).join('.')}') ` +
        "AND a.attnum > 0 AND NOT c.collisdeterministic AND (a.attname = 'id' OR a.attname LIKE '%hash') ORDER BY 1",
    );
    return found.map(({ name }) => String(name));
  },
};
const mysql: Kind = {
  isReadOnly: async (ask) => {
    const [row] = await ask('SELECT @@read_only AS answer');
    return Number(row?.answer ?? 0) === 1;
  },
  proxy: async (ask) => {
    const [row] = await ask('SELECT @@version AS version, @@version_comment AS comment');
    return /ProxySQL|MaxScale/i.exec(`${String(row?.version)} ${String(row?.comment)}`)?.[0];
  },
};
const KINDS: Readonly<Record<string, Kind | undefined>> = { postgres, mysql, mariadb: mysql };

const READ_ONLY: Finding = {
  subject: 'The database server',
  problem: 'takes no writes: nobody can log in or be logged out',
  remedy: 'let the data source lead to the primary',
};

const split = (proxy: string): Finding => ({
  subject: 'sqlComment',
  problem: `is not set behind ${proxy}: a replica that is behind accepts sessions that were revoked`,
  remedy:
    "set it to what that proxy understands, such as 'NO LOAD BALANCE', unless its rules keep these reads on the primary",
});

const folding = (column: string): Finding => ({
  subject: column,
  problem: 'has a collation that takes different texts for the same; look-ups by it are slower',
  remedy: 'give the column the collation "C"',
});

/** What the app's own queries of sessions may meet. */
function appReads({ dataSource: { options } }: OpenedRegistration): Finding[] {
  const { cache } = options as { cache?: boolean | { alwaysEnabled?: boolean } };
  const notes: Finding[] = [];
  if (typeof cache === 'object' && cache.alwaysEnabled) {
    notes.push({
      subject: 'cache',
      problem:
        'of the data source answers all queries, also what you ask of TokenRepository; the library never reads it',
      remedy: 'add .cache(false) to queries of sessions that must be true',
    });
  }
  if ('replication' in options && options.replication) {
    notes.push({
      subject: 'replication',
      problem:
        'of the data source sends what you ask of TokenRepository to replicas; the library reads from the primary',
      remedy: 'decide nothing about sessions by such queries',
    });
  }
  return notes;
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

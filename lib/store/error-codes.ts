import type { DataSource } from 'typeorm';

/** The data source that an error came from; only its type is asked. */
export interface ErrorSource {
  options: Pick<DataSource['options'], 'type'>;
}

/** The codes by which an engine tells why a statement failed. */
export interface ErrorCodes {
  /** Deadlock, serialization failure, lock timeout, busy: the statement did nothing and may be sent again (R36). */
  again: RegExp;
  /** A unique index refused the row. */
  duplicate: RegExp;
  /** A foreign key refused the row. */
  missingOwner: RegExp;
  /** The value does not fit the column; which column, few databases tell. */
  badValue: RegExp;
  /** A table or a column is not there. */
  missing: RegExp;
  /** A column demands a value that nobody gives. */
  demanded: RegExp;
  /** The data source's user may not do it. */
  denied: RegExp;
  /** The server, or its database, takes no writes: a standby, or a primary of before a failover. Where pools need it. */
  readOnly: RegExp;
  /** The server ends this connection, or says that it is of no more use. Where pools need it. */
  ended: RegExp;
}

/** One number means different things to different engines, 1205 for instance: a table for each. */
interface Engine extends ErrorCodes {
  /** The code that the server itself gave; `undefined` where it did not answer. */
  codeIn(error: DriverError): string | undefined;
}

/** The members of drivers' errors that tell their codes. */
interface DriverError {
  code?: unknown;
  errno?: unknown;
  sqlState?: unknown;
  number?: unknown;
  errorNum?: unknown;
  message?: unknown;
}

/** Matches nothing, not even no code. */
const NONE = /(?!)/;

/** Has no table yet: every failure is an outage. */
const unknown: Engine = {
  codeIn: () => undefined,
  again: NONE,
  duplicate: NONE,
  missingOwner: NONE,
  badValue: NONE,
  missing: NONE,
  demanded: NONE,
  denied: NONE,
  readOnly: NONE,
  ended: NONE,
};

const postgres: Engine = {
  // All of them have a digit; EPIPE is the network's.
  codeIn: ({ code }) => (typeof code === 'string' && /^(?=.*\d)[0-9A-Z]{5}$/.test(code) ? code : undefined),
  // CockroachDB and YugabyteDB have the same. 40003 is not among them: CockroachDB does not know whether it committed.
  again: /^(40001|40P01|55P03)$/,
  duplicate: /^23505$/,
  missingOwner: /^23503$/,
  badValue: /^22\w{3}$/,
  missing: /^42(P01|703)$/,
  demanded: /^23502$/,
  denied: /^42501$/,
  readOnly: /^25006$/,
  ended: /^(08\w{3}|57P0[1-5]|25P0[34])$/,
};

const mysql: Engine = {
  // Numbers of the network's errors are negative.
  codeIn: ({ errno }) => positive(errno)?.toString(),
  // TiDB adds 8002, 8005, 8022, 8028 and 9007; MySQL's group replication 3101.
  again: /^(1213|1205|1020|3101|8002|8005|8022|8028|9007)$/,
  duplicate: /^(1062|1586)$/,
  missingOwner: /^(1216|1452)$/,
  badValue: /^(1264|1265|1292|1366|1406)$/,
  missing: /^(1054|1146)$/,
  demanded: /^(1048|1364)$/,
  denied: /^(1044|1142|1143)$/,
  readOnly: /^(1290|1792|1836)$/,
  // 1047 is a node of Galera that has lost the others.
  ended: /^(1047|1053|1152|1158|1159|1160|1161|1927|3169|4031)$/,
};

const sqlite: Engine = {
  ...unknown,
  codeIn: ({ code, message }) => codeOfWording(message) ?? (typeof code === 'string' ? code : undefined),
  again: /^SQLITE_(BUSY|LOCKED)(_\w+)?$/,
  duplicate: /^SQLITE_CONSTRAINT_(UNIQUE|PRIMARYKEY)$/,
  missingOwner: /^SQLITE_CONSTRAINT_FOREIGNKEY$/,
  missing: /^SQLITE_ERROR_MISSING$/,
  demanded: /^SQLITE_CONSTRAINT_NOTNULL$/,
  denied: /^SQLITE_(AUTH|PERM)$/,
};

const mssql: Engine = {
  ...unknown,
  codeIn: ({ number }) => positive(number)?.toString(),
  again: /^(1205|1222|3960|41301|41302|41305|41325|41839)$/,
  duplicate: /^(2601|2627)$/,
  missingOwner: /^547$/,
  badValue: /^(241|242|245|2628|8114|8115|8152)$/,
  missing: /^(207|208)$/,
  demanded: /^515$/,
  denied: /^(229|230)$/,
};

const oracle: Engine = {
  ...unknown,
  codeIn: ({ errorNum }) => positive(errorNum)?.toString().padStart(5, '0').replace(/^/, 'ORA-'),
  again: /^ORA-(00054|00060|08177|30006)$/,
  duplicate: /^ORA-00001$/,
  missingOwner: /^ORA-02291$/,
  badValue: /^ORA-(01438|01722|01858|01861|12899)$/,
  missing: /^ORA-(00904|00942)$/,
  demanded: /^ORA-01400$/,
  denied: /^ORA-01031$/,
};

/** By the type of the data source. */
const ENGINES: Readonly<Record<string, Engine | undefined>> = {
  postgres,
  cockroachdb: postgres,
  'aurora-postgres': postgres,
  mysql,
  mariadb: mysql,
  'aurora-mysql': mysql,
  'better-sqlite3': sqlite,
  sqljs: sqlite,
  expo: sqlite,
  capacitor: sqlite,
  cordova: sqlite,
  'react-native': sqlite,
  nativescript: sqlite,
  mssql,
  oracle,
  // Of TypeORM 0.3.
  sqlite,
};

function engineOf({ options }: ErrorSource): Engine {
  return ENGINES[options.type] ?? unknown;
}

/** The codes of this data source's engine. */
export function errorCodesOf(source: ErrorSource): ErrorCodes {
  return engineOf(source);
}

/** A fault of the connection that an error came by (R72). */
export type Fault =
  /** The server did not answer, or ends it: whatever is sent next may wait for ever. */
  | 'lost'
  /** It leads to a server that takes no writes. */
  | 'read-only';

/** Why the connection on which a statement failed is of no more use, if it is. */
export function faultOf(source: ErrorSource, error: unknown): Fault | undefined {
  const [code, engine] = [ownCodeOf(source, error), engineOf(source)];
  // A database in this process has no connection to lose.
  if (code === undefined) return engine === sqlite ? undefined : 'lost';
  if (engine.ended.test(code)) return 'lost';
  return engine.readOnly.test(code) ? 'read-only' : undefined;
}

/** The driver's error, out of the one that TypeORM made of it. */
export function driverErrorOf(error: unknown): DriverError {
  return Object((error as { driverError?: unknown } | null)?.driverError ?? error) as DriverError;
}

/** The code that the server, or SQLite, itself gave; `undefined` where it did not answer. */
export function ownCodeOf(source: ErrorSource, error: unknown): string | undefined {
  return engineOf(source).codeIn(driverErrorOf(error));
}

/** The engine's own code, or else that of the driver, such as ECONNRESET, or nothing. */
export function codeOf(source: ErrorSource, error: unknown): string {
  const { code } = driverErrorOf(error);
  return ownCodeOf(source, error) ?? (typeof code === 'string' ? code : '');
}

function positive(value: unknown): number | undefined {
  return typeof value === 'number' && value > 0 ? value : undefined;
}

/** sql.js has no codes, and sqlite3 coarse ones: only SQLite's own wording tells. */
function codeOfWording(message: unknown): string | undefined {
  const says = (words: string): boolean => typeof message === 'string' && message.includes(words);
  if (says('UNIQUE constraint failed')) return 'SQLITE_CONSTRAINT_UNIQUE';
  if (says('FOREIGN KEY constraint failed')) return 'SQLITE_CONSTRAINT_FOREIGNKEY';
  if (says('NOT NULL constraint failed')) return 'SQLITE_CONSTRAINT_NOTNULL';
  // SQLite itself has but SQLITE_ERROR for these.
  if (says('no such table') || says('no such column') || says('has no column named')) return 'SQLITE_ERROR_MISSING';
  return says('database is locked') ? 'SQLITE_BUSY' : undefined;
}

import { Logger } from '@nestjs/common';
import { AuthentifyUnavailableError, AuthentifyEvents, type IssuedTokens } from 'nestjs-authentify';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { type Setup, startApp, type TestApp } from '../support/app.js';
import { DATABASE, PORT } from '../support/database.js';
import { DatabaseProxy } from './proxy.js';

export const IS_SERVER = DATABASE !== 'sqljs';
/** As `createDatabase` makes it. */
const POOL_SIZE = 10;

/** An app that reaches its database through the proxy only, and an eye that needs no proxy. */
export interface FaultyApp extends TestApp {
  proxy: DatabaseProxy;
  /** Asks the database directly, past every fault. */
  inspect<TRow = Record<string, unknown>>(sql: string): Promise<TRow[]>;
  /** The sessions' table, fit for SQL. */
  table: string;
  /** Types of all events since the last look. */
  events(): string[];
}

export async function startBehindProxy(setup: Setup = {}): Promise<FaultyApp> {
  const proxy = await DatabaseProxy.start();
  const t = await startApp({
    ...setup,
    dataSource: { ...setup.dataSource, host: '127.0.0.1', port: proxy.port } as Partial<DataSourceOptions>,
  });
  t.app.useLogger(false);
  const direct = await new DataSource(directOptions(t.dataSource)).initialize();
  const types = eventsOf(t);
  return {
    ...t,
    proxy,
    table: tableOf(t),
    inspect: (sql) => direct.query(sql),
    events: types,
    close: async () => {
      await proxy.restore();
      await direct.destroy();
      await t.close();
      await proxy.close();
    },
  };
}

/** The same database without proxy, entities or logging. */
export function directOptions({ options }: DataSource): DataSourceOptions {
  const { logger: _logger, ...rest } = options;
  return { ...rest, port: PORT, entities: [], synchronize: false, logging: false } as DataSourceOptions;
}

/** The sessions' table, quoted. */
export function tableOf({ dataSource, tokenEntity }: Pick<TestApp, 'dataSource' | 'tokenEntity'>): string {
  const parts = dataSource.getMetadata(tokenEntity).tablePath.split('.');
  return parts.map((part) => dataSource.driver.escape(part)).join('.');
}

/** Collects the types of an app's events; each call returns those since the one before. */
export function eventsOf(t: Pick<TestApp, 'app'>): () => string[] {
  const types: string[] = [];
  t.app.get(AuthentifyEvents).subscribe(({ type }) => types.push(type));
  return () => types.splice(0);
}

/** What became of a call in the middle of a fault: its result, or `'503'`; any other failure is thrown. */
export async function outcomeOf<T>(call: Promise<T>): Promise<T | '503'> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof AuthentifyUnavailableError && error.statusCode === 503) return '503';
    throw error;
  }
}

/** What a patient client does once the database is back: a pool may still hold connections that died with it. */
export async function patiently<T>(call: () => Promise<T>): Promise<T> {
  for (let tries = 0; tries < POOL_SIZE; tries += 1) {
    const outcome = await outcomeOf(call());
    if (outcome !== '503') return outcome;
  }
  return call();
}

/** The raw tokens of a pair. */
export const pairOf = (issued: IssuedTokens | null): [string, string | null] | null =>
  issued && [issued.accessToken, issued.refreshToken];

/** Everything logged as an error while `work` runs. */
export async function errorsDuring(work: () => Promise<unknown>): Promise<string[]> {
  const errors: string[] = [];
  Logger.overrideLogger({ log() {}, warn() {}, error: (...parts: unknown[]) => errors.push(parts.join(' ')) });
  try {
    await work();
  } finally {
    Logger.overrideLogger(false);
  }
  return errors;
}

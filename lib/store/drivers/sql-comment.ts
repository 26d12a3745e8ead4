import type { DataSource, QueryRunner } from 'typeorm';
import { AuthentifyConfigurationError } from '../../errors/authentify-configuration.error.js';
import { lackOf } from '../../private-part.js';
import { STORE_PARTS } from './typeorm-internals.js';

/** Kinds of databases that stand behind proxies. TypeORM's drivers of SQLite tell statements apart by their first word. */
const BEHIND_PROXIES: ReadonlySet<DataSource['options']['type']> = new Set([
  'postgres',
  'cockroachdb',
  'mysql',
  'mariadb',
]);

/** Puts the option `sqlComment` where proxies look for it: before everything else, to the letter (R48). */
export class SqlComment {
  private readonly prefix: string;
  /** The connections of {@link on} by which something was sent. */
  readonly #used = new WeakSet<QueryRunner>();

  constructor(text: string | null, { options }: DataSource) {
    this.prefix = text !== null && BEHIND_PROXIES.has(options.type) ? `/*${text}*/ ` : '';
  }

  before(sql: string): string {
    return this.prefix + sql;
  }

  /** The same connection, which puts the comment before all that it sends. */
  on(queryRunner: QueryRunner): QueryRunner {
    if (this.prefix === '') return queryRunner;
    const query = (sql: string, ...rest: []): Promise<unknown> => {
      this.#used.add(commented);
      return queryRunner.query(this.before(sql), ...rest);
    };
    const commented = new Proxy(queryRunner, {
      get: (target, name) => {
        if (name === 'query') return query;
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
      set: (target, name, value) => Reflect.set(target, name, value),
    });
    return commented;
  }

  /** @throws AuthentifyConfigurationError where TypeORM sent a statement past the connection of {@link on} it was given. */
  assertSentBy(commented: QueryRunner): void {
    if (this.prefix === '' || this.#used.has(commented)) return;
    throw new AuthentifyConfigurationError('sqlComment', `cannot be sent: ${lackOf(STORE_PARTS.sentThroughRunner)}`);
  }
}

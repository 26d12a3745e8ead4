import type { EntityManager } from 'typeorm';

/** The names of a call's options, each of them once. */
export type OptionNames<TOptions extends object> = Readonly<Record<keyof TOptions, true>>;

/** The option of every call that reads or writes sessions. */
export interface TransactionOptions {
  /**
   * The manager of your own transaction, from `dataSource.transaction`: the call is part of the transaction, on its
   * connection (R78). Without it, the call uses a connection of the pool.
   */
  manager?: EntityManager | null;
}

export const TRANSACTION_OPTIONS: OptionNames<TransactionOptions> = { manager: true };

/**
 * Refuses options that a call does not have: a misspelt lifetime would be ignored, and the session would live longer
 * than was asked for.
 *
 * @throws TypeError that names the unknown option and the known ones.
 */
export function checkNames<TOptions extends object>(options: TOptions, names: OptionNames<TOptions>): void {
  if (typeof options !== 'object' || options === null) throw new TypeError('The options of a call must be an object');
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(names, name));
  if (unknown === undefined) return;
  throw new TypeError(`There is no option "${unknown}"; this call knows ${Object.keys(names).join(', ')}`);
}

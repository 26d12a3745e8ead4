import Database from 'libsql';

/** SQLite in a file, as TypeORM takes it for `driver`: its 0.3 calls it without `new`, which the class refuses. */
export function libsql(...given: ConstructorParameters<typeof Database>): InstanceType<typeof Database> {
  return new Database(...given);
}

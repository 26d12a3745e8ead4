// The data source file of an app, as the command lines of TypeORM and of the library read it.
import 'reflect-metadata';
import Libsql from 'libsql';
import { Column, DataSource, Entity, PrimaryGeneratedColumn } from 'typeorm';

const { authTokenEntity } = await import(process.env.AUTHENTIFY_TEST_LIBRARY);
const options = JSON.parse(process.env.AUTHENTIFY_TEST_DATA_SOURCE);

/** TypeORM 0.3 calls it without `new`. */
function libsql(...given) {
  return new Libsql(...given);
}

class User {}
PrimaryGeneratedColumn({ type: 'int' })(User.prototype, 'id');
Column({ type: 'varchar', length: 100 })(User.prototype, 'email');
Column({ type: 'varchar', length: 100, default: 'not for clients' })(User.prototype, 'passwordHash');
Column({ type: 'boolean', default: true })(User.prototype, 'isActive');
Entity('users')(User);

export default new DataSource({
  ...options,
  ...(options.type === 'better-sqlite3' && { driver: libsql }),
  entities: [User, authTokenEntity(() => User)],
});

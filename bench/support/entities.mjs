import 'reflect-metadata';
import { Column, Entity, PrimaryColumn } from 'typeorm';
import { authTokenEntity } from '../../dist/index.js';

/** The user of all benchmarks. */
export class User {}
Entity('users')(User);
PrimaryColumn({ type: 'int' })(User.prototype, 'id');
Column({ type: 'varchar', length: 100 })(User.prototype, 'email');
Column({ type: 'varchar', length: 100 })(User.prototype, 'name');
Column({ type: 'varchar', length: 100, name: 'password_hash' })(User.prototype, 'passwordHash');
Column({ type: 'boolean', name: 'is_active', default: true })(User.prototype, 'isActive');

export const AuthToken = authTokenEntity(() => User);
export const ENTITIES = [User, AuthToken];

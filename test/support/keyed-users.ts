import type { Type } from '@nestjs/common';
import type { UserId } from 'nestjs-authentify';
import { Entity, PrimaryColumn, PrimaryGeneratedColumn } from 'typeorm';
import { DATABASE } from './database.js';

export interface Keyed {
  id: UserId;
}

@Entity('users')
export class IntUser {
  @PrimaryGeneratedColumn({ type: 'int' })
  id!: number;
}

@Entity('users')
export class UnsignedUser {
  // Only MariaDB has unsigned integers; elsewhere this is an int again.
  @PrimaryGeneratedColumn({ type: 'int', unsigned: true })
  id!: number;
}

@Entity('users')
export class UuidUser {
  @PrimaryGeneratedColumn('uuid')
  id!: string;
}

@Entity('users')
export class BigintUser {
  @PrimaryColumn({ type: 'bigint' })
  id!: string;
}

@Entity('users')
export class VarcharUser {
  @PrimaryColumn({ type: 'varchar', length: 77 })
  id!: string;
}

/** Beyond what a double holds, where the driver can carry it. */
export const BIG = DATABASE === 'sqljs' ? '4503599627370497' : '9007199254740993';

/** A user class for each type of key, and what to insert for two users of it. */
export const KEYS: [string, Type<Keyed>, () => Partial<Keyed>[]][] = [
  ['int', IntUser, () => [{}, {}]],
  ['unsigned int', UnsignedUser, () => [{}, {}]],
  ['uuid', UuidUser, () => [{}, {}]],
  ['bigint', BigintUser, () => [{ id: BIG }, { id: String(BigInt(BIG) + 1n) }]],
  ['varchar', VarcharUser, () => [{ id: 'Ünï \'quoted\' "name" \\ % 🙂' }, { id: '0' }]],
];

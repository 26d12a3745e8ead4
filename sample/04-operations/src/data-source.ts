import 'reflect-metadata';
import { authTokenEntity } from 'nestjs-authentify';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { AuditEntry } from './audit/audit-entry.entity.js';
import { Users1767225600000 } from './migrations/1767225600000-users.js';
import { AuthTokens1767225600001 } from './migrations/1767225600001-auth-tokens.js';
import { AuditLog1767225600002 } from './migrations/1767225600002-audit-log.js';
import { User } from './users/user.entity.js';

/** One place for the app, TypeORM's command line and the library's. */
export const dataSourceOptions: DataSourceOptions = {
  type: 'postgres',
  url: process.env.DATABASE_URL ?? 'postgres://postgres@127.0.0.1:5432/test',
  entities: [User, AuditEntry, authTokenEntity(() => User)],
  migrations: [Users1767225600000, AuthTokens1767225600001, AuditLog1767225600002],
};

export default new DataSource(dataSourceOptions);

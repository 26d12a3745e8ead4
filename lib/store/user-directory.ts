import { Injectable } from '@nestjs/common';
import type { EntityMetadata } from 'typeorm';
import { AuthentifyConfigurationError } from '../errors/authentify-configuration.error.js';
import type { UserId } from '../sessions/entities/abstract-auth-token.js';
import { typeOf } from './column-types.js';
import { SessionTable } from './session-table.js';

const TEXT_TYPE = /char|text|string/i;

interface Search {
  text: string;
  key?: UserId;
  columns: readonly string[];
  limit: number;
}

/** What is known of those who own sessions: only what the app's user entity says. */
@Injectable()
export class UserDirectory {
  constructor(private readonly table: SessionTable) {}

  /** A user's primary key in the type of its column, from the key or the user. @throws TypeError for anything else. */
  keyOf(user: unknown): UserId {
    return this.table.userKey(user);
  }

  /**
   * Users whose primary key is `text`, or one of whose columns begins with it: as typed, in small letters or
   * capitalised. An index of the column answers that, as it could not answer any letter case.
   */
  async startingWith(text: string, columns: readonly string[], limit: number): Promise<object[]> {
    const key = this.keyIn(text);
    try {
      return await this.find({ text, key, columns, limit });
    } catch (error) {
      // A telephone number is no key that the column could hold, which PostgreSQL says of the whole statement.
      if (key === undefined || !(error instanceof RangeError)) throw error;
      return this.find({ text, columns, limit });
    }
  }

  private async find({ text, key, columns, limit }: Search): Promise<object[]> {
    if (key === undefined && columns.length === 0) return [];
    const prefixes = casesOf(text).map((one) => `${one.replaceAll(/[!%_]/g, '!$&')}%`);
    return this.table.read((rows) => {
      const users = rows.createQueryBuilder().select('user').from(this.metadata.target, 'user').limit(limit);
      if (key !== undefined) users.where(`user.${this.table.ownerColumn.propertyPath} = :key`, { key });
      for (const column of columns) {
        for (const [index, prefix] of prefixes.entries()) {
          users.orWhere(`user.${column} LIKE :prefix${index} ESCAPE '!'`, { [`prefix${index}`]: prefix });
        }
      }
      return users.getMany();
    });
  }

  /** @throws AuthentifyConfigurationError for what is no text column of the user entity. */
  checkColumns(names: readonly string[]): void {
    for (const name of names) {
      const column = this.metadata.findColumnWithPropertyPath(name);
      if (!column || !TEXT_TYPE.test(typeOf(column))) {
        throw new AuthentifyConfigurationError(
          'searchColumns',
          `names "${name}", which is not a text column of ${this.metadata.name}; name its properties, such as 'email'`,
        );
      }
    }
  }

  /** The key that a text can be. */
  private keyIn(text: string): UserId | undefined {
    try {
      return this.keyOf(text);
    } catch {
      return undefined;
    }
  }

  private get metadata(): EntityMetadata {
    return this.table.userMetadata;
  }
}

function casesOf(text: string): string[] {
  const small = text.toLowerCase();
  return [...new Set([text, small, small.charAt(0).toUpperCase() + small.slice(1)])];
}

import { type EntityMetadata, type EntitySubscriberInterface, IsNull } from 'typeorm';
import type { AbstractAuthToken, AnyAuthToken } from '../sessions/entities/abstract-auth-token.js';
import type { PresentedToken, RotatedColumns } from './session-columns.js';
import { compileInsert, compileUpdate } from './drivers/compiled-write.js';
import type { StatementSource } from './drivers/statement.js';
import { aboutSubscribers, hasMethod, listensTo } from './drivers/subscribers.js';
import type { TokenTable } from './session-table.js';

type Table = TokenTable<AnyAuthToken>;

/** The writes that logins and refreshes wait for; a table says where they run. */
export interface TokenWrites {
  insert(table: Table, session: AbstractAuthToken): Promise<unknown>;
  /** Resolves to the time of the rotation, or to `null` where the presented token was not current any more. */
  rotate(table: Table, presented: PresentedToken, columns: RotatedColumns): Promise<Date | null>;
}

const ROTATED = [
  'accessTokenHash',
  'refreshTokenHash',
  'refreshFamilyHash',
  'previousRefreshTokenHash',
  'rotationSalt',
  'rotatedAt',
  'lastRefreshedAt',
  'expiresAt',
  'refreshUntil',
  'pruneAt',
] satisfies (keyof RotatedColumns | 'rotatedAt')[];

const INSERTED: readonly string[] = [
  ...ROTATED,
  'id',
  'user',
  'authType',
  'context',
  'createdAt',
  'sessionExpiresAt',
  'revokedAt',
  'revokedReason',
] satisfies (keyof AbstractAuthToken)[];

/** Compiled where nobody listens to these writes; what TypeORM tells of them it tells only of its own. */
export function writesOf({ statements }: Table): TokenWrites {
  const { dataSource, metadata } = statements;
  const { beforeInsertListeners, afterInsertListeners, beforeUpdateListeners, afterUpdateListeners } = metadata;
  const isHeard = (listeners: readonly unknown[], ...events: (keyof EntitySubscriberInterface)[]): (() => boolean) =>
    listeners.length > 0
      ? () => true
      : aboutSubscribers(dataSource, (subscribers) =>
          subscribers.some((one) => events.some((event) => hasMethod(one, event)) && listensTo(one, metadata.target)),
        );
  const insert = isOnlyOurs(metadata) ? insertOf(statements) : insertThroughTypeOrm;
  const isInsertHeard = isHeard([...beforeInsertListeners, ...afterInsertListeners], 'beforeInsert', 'afterInsert');
  const rotate = rotateOf(statements);
  const isUpdateHeard = isHeard([...beforeUpdateListeners, ...afterUpdateListeners], 'beforeUpdate', 'afterUpdate');
  return {
    insert: (...args) => (isInsertHeard() ? insertThroughTypeOrm : insert)(...args),
    rotate: (...args) => (isUpdateHeard() ? rotateThroughTypeOrm : rotate)(...args),
  };
}

/** Whether an INSERT is nothing but the library's values: the app has no column of its own. */
function isOnlyOurs({ columns }: EntityMetadata): boolean {
  return columns.every(({ embeddedMetadata, propertyName }) => !embeddedMetadata && INSERTED.includes(propertyName));
}

function insertOf(source: StatementSource): TokenWrites['insert'] {
  const insert = compileInsert(source, INSERTED);
  return ({ transaction }, session) => insert(() => session as unknown as Record<string, unknown>, transaction);
}

function insertThroughTypeOrm(table: Table, session: AbstractAuthToken): Promise<unknown> {
  return table.run((query) =>
    query
      .insert()
      .into(table.rows.target)
      .values(session as never)
      .execute(),
  );
}

function rotateOf(source: StatementSource): TokenWrites['rotate'] {
  const rotate = compileUpdate(source, ROTATED, {
    sql: (column) =>
      `${column('id')} = :id AND ${column('refreshTokenHash')} = :presentedDigest AND ${column('revokedAt')} IS NULL`,
    parameters: ['id', 'presentedDigest'],
  });
  return async ({ transaction }, { id, digest, now }, columns) => {
    let rotatedAt = new Date(now);
    const changed = await rotate(() => {
      // Anew for each attempt, once there is a connection (R28).
      rotatedAt = new Date(Math.max(now, Date.now()));
      return { ...columns, rotatedAt, id, presentedDigest: digest };
    }, transaction);
    return changed === 1 ? rotatedAt : null;
  };
}

async function rotateThroughTypeOrm(
  table: Table,
  { id, digest, now }: PresentedToken,
  columns: RotatedColumns,
): Promise<Date | null> {
  let rotatedAt = new Date(now);
  const changed = await table.update({ id, refreshTokenHash: digest, revokedAt: IsNull() }, () => {
    rotatedAt = new Date(Math.max(now, Date.now()));
    return { ...columns, rotatedAt };
  });
  return changed === 1 ? rotatedAt : null;
}

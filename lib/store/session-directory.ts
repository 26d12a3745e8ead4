import { Injectable } from '@nestjs/common';
import type { ObjectLiteral, SelectQueryBuilder } from 'typeorm';
import type { AbstractAuthToken, AnyAuthToken, UserId } from '../sessions/entities/abstract-auth-token.js';
import { newestFirst, notOlderThan, olderThan, type Position, positionOf } from './login-order.js';
import { joinUser } from './users.js';
import { SessionTable } from './session-table.js';
import type { SessionState } from '../sessions/state.js';
import { STATE_CONDITIONS } from './session-conditions.js';

type Rows = SelectQueryBuilder<AbstractAuthToken>;

/** The conditions of a list; ranges include their start and exclude their end. */
export interface SessionFilter {
  /** The owner's primary key. */
  userId?: UserId;
  state?: SessionState;
  createdFrom?: Date;
  createdTo?: Date;
  expiresFrom?: Date;
  expiresTo?: Date;
}

/** One page of sessions, newest first. */
export interface PageRequest extends SessionFilter {
  /** The id before which the page begins: `next` of the page before. */
  after?: string;
  limit: number;
  now: number;
}

export interface SessionPage<TToken extends AnyAuthToken> {
  sessions: TToken[];
  /** The `after` of the next page; `null` on the last one. A page may be short, even empty, and not the last. */
  next: string | null;
}

/** The number of rows that one page looks at: it bounds the time, however rare a state is. */
const WINDOW = 5_000;

/** Everybody's sessions, page by page in the order of their logins. */
@Injectable()
export class SessionDirectory<TToken extends AnyAuthToken = AbstractAuthToken> {
  constructor(private readonly table: SessionTable<TToken>) {}

  /** One session with its user, or `null`. */
  find(id: string): Promise<TToken | null> {
    return this.table.read(async (rows) => {
      const found = await joinUser(rows, this.table.userMetadata).where('token.id = :id', { id }).getOne();
      return found && this.table.detach(found).session;
    });
  }

  /**
   * One page, with users. Conditions that no index answers are looked for among a bounded number of rows; a page that
   * is short with a `next` goes on there.
   */
  async page(request: PageRequest): Promise<SessionPage<TToken>> {
    const conditions = conditionsOf(request);
    const end = request.after === undefined ? null : await positionOf(this.table, request.after);
    const floor = conditions.length > 0 ? await this.windowEnd(request, end) : null;
    const rows = await this.table.read((select) => {
      this.within(joinUser(select, this.table.userMetadata), request, { end, floor });
      if (floor !== null) {
        select.innerJoin((rows) => this.window(rows, request, { end, floor }), 'looked_at', 'looked_at.id = token.id');
      }
      for (const condition of conditions) select.andWhere(condition, parametersOf(request));
      return newestFirst(select)
        .limit(request.limit + 1)
        .getMany();
    });
    const sessions = rows.slice(0, request.limit).map((row) => this.table.detach(row).session);
    return { sessions, next: rows.length > request.limit ? (sessions.at(-1)?.id ?? null) : (floor?.id ?? null) };
  }

  /** The position of the last row that this page looks at; `null` where that is the table's last. */
  private windowEnd(request: PageRequest, end: Position | null): Promise<Position | null> {
    return this.table.read(async (rows) => {
      const last = await newestFirst(this.within(rows, request, { end, floor: null }))
        .select('token.id', 'id')
        .addSelect('token.createdAt', 'createdAt')
        .offset(WINDOW - 1)
        .limit(1)
        .getRawOne<{ id: string; createdAt: string | number }>();
      return last ? { id: last.id, createdAt: Number(last.createdAt) } : null;
    });
  }

  /**
   * The ids of the rows this page looks at. The limit tells a planner how few they are: it multiplies the shares of an
   * owner and of a stretch of time as though the one had nothing to do with the other, and would read the whole table.
   */
  private window(rows: SelectQueryBuilder<ObjectLiteral>, request: PageRequest, stretch: Stretch): Rows {
    const window = rows.select('token.id', 'id').from(this.table.rows.target, 'token') as Rows;
    return this.within(window, request, stretch)
      .orderBy('token.createdAt', 'ASC')
      .addOrderBy('token.id', 'ASC')
      .limit(WINDOW);
  }

  /** The conditions that indexes answer: the time of the login, and owners. */
  private within(rows: Rows, { userId, createdFrom, createdTo }: PageRequest, { end, floor }: Stretch): Rows {
    if (userId !== undefined) rows.where(this.table.ownedBy(userId));
    if (createdFrom) rows.andWhere('token.createdAt >= :createdFrom', { createdFrom: createdFrom.getTime() });
    if (createdTo) rows.andWhere('token.createdAt < :createdTo', { createdTo: createdTo.getTime() });
    return notOlderThan(olderThan(rows, end), floor);
  }
}

/** The part of the list that a page looks at, from its oldest session on and before what came earlier. */
interface Stretch {
  end: Position | null;
  floor: Position | null;
}

function conditionsOf({ state, expiresFrom, expiresTo }: SessionFilter): string[] {
  const conditions = [
    state && STATE_CONDITIONS[state],
    expiresFrom && 'token.expiresAt >= :expiresFrom',
    expiresTo && 'token.expiresAt < :expiresTo',
  ];
  return conditions.filter((condition) => condition !== undefined);
}

function parametersOf({ now, expiresFrom, expiresTo }: PageRequest): object {
  return { now, expiresFrom: expiresFrom?.getTime(), expiresTo: expiresTo?.getTime() };
}

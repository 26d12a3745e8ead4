import { Injectable } from '@nestjs/common';
import type { ObjectLiteral, SelectQueryBuilder } from 'typeorm';
import type { AbstractAuthToken, AnyAuthToken, UserId } from '../entities/abstract-auth-token.js';
import { joinUser } from '../present-users.js';
import { TokenTable } from '../token-table.js';
import { type SessionState, STATE_CONDITIONS } from './session-state.js';

type Rows = SelectQueryBuilder<AbstractAuthToken>;

/** Which sessions to list; ranges include their start and not their end. */
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
  /** Where the next page begins; `null` = there is no more. A page may be short, even empty, and not the last. */
  next: string | null;
}

/** How many rows one page looks at: what bounds its time, however rare what it looks for is. */
const WINDOW = 5_000;
/** How far the clocks of nodes may differ: a login's id carries at least its time of creation (R46). */
const CLOCK_SKEW = 3_600_000;

/** Everybody's sessions, page by page in the order of their ids, which is that of their logins (RFC 9562 §5.7). */
@Injectable()
export class TokenDirectory<TToken extends AnyAuthToken = AbstractAuthToken> {
  constructor(private readonly table: TokenTable<TToken>) {}

  /** One session with its user, or `null`. */
  find(id: string): Promise<TToken | null> {
    return this.table.read(async (rows) => {
      const found = await joinUser(rows, this.table.userMetadata).where('token.id = :id', { id }).getOne();
      return found && this.table.detach(found).token;
    });
  }

  /**
   * One page, with users. Conditions that no index answers are looked for among a bounded number of rows; a page that
   * is short with a `next` goes on there.
   */
  async page(request: PageRequest): Promise<SessionPage<TToken>> {
    const conditions = conditionsOf(request);
    const floor = conditions.length > 0 ? await this.windowEnd(request) : null;
    const rows = await this.table.read((select) => {
      this.within(joinUser(select, this.table.userMetadata), request, floor);
      if (floor !== null) {
        select.innerJoin((rows) => this.window(rows, request, floor), 'looked_at', 'looked_at.id = token.id');
      }
      for (const condition of conditions) select.andWhere(condition, parametersOf(request));
      return select
        .orderBy('token.id', 'DESC')
        .limit(request.limit + 1)
        .getMany();
    });
    const sessions = rows.slice(0, request.limit).map((row) => this.table.detach(row).token);
    return { sessions, next: rows.length > request.limit ? (sessions.at(-1)?.id ?? null) : floor };
  }

  /** The id of the last row this page looks at; `null` where that is the table's last. */
  private windowEnd(request: PageRequest): Promise<string | null> {
    return this.table.read(async (rows) => {
      const [last] = await this.within(rows, request)
        .select('token.id', 'id')
        .orderBy('token.id', 'DESC')
        .offset(WINDOW - 1)
        .limit(1)
        .getRawMany<{ id: string }>();
      return last?.id ?? null;
    });
  }

  /**
   * The ids of the rows this page looks at. The limit tells a planner how few they are: it multiplies the shares of an
   * owner and of a stretch of ids as though the one had nothing to do with the other, and would read the whole table.
   */
  private window(rows: SelectQueryBuilder<ObjectLiteral>, request: PageRequest, floor: string): Rows {
    const window = rows.select('token.id', 'id').from(this.table.rows.target, 'token') as Rows;
    return this.within(window, request, floor).orderBy('token.id', 'ASC').limit(WINDOW);
  }

  /** What indexes answer: ids, and so the time of creation, and owners. */
  private within(
    rows: Rows,
    { after, userId, createdFrom, createdTo }: PageRequest,
    floor: string | null = null,
  ): Rows {
    if (userId !== undefined) rows.where(this.table.ownedBy(userId));
    if (after !== undefined) rows.andWhere('token.id < :after', { after });
    if (createdFrom) rows.andWhere('token.id >= :firstId', { firstId: lowestIdAt(createdFrom.getTime()) });
    if (createdTo) rows.andWhere('token.id < :endId', { endId: lowestIdAt(createdTo.getTime() + CLOCK_SKEW) });
    if (floor !== null) rows.andWhere('token.id >= :floor', { floor });
    return rows;
  }
}

function conditionsOf({ state, createdFrom, createdTo, expiresFrom, expiresTo }: SessionFilter): string[] {
  const conditions = [
    state && STATE_CONDITIONS[state],
    createdFrom && 'token.createdAt >= :createdFrom',
    createdTo && 'token.createdAt < :createdTo',
    expiresFrom && 'token.expiresAt >= :expiresFrom',
    expiresTo && 'token.expiresAt < :expiresTo',
  ];
  return conditions.filter((condition) => condition !== undefined);
}

function parametersOf({ now, createdFrom, createdTo, expiresFrom, expiresTo }: PageRequest): object {
  return {
    now,
    createdFrom: createdFrom?.getTime(),
    createdTo: createdTo?.getTime(),
    expiresFrom: expiresFrom?.getTime(),
    expiresTo: expiresTo?.getTime(),
  };
}

/** Sorts before every UUID v7 made from that millisecond on. */
function lowestIdAt(time: number): string {
  const hex = Math.max(0, time).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}

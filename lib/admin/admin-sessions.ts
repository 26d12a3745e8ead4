import { ConflictException, Inject, Injectable, NotFoundException } from '@nestjs/common';
import type { Attribution } from '../events/authentify-event.js';
import type { DeadlineEdit } from '../sessions/edited-deadlines.js';
import type { AnyAuthToken, UserId } from '../sessions/entities/abstract-auth-token.js';
import type { IssuedTokensJson } from '../sessions/issued-tokens.js';
import { AdminRegistration } from './admin-registration.js';
import { ADMIN_OPTIONS, type ResolvedAdminOptions } from './admin-options.js';
import { perform } from './input/read-input.js';
import type { IssueRequest, ListRequest } from './admin-requests.js';
import { labelOf, type SessionView, viewOf } from './session-view.js';

/** One page, newest login first. */
export interface SessionList {
  sessions: SessionView[];
  /** What to send as `after` for more; `null` = that was all. A page with a `next` may be short. */
  next: string | null;
}

/** Somebody whose sessions can be asked for. */
export interface UserView {
  id: UserId;
  label: string | null;
}

/** What became of a session that was to be deleted: its row is gone, or it has ended and its row is kept. */
export type Deletion = { deleted: 1 } | { deleted: 0; ended: number };

const MOST_USERS = 20;

/** What administrators do with everybody's sessions. */
@Injectable()
export class AdminSessions {
  constructor(
    @Inject(ADMIN_OPTIONS) private readonly options: ResolvedAdminOptions,
    private readonly registration: AdminRegistration,
  ) {}

  async list({ user, ...filter }: ListRequest): Promise<SessionList> {
    const now = Date.now();
    const { sessions, next } = await perform(async () => {
      const userId = user === undefined ? undefined : this.registration.users.keyOf(user);
      return this.registration.sessions.page({ ...filter, userId, now });
    });
    return { sessions: sessions.map((token) => viewOf(token, this.options, now)), next };
  }

  /** Whom a text may mean, so that sessions are asked for by primary key. */
  async users(search: string): Promise<UserView[]> {
    const users = await this.registration.users.startingWith(search, this.options.searchColumns, MOST_USERS);
    return users.map((user) => ({ id: this.registration.users.keyOf(user), label: labelOf(user, this.options) }));
  }

  /** Logs a user in. What this returns is the only place the raw tokens ever are. */
  async issue(
    { userId: user, type: authType, ...options }: IssueRequest,
    attribution: Attribution,
  ): Promise<IssuedTokensJson & { session: SessionView }> {
    const issued = await perform(() =>
      this.registration.administration.issue({ authType, user }, options, attribution),
    );
    const token = (await this.registration.sessions.find(issued.token.id)) ?? issued.token;
    return { ...issued.toJSON(), session: viewOf(token, this.options, Date.now()) };
  }

  /** @throws ConflictException (409) where the session was slid, rotated or ended in between. */
  async setDeadlines(id: string, edit: DeadlineEdit, attribution: Attribution): Promise<SessionView> {
    const token = await this.find(id);
    if (token.revokedAt !== null) throw new ConflictException('The session has ended; its dates are history');
    if (!(await perform(() => this.registration.administration.setDeadlines(token, edit, attribution)))) {
      throw new ConflictException('The session has changed meanwhile; look at it again');
    }
    return viewOf(token, this.options, Date.now());
  }

  async revoke(id: string, attribution: Attribution): Promise<number> {
    return this.registration.administration.revoke(await this.find(id), attribution);
  }

  revokeAllOf(userId: UserId, attribution: Attribution): Promise<number> {
    return perform(() => this.registration.administration.revokeAllOf(userId, attribution));
  }

  /** Deletes a session's row, and with it a live session; what must be kept for the record ends and stays. */
  async delete(id: string, attribution: Attribution): Promise<Deletion> {
    const { administration } = this.registration;
    const token = await this.find(id);
    if (await administration.delete(token, attribution)) return { deleted: 1 };
    return { deleted: 0, ended: await administration.revoke(token, attribution) };
  }

  private async find(id: string): Promise<AnyAuthToken> {
    const token = await this.registration.sessions.find(id);
    if (!token) throw new NotFoundException('There is no such session');
    return token;
  }
}

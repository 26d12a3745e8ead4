import { BadRequestException, ConflictException, Inject, Injectable, NotFoundException } from '@nestjs/common';
import { AuthentifyUserNotFoundError } from '../errors/authentify-user-not-found.error.js';
import type { AdminAttribution } from '../events/authentify-event.js';
import type { DeadlineEdit } from '../sessions/administration.js';
import type { AnyAuthToken, UserId } from '../sessions/entities/abstract-auth-token.js';
import type { IssuedTokensJson } from '../sessions/issued-tokens.js';
import { AdminRegistration } from './admin-registration.js';
import { ADMIN_OPTIONS, type ResolvedAdminOptions } from './admin-options.js';
import type { IssueRequest, ListRequest } from './admin-requests.js';
import { labelOf, type SessionView, viewOf } from './session-view.js';

/** One page, newest login first. */
export interface SessionList {
  sessions: SessionView[];
  /** To be sent as `after` for the next page; `null` on the last one. A page with a `next` may be short. */
  next: string | null;
}

/** A user as the search finds them. */
export interface UserView {
  id: UserId;
  label: string | null;
}

/** The outcome of a deletion: the row is gone, or the session has ended and its row is kept. */
export type Deletion = { deleted: 1 } | { deleted: 0; ended: number };

const MAX_USERS = 20;

/** The administrators' work on everybody's sessions. */
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

  /** The users whom a text may mean; their sessions are then asked for by primary key. */
  async users(search: string): Promise<UserView[]> {
    const users = await this.registration.users.startingWith(search, this.options.searchColumns, MAX_USERS);
    return users.map((user) => ({ id: this.registration.users.keyOf(user), label: labelOf(user, this.options) }));
  }

  /** Logs a user in. The raw tokens are nowhere but in what this returns. */
  async issue(
    { userId: user, type: authType, ...options }: IssueRequest,
    attribution: AdminAttribution,
  ): Promise<IssuedTokensJson & { session: SessionView }> {
    const issued = await perform(() =>
      this.registration.administration.issue({ authType, user }, options, attribution),
    );
    const token = (await this.registration.sessions.find(issued.token.id)) ?? issued.token;
    return { ...issued.toJSON(), session: viewOf(token, this.options, Date.now()) };
  }

  /** @throws ConflictException (409) if the session was extended, rotated or ended in the meantime. */
  async setDeadlines(id: string, edit: DeadlineEdit, attribution: AdminAttribution): Promise<SessionView> {
    const token = await this.find(id);
    if (token.revokedAt !== null) throw new ConflictException('The session has ended; its dates cannot be changed');
    if (!(await perform(() => this.registration.administration.setDeadlines(token, edit, attribution)))) {
      throw new ConflictException('The session has changed in the meantime; load it again');
    }
    return viewOf(token, this.options, Date.now());
  }

  async revoke(id: string, attribution: AdminAttribution): Promise<number> {
    return this.registration.administration.revoke(await this.find(id), attribution);
  }

  revokeAllOf(userId: UserId, attribution: AdminAttribution): Promise<number> {
    return perform(() => this.registration.administration.revokeAllOf(userId, attribution));
  }

  /** Deletes a session's row, and with it a live session; one that must be kept for the record ends and stays. */
  async delete(id: string, attribution: AdminAttribution): Promise<Deletion> {
    const { administration } = this.registration;
    const token = await this.find(id);
    if (await administration.delete(token, attribution)) return { deleted: 1 };
    return { deleted: 0, ended: await administration.revoke(token, attribution) };
  }

  private async find(id: string): Promise<AnyAuthToken> {
    const token = await this.registration.sessions.find(id);
    if (!token) throw new NotFoundException('Session not found');
    return token;
  }
}

/** Does what a client asked for; a call that the library refuses as wrong was a bad request. */
async function perform<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof AuthentifyUserNotFoundError) throw new NotFoundException('User not found');
    if (error instanceof TypeError || error instanceof RangeError) throw new BadRequestException(error.message);
    throw error;
  }
}

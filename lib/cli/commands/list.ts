import type { AbstractAuthToken } from '../../sessions/entities/abstract-auth-token.js';
import { newestFirst, olderThan, positionOf } from '../../store/login-order.js';
import { STATE_CONDITIONS } from '../../store/session-conditions.js';
import { type SessionState, sessionStateOf } from '../../sessions/state.js';
import { canonicalUuid } from '../../sessions/uuid.js';
import { UsageError } from '../failure.js';
import { keyInJson } from '../../sessions/json.js';
import { columns, print } from '../output.js';
import { type AppFlags, type OpenedRegistration, withRegistration } from '../registration.js';

export interface ListFlags extends AppFlags {
  user?: string;
  state?: SessionState;
  limit: number;
  after?: string;
}

const HEADINGS = ['ID', 'USER', 'TYPE', 'STATE', 'CREATED', 'LAST REFRESHED', 'EXPIRES', 'REFRESH UNTIL'];

/** `authentify list`: a page of sessions, newest first; the next one goes on after its last id. */
export async function list(flags: ListFlags): Promise<void> {
  await withRegistration(flags, async (store) => {
    const now = Date.now();
    const sessions = await pageOf(store, flags, now);
    const shown = sessions.map((token) => viewOf(token, now));
    print({ json: shown, text: columns([HEADINGS, ...shown.map(lineOf)]) }, flags);
  });
}

async function pageOf({ table }: OpenedRegistration, flags: ListFlags, now: number): Promise<AbstractAuthToken[]> {
  const userId = flags.user === undefined ? undefined : table.userKey(flags.user);
  const end = flags.after === undefined ? null : await positionOf(table, sessionId(flags.after));
  return table.read((page) => {
    if (userId !== undefined) page.where(table.ownedBy(userId));
    if (flags.state) page.andWhere(STATE_CONDITIONS[flags.state], { now });
    return newestFirst(olderThan(page, end)).limit(flags.limit).getMany();
  });
}

function sessionId(text: string): string {
  const id = canonicalUuid(text);
  if (id === null) throw new UsageError('--after must be the id of a session');
  return id;
}

type SessionView = ReturnType<typeof viewOf>;

/** What there is to know of a session; columns of the app's own stay its own. */
function viewOf(token: AbstractAuthToken, now: number) {
  const { id, authType, context, createdAt, lastRefreshedAt, expiresAt, refreshUntil } = token;
  const userId = keyInJson(token.userId);
  const { sessionExpiresAt, revokedAt, revokedReason } = token;
  const deadlines = { createdAt, lastRefreshedAt, expiresAt, refreshUntil, sessionExpiresAt };
  return { id, userId, authType, state: sessionStateOf(token, now), context, ...deadlines, revokedAt, revokedReason };
}

function lineOf({ id, userId, authType, state, ...session }: SessionView): string[] {
  const instants = [session.createdAt, session.lastRefreshedAt, session.expiresAt, session.refreshUntil];
  return [id, String(userId), authType, state, ...instants.map(dateOf)];
}

/** Also of what somebody else wrote into the row. */
function dateOf(instant: Date | null): string {
  if (instant === null) return '–';
  return Number.isNaN(instant.getTime()) ? 'no date' : instant.toISOString();
}

import type { AbstractAuthToken } from '../../sessions/entities/abstract-auth-token.js';
import { keyInJson } from '../../sessions/json.js';
import { type SessionState, sessionStateOf } from '../../sessions/state.js';
import { canonicalUuid } from '../../sessions/uuid.js';
import { UsageError } from '../failure.js';
import { columns, print } from '../output.js';
import { type AppFlags, type OpenedRegistration, withRegistration } from '../registration.js';

export interface ListFlags extends AppFlags {
  user?: string;
  state?: SessionState;
  limit: number;
  after?: string;
}

const HEADINGS = ['ID', 'USER', 'TYPE', 'STATE', 'CREATED', 'LAST REFRESHED', 'EXPIRES', 'REFRESH UNTIL'];

/** `authentify list`: a page of sessions, newest first; `--after` its last id gives the next page. */
export async function list(flags: ListFlags): Promise<void> {
  await withRegistration(flags, async (registration) => {
    const now = Date.now();
    const sessions = await pageOf(registration, flags, now);
    const shown = sessions.map((token) => viewOf(token, now));
    print({ json: shown, text: columns([HEADINGS, ...shown.map(lineOf)]) }, flags);
  });
}

/** A full page, if there are so many: a rare state is looked for stretch by stretch. */
async function pageOf({ sessions, users }: OpenedRegistration, flags: ListFlags, now: number) {
  const { state, limit } = flags;
  const userId = flags.user === undefined ? undefined : users.keyOf(flags.user);
  const found: AbstractAuthToken[] = [];
  let after = flags.after === undefined ? undefined : sessionId(flags.after);
  do {
    const page = await sessions.page({ userId, state, limit: limit - found.length, after, now });
    found.push(...page.sessions);
    after = page.next ?? undefined;
  } while (after !== undefined && found.length < limit);
  return found;
}

function sessionId(text: string): string {
  const id = canonicalUuid(text);
  if (id === null) throw new UsageError('--after must be the id of a session');
  return id;
}

type SessionView = ReturnType<typeof viewOf>;

/** A session in JSON: named fields only, so that no column of the app's slips out. */
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

/** Somebody else may have written no date into the row. */
function dateOf(instant: Date | null): string {
  if (instant === null) return '–';
  return Number.isNaN(instant.getTime()) ? 'no date' : instant.toISOString();
}

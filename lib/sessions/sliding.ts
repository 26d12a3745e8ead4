import { Inject, Injectable, Logger } from '@nestjs/common';
import { AUTHENTIFY_OPTIONS } from '../constants.js';
import { AuthentifyUnavailableError } from '../errors/authentify-unavailable.error.js';
import type { Milliseconds } from '../options/duration.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import { type AbstractAuthToken, type AnyAuthToken, isPast } from './entities/abstract-auth-token.js';
import { type Deadlines, deadlinesFrom, type Lifetimes, ownLifetimes } from './lifetimes.js';
import { SessionStore } from './session-store.js';
import { TokenSecrets } from './token-secrets.js';
import { Verification } from './verification.js';

/** How a slide came out: new deadlines, none because it could not be written, or the session turned out to be over. */
export type SlideOutcome = Deadlines | 'unchanged' | 'ended';

/** How many sessions' last slides a process remembers. */
const MEMORY = 10_000;

/** Extends sessions while they are used: at most one UPDATE per session, interval and process (R41–R44). */
@Injectable()
export class Sliding<TToken extends AnyAuthToken = AbstractAuthToken> {
  private readonly logger = new Logger(Sliding.name);
  // Slides under way and the latest done, so that requests which read the row before do not send them again.
  // Private to the language too, because the keys hold digests (R63).
  readonly #slides = new Map<string, Promise<SlideOutcome>>();

  constructor(
    @Inject(AUTHENTIFY_OPTIONS) private readonly options: ResolvedOptions,
    private readonly store: SessionStore<TToken>,
    private readonly secrets: TokenSecrets,
    private readonly verification: Verification<TToken>,
  ) {}

  /** The deadlines that this session moves to now, or `null` if no slide is due. */
  due(session: TToken, now = Date.now()): Deadlines | null {
    const { autoRefreshInterval: interval, autoRefreshMaxTtl: maxTtl } = this.options;
    return interval === null ? null : dueSlide(session, now, { interval, maxTtl });
  }

  /** Writes a due slide, and moves the deadlines of the entity given. */
  async slide(session: TToken, rawToken: string, deadlines: Deadlines): Promise<SlideOutcome> {
    const generation = this.secrets.digest(rawToken);
    const outcome = await this.once(`${generation}@${session.lastRefreshedAt.getTime()}`, () =>
      this.write(session, rawToken, deadlines),
    );
    if (typeof outcome === 'object') Object.assign(session, outcome);
    return outcome;
  }

  /** One write for all who ask while it is under way, and for those who read the row before it was done. */
  private async once(key: string, write: () => Promise<SlideOutcome>): Promise<SlideOutcome> {
    const known = this.#slides.get(key);
    if (known) return known;
    const slide = write().catch((error: unknown) => this.leaveForLater(error));
    this.#slides.set(key, slide);
    if (this.#slides.size > MEMORY) this.#slides.delete(this.#slides.keys().next().value ?? key);

    let written = false;
    try {
      const outcome = await slide;
      written = typeof outcome === 'object';
      return outcome;
    } finally {
      // A refusal or a failure must be found out anew.
      if (!written) this.#slides.delete(key);
    }
  }

  private async write(session: TToken, rawToken: string, deadlines: Deadlines): Promise<SlideOutcome> {
    const now = Date.now();
    // Past the grace period nobody may derive the last rotation's pair any more.
    const forgetsRotation =
      session.rotatedAt !== null && now - session.rotatedAt.getTime() >= this.options.refreshGracePeriod;
    const accessDigests = this.secrets.readAccess(rawToken) ?? [];
    if (await this.store.slide(session, accessDigests, { now, deadlines, forgetsRotation })) return deadlines;
    return this.readAgain(rawToken);
  }

  /** No row changed: another process slid the session, or it is over. Only a fresh look can tell (R43). */
  private async readAgain(rawToken: string): Promise<SlideOutcome> {
    const live = await this.verification.verify(rawToken);
    if (!live) return 'ended';
    const { lastRefreshedAt, expiresAt, refreshUntil } = live;
    return { lastRefreshedAt, expiresAt, refreshUntil };
  }

  /** A slide that cannot be written must not fail a good request; a later one tries again (R44). */
  private leaveForLater(error: unknown): SlideOutcome {
    if (!(error instanceof AuthentifyUnavailableError)) throw error;
    this.logger.error('A session could not be extended; the request goes on', error.stack);
    return 'unchanged';
  }
}

/** How often and for how long after login a session may slide. */
export interface SlidingRules {
  interval: Milliseconds;
  /** Counted from login; `null` = until the session's absolute end. */
  maxTtl: Milliseconds | null;
}

/**
 * Where a session's deadlines move now: each by the session's own lifetime, clamped to its absolute end and to
 * `maxTtl` after login (R42). `null` when no slide is due, or nothing is left to gain.
 */
export function dueSlide(session: AnyAuthToken, now: number, { interval, maxTtl }: SlidingRules): Deadlines | null {
  if (session.expiresAt === null || now - session.lastRefreshedAt.getTime() < interval) return null;
  const own = ownLifetimes(session);
  const moved = deadlinesFrom(Math.min(now, latestStart(session, own, maxTtl)), own, session.sessionExpiresAt);
  return moved.expiresAt !== null && moved.expiresAt > session.expiresAt ? moved : null;
}

/**
 * Where the session may live on by rotation after sliding has ended, the last slide starts as much earlier as it
 * would overshoot: cut off at its end instead, the session's own lifetimes would stay short for good.
 */
function latestStart(session: AnyAuthToken, own: Lifetimes, maxTtl: Milliseconds | null): number {
  if (maxTtl === null || own.access === null) return Infinity;
  const end = session.createdAt.getTime() + maxTtl;
  return isPast(session.sessionExpiresAt, end) ? Infinity : end - own.access;
}

import { Inject, Injectable, Logger } from '@nestjs/common';
import { AUTHENTIFY_OPTIONS } from '../constants.js';
import { AuthentifyEvents } from '../events/authentify-events.js';
import { AuthentifyUnavailableError } from '../errors/authentify-unavailable.error.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import type { AbstractAuthToken, AnyAuthToken } from './entities/abstract-auth-token.js';
import { type Deadlines, pruneAtOf } from './lifetimes.js';
import { PresentedTokens } from './presented-tokens.js';
import type { SlidColumns } from '../store/session-columns.js';
import { dueSlide } from './sliding-expiry.js';
import { TokenPairFactory } from './token-secrets.js';
import { TokenRepository } from '../store/token.repository.js';
import { TokenVerifier } from './verification.js';

/** What became of a slide: new deadlines, left as they were, or the session turned out to be over. */
export type SlideOutcome = Deadlines | 'unchanged' | 'ended';

/** How many sessions' last slides a process remembers. */
const MEMORY = 10_000;

/** Extends sessions while they are used: at most one UPDATE per session, interval and process (R41–R44). */
@Injectable()
export class TokenSlider<TToken extends AnyAuthToken = AbstractAuthToken> {
  private readonly logger = new Logger('AutoRefresh');
  // Slides under way and the latest done, so that requests which read the row before do not send them again.
  // Private to the language too, because the keys hold digests (R63).
  readonly #slides = new Map<string, Promise<SlideOutcome>>();

  constructor(
    @Inject(AUTHENTIFY_OPTIONS) private readonly options: ResolvedOptions,
    private readonly tokens: TokenRepository<TToken>,
    private readonly verifier: TokenVerifier<TToken>,
    private readonly pairs: TokenPairFactory,
    private readonly presented: PresentedTokens,
    private readonly events: AuthentifyEvents,
  ) {}

  /**
   * Where this session's deadlines move now, or `null` if no slide is due.
   */
  due(token: TToken, now = Date.now()): Deadlines | null {
    const { autoRefreshInterval: interval, autoRefreshMaxTtl: maxTtl } = this.options;
    return interval === null ? null : dueSlide(token, now, { interval, maxTtl });
  }

  /** Writes a due slide, and moves the deadlines of the entity given. */
  async slide(token: TToken, rawToken: string, deadlines: Deadlines): Promise<SlideOutcome> {
    const { digester } = this.pairs;
    const generation = digester.digest(rawToken, digester.form);
    const outcome = await this.once(`${generation}@${token.lastRefreshedAt.getTime()}`, () =>
      this.write(token, rawToken, deadlines),
    );
    if (typeof outcome === 'object') Object.assign(token, outcome);
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

  private async write(token: TToken, rawToken: string, deadlines: Deadlines): Promise<SlideOutcome> {
    const now = Date.now();
    const columns: SlidColumns = { ...deadlines, pruneAt: pruneAtOf(deadlines) };
    // Past the grace period nobody may derive the last rotation's pair any more.
    if (token.rotatedAt && now - token.rotatedAt.getTime() >= this.options.refreshGracePeriod)
      columns.rotationSalt = null;

    if (await this.tokens.slide(token, this.presented.accessDigests(rawToken) ?? [], now, columns)) {
      this.events.emit({ type: 'slid', sessionId: token.id, userId: token.userId, authType: token.authType });
      return deadlines;
    }
    return this.readAgain(rawToken);
  }

  /** No row changed: another process slid the session, or it is over. Only a fresh look can tell (R43). */
  private async readAgain(rawToken: string): Promise<SlideOutcome> {
    const live = await this.verifier.verify(rawToken);
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

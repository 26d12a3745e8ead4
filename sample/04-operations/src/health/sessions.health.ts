import { Injectable } from '@nestjs/common';
import { type HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';
import { TokenRepository } from 'nestjs-authentify';

const DAY_MS = 24 * 60 * 60 * 1000;

/** Down where the sessions cannot be read; degraded where nobody has pruned for a day. Both look-ups take an index. */
@Injectable()
export class SessionsHealth {
  constructor(
    private readonly health: HealthIndicatorService,
    private readonly tokens: TokenRepository,
  ) {}

  async check(): Promise<HealthIndicatorResult> {
    const indicator = this.health.check('sessions');
    try {
      const late = Date.now() - DAY_MS;
      const overdue = await this.tokens.expired().andWhere('token.pruneAt <= :late', { late }).limit(1).getOne();
      return overdue ? indicator.degraded('nothing was pruned for a day') : indicator.up();
    } catch {
      return indicator.down('the sessions cannot be read');
    }
  }
}

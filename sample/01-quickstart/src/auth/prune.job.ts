import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { TokenService } from 'nestjs-authentify';

const EVERY_HOUR = 60 * 60 * 1000;

/** Deletes sessions nobody can use any more. Any scheduler will do, on any number of instances at once. */
@Injectable()
export class PruneJob implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(PruneJob.name);
  private timer?: NodeJS.Timeout;

  constructor(private readonly tokens: TokenService) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => void this.run(), EVERY_HOUR);
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  private async run(): Promise<void> {
    try {
      this.logger.log(`Pruned ${await this.tokens.revokeExpiredTokens()} sessions`);
    } catch (error) {
      // The next hour is early enough; nothing depends on pruning.
      this.logger.error('Pruning failed', error);
    }
  }
}

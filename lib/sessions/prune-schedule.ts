import { type FactoryProvider, Logger } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { AUTHENTIFY_OPTIONS, PRUNE_JOB } from '../constants.js';
import { AuthentifyConfigurationError } from '../errors/authentify-configuration.error.js';
import type { ResolvedOptions } from '../options/resolved-options.js';
import { Pruning } from './pruning.js';
import { SessionStore } from './session-store.js';

type Schedule = typeof import('@nestjs/schedule');

/** Prunes whenever it is due; many instances may do so at once, and each of them runs one at a time. */
class PruneJob {
  private readonly logger = new Logger(PruneJob.name);

  constructor(private readonly pruning: Pruning) {}

  async run(): Promise<void> {
    try {
      await this.pruning.prune();
    } catch (error) {
      // Nothing depends on it, and it comes again.
      this.logger.error('Pruning failed; the next run tries again', error instanceof Error ? error.stack : undefined);
    }
  }
}

/**
 * The job of `pruneSchedule`, found by the app's own `ScheduleModule` like any method with `@Cron`. The package is
 * loaded where the option is given, and nowhere else.
 */
export const pruneJobProvider: FactoryProvider<PruneJob | null> = {
  provide: PRUNE_JOB,
  inject: [AUTHENTIFY_OPTIONS, Pruning, SessionStore, ModuleRef],
  useFactory: async (
    { pruneSchedule }: ResolvedOptions,
    pruning: Pruning,
    store: SessionStore,
    moduleRef: ModuleRef,
  ) => {
    if (pruneSchedule === null) return null;
    store.check();
    const { Cron, SchedulerRegistry } = await loadSchedule();
    checkScheduleModule(moduleRef, SchedulerRegistry);
    // A class of this registration's own, because the schedule is noted at its method.
    class ScheduledPruneJob extends PruneJob {
      override run(): Promise<void> {
        return super.run();
      }
    }
    const run = Object.getOwnPropertyDescriptor(ScheduledPruneJob.prototype, 'run') ?? {};
    const name = `authentify-prune ${store.tableName}`;
    Cron(pruneSchedule, { name, waitForCompletion: true })(ScheduledPruneJob.prototype, 'run', run);
    return new ScheduledPruneJob(pruning);
  },
};

async function loadSchedule(): Promise<Schedule> {
  try {
    return await import('@nestjs/schedule');
  } catch {
    throw new AuthentifyConfigurationError(
      'pruneSchedule',
      'needs the package @nestjs/schedule; install it, or call revokeExpiredTokens() from a job of your own',
    );
  }
}

function checkScheduleModule(moduleRef: ModuleRef, registry: Schedule['SchedulerRegistry']): void {
  try {
    moduleRef.get(registry, { strict: false });
  } catch {
    throw new AuthentifyConfigurationError(
      'pruneSchedule',
      'needs ScheduleModule.forRoot() among the imports of your app',
    );
  }
}

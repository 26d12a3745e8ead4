import { ScheduleModule, SchedulerRegistry } from '@nestjs/schedule';
import { type AbstractAuthToken, AuthentifyEvents } from 'nestjs-authentify';
import { filter, firstValueFrom } from 'rxjs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { startApp, type TestApp } from '../support/app.js';

const EVERY_SECOND = '* * * * * *';
const EVERY_HOUR = '0 * * * *';

let t: TestApp | undefined;

afterEach(async () => {
  await t?.close();
  t = undefined;
});

describe('pruneSchedule', () => {
  it('prunes when it is due, beside another instance that does so too', async () => {
    const setup = { options: { pruneSchedule: EVERY_SECOND }, imports: [ScheduleModule.forRoot()] };
    t = await startApp(setup);
    const other = await startApp({ ...setup, beside: t });
    const user = await t.createUser();
    const { token } = await t.tokens.generateHeaderToken(user);
    const live = await t.tokens.generateHeaderToken(user);
    const pruned = [t, other].map(({ app }) =>
      firstValueFrom(app.get(AuthentifyEvents).pipe(filter(({ type }) => type === 'pruned'))),
    );

    const sessions = t.dataSource.getRepository<AbstractAuthToken>(t.tokenEntity);
    await sessions.update(
      { id: token.id },
      { expiresAt: new Date(1), refreshUntil: new Date(1), pruneAt: new Date(1) },
    );
    expect(await Promise.race(pruned)).toMatchObject({ type: 'pruned', count: 1 });

    expect((await sessions.find()).map(({ id }) => id)).toEqual([live.token.id]);
    // A job of one must not outlive the data source of the other.
    const jobs = [...other.app.get(SchedulerRegistry).getCronJobs().values()];
    for (const job of jobs) void job.stop();
    await vi.waitUntil(() => jobs.every((job) => !job.isCallbackRunning));
  });

  it('is a cron job like the app’s own, under a name, and none without the option', async () => {
    t = await startApp({ options: { pruneSchedule: EVERY_HOUR }, imports: [ScheduleModule.forRoot()] });
    expect([...t.app.get(SchedulerRegistry).getCronJobs().keys()]).toEqual(['authentify-prune auth_tokens']);
    await t.close();

    t = await startApp({ imports: [ScheduleModule.forRoot()] });
    expect(t.app.get(SchedulerRegistry).getCronJobs().size).toBe(0);
  });

  it('stops the boot where ScheduleModule is missing, and says so', async () => {
    await expect(startApp({ options: { pruneSchedule: EVERY_HOUR } })).rejects.toThrow(
      'pruneSchedule needs ScheduleModule.forRoot() among the imports of your app',
    );
  });

  it('stops the boot where @nestjs/schedule is not installed, and is not looked for without the option', async () => {
    // Installed here, so its absence is played.
    vi.doMock('@nestjs/schedule', () => {
      throw new Error('Cannot find package');
    });
    try {
      await expect(startApp({ options: { pruneSchedule: EVERY_HOUR } })).rejects.toThrow(
        'pruneSchedule needs the package @nestjs/schedule',
      );
      t = await startApp();
    } finally {
      vi.doUnmock('@nestjs/schedule');
    }
  });

  it('stops the boot where it is no cron expression', async () => {
    const setup = { options: { pruneSchedule: 'hourly' }, imports: [ScheduleModule.forRoot()] };
    await expect(startApp(setup)).rejects.toThrow('pruneSchedule must be a cron expression');
  });
});

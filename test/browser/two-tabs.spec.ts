import type { NextFunction, Request, Response } from 'express';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { meetingOf } from '../requests/client.js';
import { fetchFrom } from './support/browser.js';
import { useStage } from './support/stage.js';

const ROUNDS = 100;

/** What both tabs were answered in a round, and then when they used what they got. */
interface Round {
  refreshes: number[];
  uses: number[];
  sameToken: boolean;
}

const isGood = ({ refreshes, uses }: Round): boolean => [...refreshes, ...uses].every((status) => status === 200);

describe.each([
  { setting: 'the default grace period', options: {}, rounds: ROUNDS },
  { setting: 'no grace period', options: { refreshGracePeriod: 0 }, rounds: 1 },
])('R32: two tabs that refresh at once, with $setting', ({ options, rounds }) => {
  let presented: string[] = [];
  let bothAreHere = async (): Promise<void> => {};
  /** Holds a refresh until that of the other tab has come too, so that both bring the same token. */
  const stage = useStage(options, {
    configure: (app) =>
      app.use('/refresh', async (request: Request, _response: Response, next: NextFunction) => {
        presented.push(request.headers.cookie ?? '');
        await bothAreHere();
        next();
      }),
  });

  async function race(tabs: Page[]): Promise<Round> {
    presented = [];
    bothAreHere = meetingOf(2);
    const refreshed = await Promise.all(tabs.map((tab) => fetchFrom(tab, '/refresh', { method: 'POST' })));
    const used = await Promise.all(tabs.map((tab) => fetchFrom(tab, '/transfer', { method: 'POST' })));
    return {
      refreshes: refreshed.map(({ status }) => status),
      uses: used.map(({ status }) => status),
      sameToken: presented[0] === presented[1],
    };
  }

  it(rounds === ROUNDS ? `stay logged in, ${ROUNDS} rounds on end` : 'are logged out by the first round', async () => {
    const { browser, victim } = stage;
    const first = await browser.newPage();
    await victim.logIn(first);
    const second = await browser.context.newPage();
    await second.goto(victim.origin);

    const outcomes: Round[] = [];
    for (let round = 0; round < rounds; round += 1) outcomes.push(await race([first, second]));

    expect(outcomes.filter(({ sameToken }) => sameToken)).toHaveLength(rounds);
    expect(outcomes.filter(isGood)).toHaveLength(rounds === ROUNDS ? ROUNDS : 0);
    if (rounds === ROUNDS) return;
    expect(outcomes[0]!.uses).toEqual([401, 401]);
    expect((await victim.rows()).filter(({ user_id: id }) => Number(id) === victim.alice.id)).toEqual([]);
  });
});

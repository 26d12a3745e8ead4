import { AuthentifyEvents, AuthentifyUnavailableError, type IssuedTokens } from 'nestjs-authentify';
import { vi } from 'vitest';
import type { TestApp } from '../support/app.js';

export const NOW = Date.UTC(2026, 0, 15, 12);
export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;

/** From here on it is this instant; only `Date` is taken over, waits are real. */
export const at = (instant: number): void => {
  vi.useFakeTimers({ toFake: ['Date'], now: instant });
};

/** Does something that many times at once. */
export const times = <T>(count: number, work: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => work(index)));

/** What a call in a storm answered; `'503'` is the only failure allowed, any other is thrown (R36, R46). */
export async function orUnavailable<T>(call: Promise<T>): Promise<T | '503'> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof AuthentifyUnavailableError) return '503';
    throw error;
  }
}

/** How often each value is there. */
export function tally(values: readonly unknown[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const value of values) counts[String(value)] = (counts[String(value)] ?? 0) + 1;
  return counts;
}

/** The raw tokens of a pair, or what came instead. */
export const pairOf = (issued: Pick<IssuedTokens, 'accessToken' | 'refreshToken'> | '503' | null): string =>
  issued === null || issued === '503' ? String(issued) : `${issued.accessToken} ${issued.refreshToken}`;

/** Counts an app's events by type, and rejections by reason too; each call tells those since the one before. */
export function eventsOf(...apps: Pick<TestApp, 'app'>[]): () => Record<string, number> {
  const types: string[] = [];
  for (const { app } of apps) {
    app.get(AuthentifyEvents).subscribe((event) => {
      types.push(event.type === 'rejected' ? `rejected: ${event.reason}` : event.type);
    });
  }
  return () => tally(types.splice(0));
}

/** A method whose results are held back. */
export interface Hold {
  /** Settles when that many calls have come to the point where they are held. */
  arrived: Promise<void>;
  /** Lets go on who is held; later calls are not held at all. */
  release(): void;
}

/**
 * Holds the first `count` calls of an asynchronous method: before it works, or after it, with the result in hand.
 * So a race is arranged, not waited for.
 */
export function hold<T extends object>(target: T, method: keyof T, moment: 'before' | 'after', count = 1): Hold {
  const original = (target[method] as (...given: unknown[]) => Promise<unknown>).bind(target);
  let come = (): void => {};
  let open = (): void => {};
  const arrived = new Promise<void>((resolve) => (come = resolve));
  const opened = new Promise<void>((resolve) => (open = resolve));
  let held = 0;
  const wait = async (): Promise<void> => {
    held += 1;
    if (held === count) come();
    await opened;
  };
  let started = 0;
  const spy = vi.spyOn(target, method as never) as unknown as {
    mockImplementation(work: (...given: unknown[]) => Promise<unknown>): void;
    mockRestore(): void;
  };
  spy.mockImplementation(async (...given) => {
    started += 1;
    if (started > count) return original(...given);
    if (moment === 'before') await wait();
    const result = await original(...given);
    if (moment === 'after') await wait();
    return result;
  });
  return {
    arrived,
    release: () => {
      spy.mockRestore();
      open();
    },
  };
}

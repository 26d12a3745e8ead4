import { setTimeout as pause } from 'node:timers/promises';
import { travel, travelBack, travelTo } from 'nestjs-authentify/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';

const MINUTE = 60_000;
const START = Date.UTC(2026, 0, 15, 12);
const RealDate = Date;

/** How far the clock is from where it would be, to a second. */
const distance = (from: number): number => Math.round((Date.now() - from) / 1_000);

describe('travel', () => {
  afterEach(() => {
    travelBack();
    vi.useRealTimers();
    expect(globalThis.Date).toBe(RealDate);
  });

  it('moves Date.now(), new Date() and Date() forward, and back again', () => {
    const before = Date.now();
    const back = travel('61m');
    expect(distance(before)).toBe(61 * 60);
    expect(Math.abs(new Date().getTime() - Date.now())).toBeLessThan(1_000);
    expect(Math.abs(new Date(Date()).getTime() - Date.now())).toBeLessThan(2_000);
    back();
    expect(distance(before)).toBe(0);
    expect(globalThis.Date).toBe(RealDate);
  });

  it('adds up, in seconds or ms strings, and goes back all the way', () => {
    const before = Date.now();
    travel(90);
    travel('1d');
    expect(distance(before)).toBe(90 + 86_400);
    travelBack();
    expect(distance(before)).toBe(0);
  });

  it('travelTo sets the clock, which goes on from there, also into the past', async () => {
    const instant = new Date('2001-09-09T01:46:40Z');
    travelTo(instant);
    expect(Math.abs(Date.now() - instant.getTime())).toBeLessThan(1_000);
    const then = Date.now();
    await pause(5);
    expect(Date.now()).toBeGreaterThan(then);
  });

  it('leaves dates that were given a time, instanceof, and the other members alone', () => {
    travel('1d');
    expect(new Date(0).toISOString()).toBe('1970-01-01T00:00:00.000Z');
    expect(new Date(2026, 0, 15)).toEqual(new RealDate(2026, 0, 15));
    expect([new Date() instanceof Date, new Date() instanceof RealDate, new RealDate() instanceof Date]).toEqual([
      true,
      true,
      true,
    ]);
    expect(Date.UTC(2026, 0)).toBe(RealDate.UTC(2026, 0));
    class Day extends Date {}
    expect(new Day()).toBeInstanceOf(Day);
    expect(Math.abs(new Day().getTime() - Date.now())).toBeLessThan(1_000);
  });

  it('leaves timers alone', async () => {
    travel('100d');
    await pause(1);
    const { setTimeout: timer } = globalThis;
    travelBack();
    expect(globalThis.setTimeout).toBe(timer);
  });

  it('stands on fake timers, and they on it', () => {
    vi.useFakeTimers({ toFake: ['Date'], now: START });
    travel('1m');
    expect(Date.now()).toBe(START + MINUTE);
    travelBack();
    expect(Date.now()).toBe(START);
    vi.useRealTimers();

    const before = Date.now();
    travel('1h');
    vi.useFakeTimers({ toFake: ['Date'] });
    expect(distance(before)).toBe(3_600);
    travel('1h');
    expect(distance(before)).toBe(7_200);
    travelBack();
    vi.useRealTimers();
    travelBack();
    expect(distance(before)).toBe(0);
    globalThis.Date = RealDate;
  });

  it.each([0, -1, '10', 'soon', null])('refuses %o', (duration) => {
    expect(() => travel(duration as never)).toThrow(/^travel (is no|must be a)/);
    expect(() => travelTo(new Date('never'))).toThrow(RangeError);
    expect(globalThis.Date).toBe(RealDate);
  });
});

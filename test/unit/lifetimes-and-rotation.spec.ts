import { authTokenEntity, type AbstractAuthToken } from 'nestjs-authentify';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  checkRefreshOutlivesAccess,
  deadlinesFrom,
  earlier,
  ownLifetimes,
  pruneAtOf,
  readOverrides,
} from '../../lib/sessions/lifetimes.js';
import { judge, type LateRefresh, rotatedDeadlines } from '../../lib/sessions/refresh.js';
import { dueSlide } from '../../lib/sessions/sliding.js';

const NOW = Date.UTC(2026, 0, 15, 12);
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const at = (offset: number): Date => new Date(NOW + offset);

class Owner {}
const Token = authTokenEntity(() => Owner);

/** A session opened now with an hour of access and a week of refresh. */
function session(changes: Partial<AbstractAuthToken> = {}): AbstractAuthToken {
  return Object.assign(new Token(), {
    createdAt: at(0),
    lastRefreshedAt: at(0),
    expiresAt: at(HOUR),
    refreshUntil: at(7 * DAY),
    sessionExpiresAt: null,
    rotatedAt: null,
    revokedAt: null,
    ...changes,
  });
}

describe('R27: reading the lifetimes of one call', () => {
  it('tells "as configured" from "none" from a duration', () => {
    expect(readOverrides({})).toEqual({ access: undefined, refresh: undefined });
    expect(readOverrides({ accessExpiresIn: null, refreshExpiresIn: null })).toEqual({ access: null, refresh: null });
    expect(readOverrides({ accessExpiresIn: 90, refreshExpiresIn: '2h' })).toEqual({
      access: 90 * SECOND,
      refresh: 2 * HOUR,
    });
  });

  it.each<[unknown, typeof RangeError | typeof TypeError]>([
    [0, RangeError],
    [-1, RangeError],
    [Number.NaN, RangeError],
    [Number.POSITIVE_INFINITY, RangeError],
    ['', RangeError],
    ['900', RangeError],
    ['soon', RangeError],
    [true, TypeError],
    [{}, TypeError],
    [[], TypeError],
    [5n, TypeError],
  ])('refuses %o by the name of its option', (value, Failure) => {
    for (const name of ['accessExpiresIn', 'refreshExpiresIn']) {
      const read = () => readOverrides({ [name]: value });
      expect(read).toThrow(Failure);
      expect(read).toThrow(name);
    }
  });

  it.each([
    [{ access: HOUR, refresh: HOUR + 1 }, true],
    [{ access: HOUR, refresh: HOUR }, false],
    [{ access: HOUR, refresh: HOUR - 1 }, false],
    [{ access: null, refresh: HOUR }, false],
    [{ access: HOUR, refresh: null }, true],
    [{ access: null, refresh: null }, true],
  ])('holds %j to a refresh token that outlives the access token: %s', (lifetimes, allowed) => {
    const check = expect(() => checkRefreshOutlivesAccess(lifetimes));
    if (allowed) check.not.toThrow();
    else check.toThrow(RangeError);
  });
});

describe('deadlines', () => {
  it('lie a lifetime after the start, to the millisecond', () => {
    expect(deadlinesFrom(NOW, { access: HOUR, refresh: 7 * DAY }, null)).toEqual({
      lastRefreshedAt: at(0),
      expiresAt: at(HOUR),
      refreshUntil: at(7 * DAY),
    });
  });

  it('R25: never pass the absolute end', () => {
    expect(deadlinesFrom(NOW, { access: HOUR, refresh: 7 * DAY }, at(HOUR + 1))).toMatchObject({
      expiresAt: at(HOUR),
      refreshUntil: at(HOUR + 1),
    });
    expect(deadlinesFrom(NOW, { access: HOUR, refresh: 7 * DAY }, at(HOUR - 1))).toMatchObject({
      expiresAt: at(HOUR - 1),
      refreshUntil: at(HOUR - 1),
    });
  });

  it('R25: of an endless access token are the absolute end, where there is one', () => {
    expect(deadlinesFrom(NOW, { access: null, refresh: null }, null)).toMatchObject({
      expiresAt: null,
      refreshUntil: null,
    });
    expect(deadlinesFrom(NOW, { access: null, refresh: null }, at(DAY))).toMatchObject({
      expiresAt: at(DAY),
      refreshUntil: null,
    });
  });

  it('say when a row is of no use any more: with its refresh token, else with its access token, else never', () => {
    expect(pruneAtOf({ refreshUntil: at(2 * HOUR), expiresAt: at(HOUR) })).toEqual(at(2 * HOUR));
    expect(pruneAtOf({ refreshUntil: null, expiresAt: at(HOUR) })).toEqual(at(HOUR));
    expect(pruneAtOf({ refreshUntil: null, expiresAt: null })).toBeNull();
  });

  it('say it by the hour, never too early, so that most slides change no index', () => {
    expect(pruneAtOf({ refreshUntil: at(2 * HOUR + 1), expiresAt: null })).toEqual(at(3 * HOUR));
    expect(pruneAtOf({ refreshUntil: at(3 * HOUR - 1), expiresAt: null })).toEqual(at(3 * HOUR));
  });

  it('give back the lifetimes they were made of', () => {
    const lifetime = fc.integer({ min: 1, max: 400 * DAY });
    fc.assert(
      fc.property(lifetime, fc.option(lifetime), (access, longer) => {
        const lifetimes = { access, refresh: longer === null ? null : access + longer };
        expect(ownLifetimes(session(deadlinesFrom(NOW, lifetimes, null)))).toEqual(lifetimes);
      }),
    );
    expect(ownLifetimes(session({ expiresAt: null, refreshUntil: null }))).toEqual({ access: null, refresh: null });
  });

  it('choose the earlier of an instant and an end that may not exist', () => {
    expect(earlier(NOW, null)).toEqual(at(0));
    expect(earlier(NOW, at(1))).toEqual(at(0));
    expect(earlier(NOW, at(-1))).toEqual(at(-1));
  });
});

describe('the deadlines of a rotation', () => {
  it("are the session's own lifetimes from now on", () => {
    expect(rotatedDeadlines(session(), NOW + 3 * DAY, {})).toEqual({
      lastRefreshedAt: at(3 * DAY),
      expiresAt: at(3 * DAY + HOUR),
      refreshUntil: at(10 * DAY),
    });
  });

  it('make an override the own lifetime', () => {
    const first = rotatedDeadlines(session(), NOW + HOUR, { access: 5 * MINUTE, refresh: DAY });
    expect(first).toMatchObject({ expiresAt: at(HOUR + 5 * MINUTE), refreshUntil: at(HOUR + DAY) });
    expect(rotatedDeadlines(session(first), NOW + 2 * HOUR, {})).toEqual({
      lastRefreshedAt: at(2 * HOUR),
      expiresAt: at(2 * HOUR + 5 * MINUTE),
      refreshUntil: at(2 * HOUR + DAY),
    });
  });

  it('R25: clamp own lifetimes and overrides to the absolute end, time after time', () => {
    const end = at(10 * DAY);
    let token = session({ sessionExpiresAt: end });
    for (const day of [4, 8, 9, 9.9]) {
      const deadlines = rotatedDeadlines(token, NOW + day * DAY, {});
      expect(deadlines.refreshUntil).toEqual(new Date(Math.min(NOW + (day + 7) * DAY, end.getTime())));
      expect(deadlines.expiresAt).toEqual(new Date(Math.min(NOW + day * DAY + HOUR, end.getTime())));
      token = session({ sessionExpiresAt: end, ...deadlines });
    }
    expect(rotatedDeadlines(token, NOW + 9.9 * DAY, { access: 30 * DAY, refresh: 60 * DAY })).toMatchObject({
      expiresAt: end,
      refreshUntil: end,
    });
  });

  it('R27: hold an override to the other lifetime, its own or overridden, before clamping', () => {
    const rotate = (overrides: { access?: number; refresh?: number }) => () =>
      rotatedDeadlines(session(), NOW + HOUR, overrides);
    expect(rotate({ access: 7 * DAY })).toThrow(RangeError);
    expect(rotate({ access: 7 * DAY - 1 })).not.toThrow();
    expect(rotate({ refresh: HOUR })).toThrow(RangeError);
    expect(rotate({ refresh: HOUR + 1 })).not.toThrow();
    expect(rotate({ access: 2 * HOUR, refresh: HOUR })).toThrow(RangeError);
  });

  it('R27: do not hold an override to a refresh lifetime that only the absolute end cut short', () => {
    const token = session({ lastRefreshedAt: at(0), refreshUntil: at(2 * HOUR), sessionExpiresAt: at(2 * HOUR) });
    expect(rotatedDeadlines(token, NOW + HOUR, { access: 3 * HOUR })).toMatchObject({
      expiresAt: at(2 * HOUR),
      refreshUntil: at(2 * HOUR),
    });
  });

  it('R27: hold an override of the refresh lifetime to the access lifetime, even where the absolute end cut it short', () => {
    const token = session({ refreshUntil: at(2 * HOUR), sessionExpiresAt: at(2 * HOUR) });
    expect(() => rotatedDeadlines(token, NOW + MINUTE, { refresh: 30 * MINUTE })).toThrow(RangeError);
  });

  it('R28: shorten nothing when the clock was set back', () => {
    const token = session();
    for (const back of [1, MINUTE, 30 * DAY]) {
      expect(rotatedDeadlines(token, NOW - back, {})).toEqual({
        lastRefreshedAt: at(0),
        expiresAt: at(HOUR),
        refreshUntil: at(7 * DAY),
      });
    }
  });

  it('R25, R28: never move the absolute end and never shorten, whatever the clock does', () => {
    const instants = fc.array(fc.integer({ min: -40 * DAY, max: 40 * DAY }), { maxLength: 20 });
    fc.assert(
      fc.property(instants, fc.option(fc.integer({ min: HOUR, max: 30 * DAY })), (offsets, max) => {
        const end = max === null ? null : at(max);
        let token = session({
          sessionExpiresAt: end,
          ...deadlinesFrom(NOW, { access: HOUR, refresh: 7 * DAY }, end),
        });
        for (const offset of offsets) {
          // Past its end a session is refused before anything is computed.
          if (end && NOW + offset >= end.getTime()) continue;
          const deadlines = rotatedDeadlines(token, NOW + offset, {});
          expect(deadlines.expiresAt!.getTime()).toBeGreaterThanOrEqual(token.expiresAt!.getTime());
          expect(deadlines.refreshUntil!.getTime()).toBeGreaterThanOrEqual(token.refreshUntil!.getTime());
          if (end) expect(deadlines.refreshUntil!.getTime()).toBeLessThanOrEqual(end.getTime());
          token = session({ sessionExpiresAt: end, ...deadlines });
        }
      }),
    );
  });
});

describe('the verdict on a refresh token that is not the current one', () => {
  const GRACE = 30 * SECOND;
  const PREVIOUS = 'a'.repeat(64);
  const OLDER = 'b'.repeat(64);

  function verdict(call: Partial<LateRefresh>, row: { rotatedAt?: Date | null; previous?: string | null } = {}) {
    const { rotatedAt = at(0), previous = PREVIOUS } = row;
    const digests = {
      accessTokenHash: 'x',
      refreshTokenHash: 'c'.repeat(64),
      refreshFamilyHash: 'y',
      previousRefreshTokenHash: previous,
      rotationSalt: null,
    };
    return judge(
      { session: session({ rotatedAt }), digests },
      { presentedDigest: PREVIOUS, now: NOW, wasCurrent: false, grace: GRACE, ...call },
    );
  }

  it.each([
    [0, 'replay'],
    [1, 'replay'],
    [GRACE - 1, 'replay'],
    [GRACE, 'reuse'],
    [GRACE + 1, 'reuse'],
    [DAY, 'reuse'],
    [-1, 'replay'],
    [-GRACE + 1, 'replay'],
    [-GRACE, 'overtaken'],
    [-DAY, 'overtaken'],
  ])('R28, R32: for the previous token %d ms after the rotation is %s', (offset, expected) => {
    expect(verdict({ now: NOW + offset })).toBe(expected);
  });

  it.each([
    [0, 'reuse'],
    [1, 'reuse'],
    [GRACE - 1, 'reuse'],
    [DAY, 'reuse'],
    [-1, 'overtaken'],
    [-DAY, 'overtaken'],
  ])('R31, R33: for an older token %d ms after the rotation is %s', (offset, expected) => {
    expect(verdict({ now: NOW + offset, presentedDigest: OLDER })).toBe(expected);
  });

  it('R31: is mercy for a call that had itself seen the token as current', () => {
    expect(verdict({ wasCurrent: true, presentedDigest: OLDER })).toBe('overtaken');
    expect(verdict({ wasCurrent: true, presentedDigest: OLDER, now: NOW + DAY })).toBe('overtaken');
    expect(verdict({ wasCurrent: true, now: NOW + GRACE })).toBe('overtaken');
    expect(verdict({ wasCurrent: true, now: NOW + GRACE - 1 })).toBe('replay');
  });

  it('R32: is reuse at any time with refreshGracePeriod 0, races included', () => {
    for (const now of [NOW - DAY, NOW - 1, NOW, NOW + 1]) {
      for (const wasCurrent of [true, false]) {
        expect(verdict({ grace: 0, now, wasCurrent })).toBe('reuse');
        expect(verdict({ grace: 0, now, wasCurrent, presentedDigest: OLDER })).toBe('reuse');
      }
    }
  });

  it('is reuse where the session was never rotated or has no previous token', () => {
    expect(verdict({}, { rotatedAt: null, previous: null })).toBe('reuse');
    expect(verdict({}, { previous: null })).toBe('reuse');
    expect(verdict({ presentedDigest: '' }, { previous: '' })).not.toBe('overtaken');
  });
});

describe('a slide', () => {
  const RULES = { interval: 5 * MINUTE, maxTtl: null };
  const slide = (token: AbstractAuthToken, offset: number, rules: Partial<Parameters<typeof dueSlide>[2]> = {}) =>
    dueSlide(token, NOW + offset, { ...RULES, ...rules });

  it('R41: is due at the interval and not one millisecond before', () => {
    expect(slide(session(), 5 * MINUTE - 1)).toBeNull();
    expect(slide(session(), 5 * MINUTE)).toEqual({
      lastRefreshedAt: at(5 * MINUTE),
      expiresAt: at(5 * MINUTE + HOUR),
      refreshUntil: at(5 * MINUTE + 7 * DAY),
    });
  });

  it('is due at every request with interval 0, if there is a millisecond to gain', () => {
    expect(slide(session(), 0, { interval: 0 })).toBeNull();
    expect(slide(session(), 1, { interval: 0 })?.expiresAt).toEqual(at(HOUR + 1));
  });

  it("moves each deadline by the token's own lifetime", () => {
    const token = session({ expiresAt: at(10 * MINUTE), refreshUntil: at(HOUR) });
    expect(slide(token, 6 * MINUTE)).toMatchObject({ expiresAt: at(16 * MINUTE), refreshUntil: at(HOUR + 6 * MINUTE) });
  });

  it('R42: gives no refresh deadline to a session without a refresh token', () => {
    const moved = slide(session({ refreshUntil: null }), 6 * MINUTE);
    expect(moved?.expiresAt).toEqual(at(HOUR + 6 * MINUTE));
    expect(moved?.refreshUntil).toBeNull();
  });

  it('is never due for a token without expiry', () => {
    expect(slide(session({ expiresAt: null, refreshUntil: null }), DAY)).toBeNull();
    expect(slide(session({ expiresAt: null, refreshUntil: null, sessionExpiresAt: at(2 * DAY) }), DAY)).toBeNull();
  });

  it('R42: is clamped to the absolute end, not skipped', () => {
    const token = session({ sessionExpiresAt: at(HOUR + 1), refreshUntil: at(HOUR + 1) });
    expect(slide(token, 30 * MINUTE)).toEqual({
      lastRefreshedAt: at(30 * MINUTE),
      expiresAt: at(HOUR + 1),
      refreshUntil: at(HOUR + 1),
    });
  });

  it('is not due where the absolute end leaves nothing to gain', () => {
    const end = at(HOUR);
    expect(slide(session({ sessionExpiresAt: end, refreshUntil: end }), 30 * MINUTE)).toBeNull();
  });

  it('is clamped to maxTtl counted from login, not from the last slide', () => {
    const rules = { maxTtl: 2 * HOUR };
    const token = session({ createdAt: at(-90 * MINUTE), refreshUntil: null });
    // Two hours after login is half an hour from now, and the token lives longer already.
    expect(slide(token, 6 * MINUTE, rules)).toBeNull();
    expect(slide(session({ refreshUntil: null }), 59 * MINUTE, rules)?.expiresAt).toEqual(at(59 * MINUTE + HOUR));
    const late = session({ lastRefreshedAt: at(59 * MINUTE), expiresAt: at(119 * MINUTE), refreshUntil: null });
    expect(slide(late, 100 * MINUTE, rules)?.expiresAt).toEqual(at(2 * HOUR));
  });

  it('R25: is clamped to the earlier of maxTtl and the absolute end', () => {
    const token = session({ sessionExpiresAt: at(80 * MINUTE), refreshUntil: null });
    expect(slide(token, 50 * MINUTE, { maxTtl: 2 * HOUR })?.expiresAt).toEqual(at(80 * MINUTE));
    expect(slide(token, 50 * MINUTE, { maxTtl: 70 * MINUTE })?.expiresAt).toEqual(at(70 * MINUTE));
  });

  it('R42: never shortens the refresh deadline', () => {
    const moved = slide(session(), 30 * MINUTE, { maxTtl: DAY });
    expect(moved?.expiresAt).toEqual(at(90 * MINUTE));
    expect(moved?.refreshUntil?.getTime()).toBeGreaterThanOrEqual(at(7 * DAY).getTime());
  });

  it("keeps the session's own lifetimes for the next rotation when maxTtl cuts it short", () => {
    // Two more hours of sliding, one absolute end in a month: refreshing goes on after sliding has ended.
    const rules = { maxTtl: 2 * HOUR };
    const opened = { sessionExpiresAt: at(30 * DAY) };
    let token = session(opened);
    for (const offset of [50 * MINUTE, 100 * MINUTE]) {
      const moved = slide(token, offset, rules);
      expect(moved).not.toBeNull();
      token = session({ ...opened, ...moved });
    }
    expect(token.expiresAt).toEqual(at(2 * HOUR));

    const rotated = rotatedDeadlines(token, NOW + 3 * HOUR, {});

    expect(rotated.expiresAt).toEqual(at(3 * HOUR + HOUR));
    expect(rotated.refreshUntil).toEqual(at(3 * HOUR + 7 * DAY));
  });

  it('R28: is not due, and shortens nothing, when the clock was set back', () => {
    for (const back of [1, MINUTE, DAY]) {
      expect(slide(session(), -back)).toBeNull();
      expect(slide(session(), -back, { interval: 0 })).toBeNull();
    }
  });

  it('R42: never shortens anything nor passes an end, whatever the session and the clock', () => {
    const span = fc.integer({ min: 1, max: 30 * DAY });
    fc.assert(
      fc.property(
        fc.record({
          access: span,
          longer: fc.option(span),
          max: fc.option(span),
          end: fc.option(span),
          interval: fc.nat(DAY),
        }),
        fc.integer({ min: -DAY, max: 40 * DAY }),
        ({ access, longer, max, end, interval }, offset) => {
          const sessionExpiresAt = end === null ? null : at(end);
          const lifetimes = { access, refresh: longer === null ? null : access + longer };
          const token = session({ sessionExpiresAt, ...deadlinesFrom(NOW, lifetimes, sessionExpiresAt) });
          const moved = dueSlide(token, NOW + offset, { interval, maxTtl: max });
          if (moved === null) return;
          expect(offset).toBeGreaterThanOrEqual(interval);
          expect(moved.expiresAt!.getTime()).toBeGreaterThan(token.expiresAt!.getTime());
          expect(moved.expiresAt!.getTime()).toBeLessThanOrEqual(NOW + offset + access);
          expect(moved.refreshUntil === null).toBe(token.refreshUntil === null);
          if (token.refreshUntil) {
            expect(moved.refreshUntil!.getTime()).toBeGreaterThanOrEqual(token.refreshUntil.getTime());
          }
          if (end !== null) expect(moved.expiresAt!.getTime()).toBeLessThanOrEqual(NOW + end);
          if (end !== null && moved.refreshUntil) expect(moved.refreshUntil.getTime()).toBeLessThanOrEqual(NOW + end);
          if (max !== null) expect(moved.expiresAt!.getTime()).toBeLessThanOrEqual(NOW + max);
        },
      ),
    );
  });
});

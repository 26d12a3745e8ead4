import type { AbstractAuthToken } from 'nestjs-authentify';
import { describe, expect, it } from 'vitest';
import { type DeadlineEdit, editedDeadlines } from '../../lib/sessions/administration.js';
import { rotatedDeadlines } from '../../lib/sessions/refresh.js';
import { dueSlide } from '../../lib/sessions/sliding.js';

const NOW = Date.UTC(2026, 0, 15, 12);
const HOUR = 3_600_000;
const at = (hours: number): Date => new Date(NOW + hours * HOUR);

/** Refreshed an hour ago: access for 2 hours from then on, refresh for 24. */
function session(columns: Partial<AbstractAuthToken> = {}): AbstractAuthToken {
  const dates = { lastRefreshedAt: at(-1), expiresAt: at(1), refreshUntil: at(23), sessionExpiresAt: null };
  return { createdAt: at(-5), revokedAt: null, ...dates, ...columns } as AbstractAuthToken;
}

function edit(token: AbstractAuthToken, changes: DeadlineEdit): AbstractAuthToken {
  return { ...token, ...editedDeadlines(token, changes, NOW) } as AbstractAuthToken;
}

describe('dates set by hand', () => {
  it('end a session that is cut short for good, however often it is refreshed', () => {
    const cut = edit(session(), { refreshUntil: at(3) });
    expect(cut.sessionExpiresAt).toEqual(at(3));
    const later = rotatedDeadlines(cut, at(2.5).getTime(), {});
    expect([later.expiresAt, later.refreshUntil]).toEqual([at(3), at(3)]);
  });

  it('end a sliding session without refresh token for good', () => {
    const cut = edit(session({ refreshUntil: null }), { expiresAt: at(0.5) });
    expect(cut.sessionExpiresAt).toEqual(at(0.5));
    expect(dueSlide(cut, at(0.25).getTime(), { interval: 0, maxTtl: null })).toBeNull();
  });

  it('end one that never ended', () => {
    const cut = edit(session({ expiresAt: null, refreshUntil: null }), { expiresAt: at(9) });
    expect([cut.expiresAt, cut.sessionExpiresAt]).toEqual([at(9), at(9)]);
  });

  it('extend a session without making its own lifetimes any longer', () => {
    const extended = edit(session(), { expiresAt: at(49), refreshUntil: at(71) });
    expect(extended.sessionExpiresAt).toBeNull();
    const early = rotatedDeadlines(extended, at(10).getTime(), {});
    expect([early.expiresAt, early.refreshUntil]).toEqual([at(49), at(71)]);
    const late = rotatedDeadlines(extended, at(60).getTime(), {});
    expect([late.expiresAt, late.refreshUntil]).toEqual([at(62), at(84)]);
    expect(dueSlide(extended, at(10).getTime(), { interval: 0, maxTtl: null })).toBeNull();
  });

  it('leave what is not mentioned as it is', () => {
    expect(editedDeadlines(session(), { refreshUntil: at(30) }, NOW)).toEqual({
      expiresAt: at(1),
      refreshUntil: at(30),
      lastRefreshedAt: at(-1),
      sessionExpiresAt: null,
    });
  });

  it('may let the refresh token end with the access token, and the session there', () => {
    const level = edit(session(), { expiresAt: at(23) });
    expect(level.sessionExpiresAt).toEqual(at(23));
    expect(() => rotatedDeadlines(level, at(22).getTime(), {})).not.toThrow();
  });

  it('may take the end from a session without refresh token', () => {
    const endless = edit(session({ refreshUntil: null }), { expiresAt: null });
    expect([endless.expiresAt, endless.sessionExpiresAt]).toEqual([null, null]);
  });

  it.each<[string, Partial<AbstractAuthToken>, DeadlineEdit, RegExp]>([
    ['an expiry that is over', {}, { expiresAt: at(-0.1) }, /expiresAt must lie ahead/],
    ['an expiry now', {}, { expiresAt: at(0) }, /expiresAt must lie ahead/],
    ['a refresh end that is over', {}, { refreshUntil: at(-0.1) }, /refreshUntil must lie ahead/],
    ['a refresh end before the expiry', {}, { refreshUntil: at(0.5) }, /must not be earlier than expiresAt/],
    ['an expiry after the refresh end', {}, { expiresAt: at(24) }, /must not be earlier than expiresAt/],
    ['no expiry where there is a refresh end', {}, { expiresAt: null }, /must not be earlier than expiresAt/],
    ['a refresh end without refresh token', { refreshUntil: null }, { refreshUntil: at(9) }, /no refresh token/],
    ['an expiry past the absolute end', { refreshUntil: null, sessionExpiresAt: at(5) }, { expiresAt: at(6) }, /pass/],
    ['no expiry before an absolute end', { refreshUntil: null, sessionExpiresAt: at(5) }, { expiresAt: null }, /pass/],
    ['a refresh end past the absolute end', { sessionExpiresAt: at(23) }, { refreshUntil: at(24) }, /pass/],
  ])('are refused: %s', (_, columns, changes, problem) => {
    expect(() => editedDeadlines(session(columns), changes, NOW)).toThrow(RangeError);
    expect(() => editedDeadlines(session(columns), changes, NOW)).toThrow(problem);
  });
});

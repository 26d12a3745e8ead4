import { In, LessThanOrEqual, Not } from 'typeorm';
import { describe, expect, it } from 'vitest';
import { instantTransformer } from '../../lib/sessions/entities/abstract-auth-token.js';

describe('R24: an instant', () => {
  const instant = new Date(1_795_881_600_123);

  it('is stored as epoch milliseconds, and read from whatever a driver makes of them', () => {
    expect(instantTransformer.to(instant)).toBe(1_795_881_600_123);
    for (const read of [1_795_881_600_123, '1795881600123', 1_795_881_600_123n]) {
      expect(instantTransformer.from(read)).toEqual(instant);
    }
    for (const nothing of [null, undefined]) {
      expect(instantTransformer.to(nothing)).toBe(nothing);
      expect(instantTransformer.from(nothing)).toBe(nothing);
    }
  });

  it('in the operators that TypeORM 0.3 hands over is stored so, too, and once only', () => {
    const upTo = instantTransformer.to(LessThanOrEqual(instant));
    const again = instantTransformer.to(upTo);
    const few = instantTransformer.to(In([instant]));
    const not = instantTransformer.to(Not(LessThanOrEqual(instant)));
    expect([upTo, again, few, not]).toMatchObject([
      { type: 'lessThanOrEqual', value: 1_795_881_600_123 },
      { type: 'lessThanOrEqual', value: 1_795_881_600_123 },
      { type: 'in', value: [1_795_881_600_123] },
      { type: 'not', value: 1_795_881_600_123 },
    ]);
  });
});

import { deepEqual, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { profileTypesRange, validateTimeRange } from '#src/domain/query/time-range.ts';

const hour = 3_600_000;
const day = 24 * hour;
const now = 1_700_000_000_000;
const limits = { lookbackMs: 7 * day, lengthMs: day };

describe('validateTimeRange', () => {
  test('accepts a range of one millisecond', () => {
    deepEqual(validateTimeRange({ startMs: now, endMs: now }, limits, now), { empty: false, startMs: now, endMs: now });
  });

  test('refuses a missing end before it looks at anything else', () => {
    throws(() => validateTimeRange({ startMs: 0, endMs: now }, limits, now), {
      code: 'invalid-argument',
      message: /missing/,
    });
    throws(() => validateTimeRange({ startMs: now, endMs: 0 }, limits, now), {
      code: 'invalid-argument',
      message: /missing/,
    });
  });

  test('refuses swapped ends, even before the lookback', () => {
    throws(() => validateTimeRange({ startMs: 2, endMs: 1 }, limits, now), {
      code: 'invalid-argument',
      message: /after/,
    });
  });

  test('is empty when all of it is before the lookback', () => {
    deepEqual(validateTimeRange({ startMs: 1, endMs: now - 7 * day - 1 }, limits, now), { empty: true });
  });

  test('cuts off what is before the lookback', () => {
    const oldest = now - 7 * day;
    deepEqual(validateTimeRange({ startMs: 1, endMs: oldest }, limits, now), {
      empty: false,
      startMs: oldest,
      endMs: oldest,
    });
    const range = { startMs: 1, endMs: oldest + hour };
    deepEqual(validateTimeRange(range, limits, now), { empty: false, startMs: oldest, endMs: oldest + hour });
  });

  test('measures the length after the cut', () => {
    const range = { startMs: 1, endMs: now };
    throws(() => validateTimeRange(range, limits, now), {
      code: 'invalid-argument',
      message: /max-query-length: limit 1d, actual 7d$/,
    });
    const exact = { startMs: now - day, endMs: now };
    deepEqual(validateTimeRange(exact, limits, now), { empty: false, ...exact });
    throws(() => validateTimeRange({ startMs: now - day - 1, endMs: now }, limits, now), { code: 'invalid-argument' });
  });

  test('takes 0 for no limit', () => {
    const range = { startMs: 1, endMs: now };
    deepEqual(validateTimeRange(range, { lookbackMs: 0, lengthMs: 0 }, now), { empty: false, ...range });
  });
});

test('profileTypesRange takes two zeros for the last hour, and nothing else', () => {
  deepEqual(profileTypesRange({ startMs: 0, endMs: 0 }, now), { startMs: now - hour, endMs: now });
  deepEqual(profileTypesRange({ startMs: 0, endMs: 5 }, now), { startMs: 0, endMs: 5 });
});

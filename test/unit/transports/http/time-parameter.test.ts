import { equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseTimeMs, parseTimeNanos } from '#src/transports/http/time-parameter.ts';

const NOW_MS = Date.UTC(2026, 4, 1, 12);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe('parseTimeMs', () => {
  for (const [text, ms] of [
    ['20240501', Date.UTC(2024, 4, 1)],
    ['2024_05,01 ', Date.UTC(2024, 4, 1)],
    ['20240230', 20_240_230_000], // no day of the calendar: seconds
    ['18991231', 18_991_231_000],
    ['1714521600', 1_714_521_600_000],
    ['1714521600123', 1_714_521_600_123],
    ['1714521600123456', 1_714_521_600_123],
    ['1714521600123456789', 1_714_521_600_123],
    ['0', 0],
    ['now', NOW_MS],
    ['garbage', NOW_MS],
    ['', NOW_MS],
    [null, NOW_MS],
    ['now-1h', NOW_MS - HOUR],
    ['-1h', NOW_MS - HOUR],
    ['xyz-1h', NOW_MS - HOUR],
    ['now+5m', NOW_MS + 5 * MINUTE],
    ['a-1h+5m', NOW_MS + 5 * MINUTE], // the first plus goes before any minus
    ['now-3h30m', NOW_MS - 3 * HOUR], // only the first number counts
    ['now-2min', NOW_MS - 2 * MINUTE],
    ['now-2mon', NOW_MS - 60 * DAY],
    ['now-2M', NOW_MS - 60 * DAY],
    ['now-10seconds', NOW_MS - 10_000],
    ['now-1d', NOW_MS - DAY],
    ['now-1w', NOW_MS - 7 * DAY],
    ['now-1y', NOW_MS - 365 * DAY],
    ['now-5', NOW_MS],
    ['now-5x', NOW_MS],
    ['now-h', NOW_MS],
    ['now 1h', NOW_MS], // an unescaped plus
  ] as const) {
    test(`reads ${JSON.stringify(text)}`, () => {
      equal(parseTimeMs(text, NOW_MS), ms);
    });
  }
});

describe('parseTimeNanos', () => {
  test('keeps nanoseconds', () => {
    equal(parseTimeNanos('1714521600123456789', NOW_MS), 1_714_521_600_123_456_789n);
    equal(parseTimeNanos('1714521600123456', NOW_MS), 1_714_521_600_123_456_000n);
  });

  test('stays within int64, at no cost for long texts', () => {
    equal(parseTimeNanos('9'.repeat(60_000), NOW_MS), 2n ** 63n - 1n);
    equal(parseTimeNanos(`now+${'9'.repeat(60_000)}y`, NOW_MS), 2n ** 63n - 1n);
    equal(parseTimeNanos(`now-${'9'.repeat(60_000)}y`, NOW_MS), -(2n ** 63n));
  });
});

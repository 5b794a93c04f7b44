import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { parseRenderTime } from '#src/domain/query/render-time.ts';

const now = 1_700_000_000_000;
const hour = 3_600_000;

for (const [text, expected] of [
  [undefined, now],
  ['', now],
  ['now', now],
  ['20240501', Date.UTC(2024, 4, 1)],
  ['20241301', 20_241_301_000],
  ['18990101', 18_990_101_000],
  ['20230229', 20_230_229_000],
  ['1714521600', 1_714_521_600_000],
  ['0', 0],
  ['1714521600123', 1_714_521_600_123],
  ['1714521600123456', 1_714_521_600_123],
  ['1714521600123456789', 1_714_521_600_123],
  [' 1_714_521, 600 ', 1_714_521_600_000],
  ['now-1h', now - hour],
  ['-1h', now - hour],
  ['midnight-1d', now - 24 * hour],
  ['now-3h30m', now - 3 * hour],
  ['now+15s', now + 15_000],
  ['now-2m', now - 120_000],
  ['now-2min', now - 120_000],
  ['now-1M', now - 30 * 24 * hour],
  ['now-1mon', now - 30 * 24 * hour],
  ['now-1w', now - 7 * 24 * hour],
  ['now-1y', now - 365 * 24 * hour],
  ['now-5', now],
  ['now-5parsecs', now],
  ['now-', now],
  ['now 1h', now],
] as const) {
  test(`${text} is ${expected}`, () => equal(parseRenderTime(text, now), expected));
}

import { equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseDuration } from '#src/config/duration.ts';

const cases: readonly [string, number][] = [
  ['0', 0],
  ['0s', 0],
  ['500ms', 500],
  ['1.5s', 1_500],
  ['.5s', 500],
  ['30s', 30_000],
  ['1h30m', 5_400_000],
  ['24h', 86_400_000],
  ['7d', 604_800_000],
  ['1w', 604_800_000],
  ['1y', 31_536_000_000],
  ['1y2w3d4h5m6s7ms', 33_019_506_007],
  ['1.1h', 3_960_000],
  ['1.001s', 1_001],
  ['0.1d', 8_640_000],
  ['1000us', 1],
  ['2000µs', 2],
  ['1000000ns', 1],
];

describe('parseDuration', () => {
  for (const [text, ms] of cases) test(`reads ${text}`, () => equal(parseDuration(text), ms));

  for (const text of [
    '',
    '1',
    's',
    '-1s',
    '1s ',
    ' 1s',
    '1 s',
    '1sec',
    '1h30',
    '1h x',
    '1.2.3s',
    '1ns',
    '99999999999999999999h',
  ]) {
    test(`refuses ${JSON.stringify(text)}`, () => equal(parseDuration(text), undefined));
  }
});

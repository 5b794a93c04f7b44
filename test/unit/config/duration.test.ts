import { equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseDuration } from '#src/config/duration.ts';
import { Random, runSeed } from '../../fixtures/random.ts';

const seed = runSeed();

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
  ['1.s', 1_000],
  ['1.001s', 1_001],
  ['64.1d', 5_538_240_000],
  ['2048.2h', 7_373_520_000],
  ['4.1y', 129_297_600_000],
  ['0.5ms500us', 1],
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
    '.s',
    '1ns',
    '1.0000001ms',
    '0.00000000001h',
    '99999999999999999999h',
  ]) {
    test(`refuses ${JSON.stringify(text)}`, () => equal(parseDuration(text), undefined));
  }
});

const NS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
  d: 86_400_000_000_000n,
  w: 604_800_000_000_000n,
  y: 31_536_000_000_000_000n,
};
const LONGEST_NS = 3650n * (NS['d'] as bigint);

/** More than these are picked at random. */
const TEXTS_MAX = 500_000;

describe(`parseDuration of decimals, SEED=${seed}`, () => {
  const random = new Random(seed);

  for (const [unit, unitNs] of Object.entries(NS)) {
    for (const decimals of [1, 2]) {
      const perUnit = 10 ** decimals;
      const most = Number((LONGEST_NS * BigInt(perUnit)) / unitNs);
      const all = most <= TEXTS_MAX;
      const name = all ? 'all texts' : 'texts at random';
      test(`is exact: ${name} with a unit of ${unit} and ${decimals} decimals`, () => {
        for (let n = 0; n <= (all ? most : TEXTS_MAX / 20); n++) {
          const amount = BigInt(all ? n : Math.floor(random.next() * most));
          const digits = String(amount).padStart(decimals + 1, '0');
          const text = `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}${unit}`;
          const scaledNs = amount * unitNs;
          const scaledMs = BigInt(perUnit) * 1_000_000n;
          const whole = scaledNs % scaledMs === 0n ? Number(scaledNs / scaledMs) : undefined;
          if (parseDuration(text) !== whole) equal(parseDuration(text), whole, text);
        }
      });
    }
  }
});

import { deepEqual, equal, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PlainProfile } from '#src/domain/pprof/plain-profile.ts';
import { plainStringFrom, plainStringOf } from '#src/domain/pprof/plain-profile.ts';
import { validateProfile } from '#src/domain/pprof/validate.ts';
import { defaultProfileLimits as limits } from '../../../fixtures/limits.ts';
import { plainPprof } from '../../../fixtures/pprof-builder.ts';

const nowMs = 1_790_000_000_000;
const good = plainPprof({
  types: ['samples/count', 'cpu/nanoseconds'],
  samples: [{ stack: 'a;b', v: [1, 2], labels: { endpoint: '/pay' } }],
});

function validate(profile: PlainProfile, changed: Partial<typeof limits> = {}, sizeBytes = 100): PlainProfile {
  return validateProfile(profile, sizeBytes, { ...limits, ...changed }, nowMs);
}

describe('validateProfile', () => {
  test('takes a good profile as it is', () => {
    deepEqual(validate(good), { ...good, timeNanos: BigInt(nowMs) * 1_000_000n });
  });

  const [location, fn, mapping, sample] = [good.locations[0], good.functions[0], good.mappings[0], good.samples[0]];
  if (!location || !fn || !mapping || !sample) throw new Error('the builder made no symbols');
  const withString = (index: number, bytes: Uint8Array): PlainProfile => ({
    ...good,
    strings: good.strings.map((string, i) => (i === index ? plainStringOf(bytes) : string)),
  });
  const label = { key: 1n, str: 1n, num: 0n, numUnit: 0n };
  const malformed: readonly (readonly [string, PlainProfile, RegExp])[] = [
    ['no sample types', { ...good, sampleTypes: [] }, /no sample type/],
    ['too few values', { ...good, samples: [{ ...sample, values: [1n] }] }, /has 1 values, and there are 2/],
    ['too many values', { ...good, samples: [{ ...sample, values: [1n, 2n, 3n] }] }, /has 3 values/],
    ['a location id 0', { ...good, locations: [{ ...location, id: 0n }] }, /location 0 of the table has the id 0/],
    ['a function id 0', { ...good, functions: [{ ...fn, id: 0n }] }, /function 0 of the table has the id 0/],
    ['a string 0 that is not empty', withString(0, Buffer.from('x')), /string 0/],
    ['no strings', { ...good, strings: [] }, /string 0/],
    ['a function name out of range', { ...good, functions: [{ ...fn, name: 99n }] }, /name of a function is string 99/],
    ['a negative function name', { ...good, functions: [{ ...fn, name: -1n }] }, /name of a function is string -1/],
    ['a system name out of range', { ...good, functions: [{ ...fn, systemName: 99n }] }, /system name/],
    ['a file name out of range', { ...good, functions: [{ ...fn, filename: 99n }] }, /file name of a function/],
    [
      'a sample type out of range',
      {
        ...good,
        sampleTypes: [
          { type: 99n, unit: 0n },
          { type: 0n, unit: 0n },
        ],
      },
      /sample type/,
    ],
    [
      'a unit out of range',
      {
        ...good,
        sampleTypes: [
          { type: 0n, unit: 99n },
          { type: 0n, unit: 0n },
        ],
      },
      /unit of a sample/,
    ],
    ['a period type out of range', { ...good, periodType: { type: 99n, unit: 0n } }, /period type/],
    ['a period unit out of range', { ...good, periodType: { type: 0n, unit: -9n } }, /unit of the period/],
    [
      'a label key out of range',
      { ...good, samples: [{ ...sample, labels: [{ ...label, key: 99n }] }] },
      /key of a sample/,
    ],
    [
      'a label value out of range',
      { ...good, samples: [{ ...sample, labels: [{ ...label, str: 99n }] }] },
      /value of a sample/,
    ],
    ['a mapping file out of range', { ...good, mappings: [{ ...mapping, filename: 99n }] }, /file name of a mapping/],
    ['a build id out of range', { ...good, mappings: [{ ...mapping, buildId: 99n }] }, /build id/],
    ['bytes that are not UTF-8', withString(1, Buffer.from('6162ff', 'hex')), /string 1 is not valid UTF-8: 6162ff/],
    ['a dash in a sample type', plainPprof({ types: ['a-b/count'], samples: [] }), /"a-b" has a "-"/],
  ];
  for (const [name, profile, message] of malformed) {
    test(`refuses ${name}`, () => {
      throws(() => validate(profile), { code: 'invalid-argument', message });
      try {
        validate(profile);
      } catch (error) {
        equal((error as { details: { reason: string } }).details.reason, 'malformed_profile');
      }
    });
  }

  test('lets references pass that lead to no location, function or mapping: their samples go later', () => {
    validate({ ...good, samples: [{ ...sample, locationIds: [77n] }] });
    validate({ ...good, locations: [{ ...location, mappingId: 77n, lines: [{ functionId: 77n, line: 0n }] }] });
  });

  describe('time', () => {
    const timeOf = (ms: number): bigint => validate({ ...good, timeNanos: BigInt(ms) * 1_000_000n }).timeNanos;

    test('0 and less mean now', () => {
      equal(timeOf(0), BigInt(nowMs) * 1_000_000n);
      equal(timeOf(-5), BigInt(nowMs) * 1_000_000n);
    });

    test('must lie strictly within the window, in whole milliseconds', () => {
      const old = {
        code: 'invalid-argument',
        message:
          /^the profile of 2\S+Z is outside of the ingestion window: it is older than --validation.reject-older-than: limit 1h, actual 1h$/,
      };
      const early = {
        code: 'invalid-argument',
        message: /ingestion window: it is newer than --validation.reject-newer-than: limit 10m, actual 10m$/,
      };

      equal(timeOf(nowMs - 3_599_999), BigInt(nowMs - 3_599_999) * 1_000_000n);
      equal(timeOf(nowMs + 599_999), BigInt(nowMs + 599_999) * 1_000_000n);
      throws(() => timeOf(nowMs - 3_600_000), old);
      throws(() => timeOf(nowMs + 600_000), early);
      throws(() => validate({ ...good, timeNanos: BigInt(nowMs - 3_600_000) * 1_000_000n + 999_999n }), old);
    });

    test('may be anything on a side that is switched off', () => {
      const old = { ...good, timeNanos: 1n };

      equal(validate(old, { rejectOlderThanMs: 0 }).timeNanos, 1n);
      throws(() => validate({ ...good, timeNanos: 2n ** 63n - 1n }), {
        details: {
          timeMs: 9_223_372_036_854,
          nowMs,
          olderThanMs: 3_600_000,
          newerThanMs: 600_000,
          reason: 'not_in_ingestion_window',
        },
      });
    });
  });

  describe('limits', () => {
    test('of the size: exactly at the limit is fine', () => {
      validate(good, {}, 4 << 20);
      throws(() => validate(good, {}, (4 << 20) + 1), {
        message: /limit 4194304 bytes \(4 MiB\), actual 4194305 bytes \(4 MiB\)/,
      });
      validate(good, { maxProfileSizeBytes: 0 }, 2 ** 30);
    });

    test('of samples count them before equal ones are merged', () => {
      const samples = Array.from({ length: 16_001 }, () => sample);

      validate({ ...good, samples: samples.slice(1) });
      throws(() => validate({ ...good, samples }), { message: /limit 16000, actual 16001/ });
    });

    test('of labels count the numeric ones too', () => {
      const labels = Array.from({ length: 101 }, () => ({ key: 1n, str: 0n, num: 5n, numUnit: 0n }));

      validate({ ...good, samples: [{ ...sample, labels: labels.slice(1) }] });
      throws(() => validate({ ...good, samples: [{ ...sample, labels }] }), { message: /limit 100, actual 101/ });
    });

    test('of depth drop leaf frames', () => {
      const deep = { ...good, samples: [{ ...sample, locationIds: [5n, 4n, 3n, 2n, 1n] }] };

      deepEqual(validate(deep, { maxProfileStacktraceDepth: 3 }).samples[0]?.locationIds, [3n, 2n, 1n]);
      deepEqual(validate(deep, { maxProfileStacktraceDepth: 5 }).samples[0]?.locationIds.length, 5);
      deepEqual(validate(deep, { maxProfileStacktraceDepth: 0 }).samples[0]?.locationIds.length, 5);
    });

    test('of strings keep the tail', () => {
      const long = { ...good, strings: [...good.strings, plainStringFrom(`head${'x'.repeat(65_531)}tail`)] };

      equal(validate(long).strings.at(-1)?.text, `${'x'.repeat(65_531)}tail`);
    });

    test('of strings never cut a character in two', () => {
      const cut = (text: string, limit: number): string | undefined =>
        validate(
          { ...good, strings: [plainStringFrom(''), ...Array(20).fill(plainStringFrom(text))] },
          { maxProfileSymbolValueLength: limit },
        ).strings.at(-1)?.text;

      equal(cut('aä', 2), 'ä');
      equal(cut('aä', 1), '');
      equal(cut('x€y', 3), 'y');
      equal(cut('x€y', 4), '€y');
      equal(cut('😀😀', 7), '😀');
    });
  });
});

import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ingestPlain } from '#src/domain/pprof/ingest-profile.ts';
import type { PlainLocation, PlainProfile } from '#src/domain/pprof/plain-profile.ts';
import { Head } from '#src/workers/head.ts';
import type { HeadFull, IngestOutcome } from '#src/workers/ingest-messages.ts';
import { ingestProfile } from '#src/workers/ingest-profile.ts';
import { bothResults, INGEST_NOW_MS, ingestItem, openLimits } from '../../fixtures/ingest.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { labelList } from '../../fixtures/labels.ts';
import { defaultProfileLimits } from '../../fixtures/limits.ts';
import { mergedBlock } from '../../fixtures/merged.ts';
import { encodePprof, plainPprof, pprof } from '../../fixtures/pprof-builder.ts';
import { Random, runSeed } from '../../fixtures/random.ts';
import { segmentOf } from '../../fixtures/segments.ts';

const kernels = testKernels();

/** Locations by their lines, with the ids 1, 2, …, and stacks of such ids, leaf first; each a sample. */
function framesOf(lines: readonly number[], stacks: readonly (readonly number[])[], typeCount = 1): PlainProfile {
  const types = Array.from({ length: typeCount }, (_, i) => `t${i}/count`);
  const base = plainPprof({ types, samples: [{ stack: 'main', v: types.map((_, i) => (i === 0 ? 1 : 0)) }] });
  const [location, sample] = [base.locations[0], base.samples[0]];
  if (location === undefined || sample === undefined) throw new Error('the builder made no sample');
  return {
    ...base,
    locations: lines.map(
      (count, i): PlainLocation => ({
        ...location,
        id: BigInt(i + 1),
        address: BigInt(i + 1),
        lines: Array.from({ length: count }, (_, line) => ({ functionId: 1n, line: BigInt(line) })),
      }),
    ),
    samples: stacks.map((stack) => ({ ...sample, locationIds: stack.map(BigInt) })),
  };
}

/** Stores a profile both ways. @returns 'stored', or in words why not: the same from both */
function verdict(profile: PlainProfile, limits = openLimits): string {
  const bytes = encodePprof(profile);
  const item = ingestItem(bytes);
  const byKernels = ingestProfile(kernels, new Head(kernels), item, limits, INGEST_NOW_MS);
  const plain = ingestPlain(bytes, { labels: item.labels, ingest: undefined, limits, nowMs: INGEST_NOW_MS });
  const result = byKernels.kind === 'refused' ? `${byKernels.reason}: ${byKernels.error.message}` : byKernels.kind;
  equal(result, plain.kind === 'refused' ? `${plain.error.details['reason']}: ${plain.error.message}` : plain.kind);
  return result;
}

const filled = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value);

/** Eight stacks that differ from their roots on, and have 2^21 frames together. */
const eightStacks = Array.from({ length: 8 }, (_, i) => [...filled(255, 9), i + 1]);
const nineLocations = filled(9, 1024);

describe('ingestProfile, frames of inlined functions', () => {
  test('stores a location with 255 lines as it is', () => {
    const lines = bothResults(kernels, encodePprof(framesOf([255], [[1]])));

    equal(
      lines.some((line) => line.startsWith('refused')),
      false,
    );
    match(lines.join('\n'), /254/);
  });

  test('takes a location with 1024 lines and refuses more by name, also where no sample has it', () => {
    equal(verdict(framesOf([1, 1024], [[2]])), 'stored');

    const expected =
      'malformed_profile: malformed profile: location 1 of the table has more lines than location_lines_max: ' +
      'limit 1024, actual 1025';
    equal(verdict(framesOf([1, 1025], [[2]])), expected);
    equal(verdict(framesOf([1, 1025], [[1]])), expected);
  });

  test('takes a stacktrace with 2^18 frames and refuses more by name', () => {
    equal(verdict(framesOf([1024, 1], [[2], filled(256, 1)])), 'stored');

    equal(
      verdict(framesOf([1024, 1], [[2], [2, ...filled(256, 1)]])),
      'malformed_profile: malformed profile: the stacktrace of sample 1 has more frames, with inlined functions, than ' +
        'stack_frames_max: limit 262144, actual 262145',
    );
  });

  test('counts frames where stacks were cut', () => {
    const limits = { ...openLimits, maxProfileStacktraceDepth: 256 };

    equal(verdict(framesOf([1024, 1], [[2, ...filled(256, 1)]]), limits), 'stored');
  });

  test('counts a location without lines, and one that is missing, as a frame', () => {
    equal(verdict(framesOf([1024, 0], [filled(256, 1), [2]])), 'stored');
    match(verdict(framesOf([1024, 0], [[2, ...filled(256, 1)]])), /actual 262145$/);
    match(verdict(framesOf([1024, 0], [[77, ...filled(256, 1)]])), /actual 262145$/);
  });

  test('takes different stacktraces with 2^21 frames together and refuses more by name', () => {
    equal(verdict(framesOf(nineLocations, eightStacks)), 'stored');

    equal(
      verdict(framesOf([...nineLocations, 1], [...eightStacks, [10]])),
      'malformed_profile: malformed profile: its different stacktraces have more frames, with inlined functions, than ' +
        'profile_frames_max: limit 2097152, actual at least 2097153',
    );
  });

  test('counts once what stacktraces have in common at their roots', () => {
    const callers = eightStacks.flatMap((stack) => [0, 1, 100, 254].map((leaf) => stack.slice(leaf)));

    equal(verdict(framesOf(nineLocations, [...callers, ...callers])), 'stored');
  });

  test('counts the frames of each stack table that they get into', () => {
    const half = eightStacks.slice(0, 4);

    equal(verdict(framesOf(nineLocations, half, 64)), 'stored');
    match(verdict(framesOf([...nineLocations, 1], [...half, [10]], 33)), /actual at least 2097154$/);
    match(verdict(framesOf(nineLocations, half, 65)), /profile_frames_max/);
  });

  test('takes a stacktrace of 2^18 frames where none is inlined', () => {
    equal(verdict(framesOf([1], [filled(1 << 18, 1)])), 'stored');
  });

  test('refuses one location with 60,000 lines in a stack of 1000', () => {
    match(verdict(framesOf([60_000], [filled(1000, 1)]), defaultProfileLimits), /location_lines_max/);
  });

  test('agrees with the plain definition about random stacks, with ids that are missing or there twice', (t) => {
    const seed = runSeed();
    t.diagnostic(`seed ${seed}`);
    const random = new Random(seed);
    const verdicts = new Set<string>();
    for (let round = 0; round < 40; round++) {
      const profile = framesOf([1024, 1000, 0, 1024, 3], []);
      const locations = profile.locations.map((location, i) => (i === 4 ? { ...location, id: 2n } : location));
      const stacks = Array.from({ length: random.int(400, 1600) }, () =>
        Array.from({ length: random.int(1, 14) }, () => random.int(1, 6)),
      );
      const { samples } = framesOf([1], stacks);

      verdicts.add(verdict({ ...profile, locations, samples }).slice(0, 8));
    }
    equal(verdicts.size, 2, [...verdicts].join());
  });
});

describe('Head, frames of inlined functions', () => {
  const small = testKernels({ headBytesMax: 1 << 20 });
  const add = (head: Head, profile: PlainProfile): HeadFull | IngestOutcome =>
    ingestProfile(small, head, ingestItem(encodePprof(profile)), openLimits, INGEST_NOW_MS);
  const inlined = (...lines: number[]): PlainProfile =>
    framesOf(
      lines,
      lines.map((_, i) => [i + 1]),
    );

  test('are charged once for each stacktrace, and those of others are not', () => {
    const head = new Head(small);
    add(head, inlined(1, 1));
    const before = head.usedBytes - (small.exports.headUsed() >>> 0);
    add(head, inlined(1, 1));
    const ofProfile = head.usedBytes - (small.exports.headUsed() >>> 0) - before;

    add(head, inlined(1, 1, 11, 21));
    const charged = head.usedBytes - (small.exports.headUsed() >>> 0) - before - 2 * ofProfile;
    add(head, inlined(1, 1, 11, 21));
    const again = head.usedBytes - (small.exports.headUsed() >>> 0) - before - 3 * ofProfile;

    deepEqual([charged, again], [16 * 30, 16 * 30]);
  });

  test('end a window, and the next one takes what comes', () => {
    const head = new Head(small);
    const many = (line: number): PlainProfile =>
      framesOf(
        [1001, 1002, 1003, 1004, line],
        [1, 2, 3, 4].map((location) => [...filled(8, location), 5]),
      );

    equal(add(head, many(2)).kind, 'stored');
    equal(add(head, many(2)).kind, 'stored');
    equal(add(head, many(3)).kind, 'stored');

    equal(add(head, many(4)).kind, 'head-full');
    equal(add(new Head(small), many(4)).kind, 'stored');
  });
});

describe('ingestProfile, long strings without a limit of the tenant', () => {
  const named = (name: string): PlainProfile => plainPprof({ samples: [{ stack: [{ fn: name }], v: [1] }] });

  test('takes one of 8 MiB and refuses a longer one by name', () => {
    equal(verdict(named('q'.repeat(8 << 20))), 'stored');

    match(
      verdict(named('q'.repeat((8 << 20) + 1))),
      /^malformed_profile: .*: string \d+ is longer than string_bytes_max: limit 8388608 bytes \(8 MiB\), actual 8388609 bytes \(8 MiB\)$/,
    );
  });

  test('seals and merges the longest name and build id, with the memory that a thread has', () => {
    const limits = { scratchBytesMax: 256 << 20, headBytesMax: 64 << 20 };
    // Six times as long in JSON, which a build id becomes with the version of its service.
    const mappings = [{ file: 'app', buildId: '<'.repeat(8 << 20) }];
    const profiles = [encodePprof(named('q'.repeat(8 << 20))), pprof({ mappings, samples: [{ stack: 'f', v: [1] }] })];

    const labels = labelList({ __name__: 'process_cpu', service_name: 'shop', service_git_ref: 'r'.repeat(2048) });
    const segments = profiles.map((profile, i) => segmentOf(testKernels(limits), [{ profile, labels }], i + 1));

    ok(mergedBlock(testKernels(limits), segments).bytes.length > 0);
  });

  test('measures what the limit of the tenant left of it', () => {
    equal(verdict(named('q'.repeat(9 << 20)), { ...openLimits, maxProfileSymbolValueLength: 65_535 }), 'stored');
  });
});

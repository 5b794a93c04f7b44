import { equal, match, ok } from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import type { PlainProfile } from '#src/domain/pprof/plain-profile.ts';
import { DecodedProfile } from '#src/kernels/pprof-decode.ts';
import { labelledSamples, mappingsOfEmptyBuildIds, mappingsOfOneBuildId } from '../../fixtures/amplified-pprof.ts';
import { bothResults, kernelResult, openLimits } from '../../fixtures/ingest.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { labelList } from '../../fixtures/labels.ts';
import { encodePprof, pprof } from '../../fixtures/pprof-builder.ts';

// A few bytes of a pprof may refer to a long text, and thousands of them to the same one.

/** How often a string of a profile was read, and how many bytes these had. */
function readStrings(t: TestContext): { readonly count: number; readonly bytes: number } {
  const read = { count: 0, bytes: 0 };
  const original = DecodedProfile.prototype.string;
  t.mock.method(DecodedProfile.prototype, 'string', function string(this: DecodedProfile, index: number) {
    const text = original.call(this, index);
    read.count++;
    read.bytes += Buffer.byteLength(text);
    return text;
  });
  return read;
}

describe('ingestProfile, build ids with the version of a service', () => {
  const labels = labelList({
    ...{ __name__: 'process_cpu', service_name: 'shop', service_repository: 'r'.repeat(2048) },
    ...{ service_git_ref: 'g'.repeat(2048), service_root_path: 'p'.repeat(2048) },
  });
  const stored = (profile: PlainProfile, scratchBytesMax: number): readonly string[] =>
    kernelResult(testKernels({ scratchBytesMax }), encodePprof(profile), openLimits, { labels });

  test('takes one for mappings that have it in common, and reads it once', (t) => {
    const read = readStrings(t);

    const [series] = stored(mappingsOfOneBuildId(20_000, 65_535), 8 << 20);

    match(series ?? '', /^__name__=process_cpu/);
    ok(read.count < 20, `${read.count} strings were read`);
    ok(read.bytes < 70_000, `${read.bytes} bytes were read`);
  });

  test('is one for mappings without', (t) => {
    const read = readStrings(t);

    const [series] = stored(mappingsOfOneBuildId(100_000, 0), 12 << 20);

    match(series ?? '', /^__name__=process_cpu/);
    ok(read.count < 20, `${read.count} strings were read`);
  });

  test('are refused by name when they are too many and too long, before there is room for them', (t) => {
    const read = readStrings(t);

    const [refused] = stored(mappingsOfEmptyBuildIds(100_000), 12 << 20);

    match(
      refused ?? '',
      /^refused: malformed_profile: .*build_id_version_bytes_max in the build ids of its mappings: limit 16777216 bytes \(16 MiB\), actual at least 1677\d{4} bytes/,
    );
    ok(read.count < 3000, `${read.count} strings were read`);
  });

  test('may take exactly as much, and are counted as the plain version does', () => {
    // {"git_ref":"…"} is 14 bytes and the text.
    const of = (bytes: number) =>
      labelList({ __name__: 'x', service_name: 's', service_git_ref: 'v'.repeat(bytes - 14) });
    const kernels = testKernels();
    const limits = { maxLabelValueLength: 0 };
    // Those of "no mapping" and of 15 mappings.
    const profile = encodePprof(mappingsOfEmptyBuildIds(15));

    equal(bothResults(kernels, profile, limits, { labels: of(1 << 20) })[0]?.startsWith('refused'), false);
    match(
      bothResults(kernels, profile, limits, { labels: of((1 << 20) + 1) })[0] ?? '',
      /build_id_version_bytes_max in the build ids of its mappings: limit 16777216 bytes \(16 MiB\), actual at least 16777232 bytes/,
    );
  });
});

describe('ingestProfile, labels of samples that share a long text', () => {
  const limits = { ...openLimits, maxLabelNameLength: 1024, maxLabelValueLength: 2048 };
  const labelled = (own: 'names' | 'values', shared: string) =>
    encodePprof(labelledSamples({ samples: 500, labelsPerSample: 4, own, shared, text: (i) => `x${i}` }));

  for (const own of ['names', 'values'] as const) {
    test(`reads each string once where ${own} are their own`, (t) => {
      const profile = labelled(own, 'k'.repeat(1000));
      const read = readStrings(t);

      const [series] = kernelResult(testKernels(), profile, limits);

      match(series ?? '', own === 'values' ? /k{1000}=/ : /=k{1000}/);
      // Of a name it is asked first whether it is that of a span id.
      ok(read.count < 2 * 2000 + 20, `${read.count} strings were read`);
      ok(read.bytes < 2 * (2000 * 6 + 1000), `${read.bytes} bytes were read`);
    });
  }

  test('reads no more than the first label that is refused', (t) => {
    const profile = labelled('values', 'k'.repeat(65_535));
    const read = readStrings(t);

    const [refused] = kernelResult(testKernels(), profile, limits);

    match(refused ?? '', /^refused: label_name_too_long: .*limit 1024, actual 65535/);
    ok(read.count < 20, `${read.count} strings were read`);
    ok(read.bytes < 3 * 65_535, `${read.bytes} bytes were read`);
  });
});

describe('ingestProfile, profile types', () => {
  const limits = { maxLabelValueLength: 0 };
  // The name of the profile, the period and four colons are in each.
  const typed = (count: number, period: number) =>
    pprof({
      types: Array.from({ length: count }, () => 'a/b'),
      period: [`${'p'.repeat(period)}/c`, 1],
      samples: [{ stack: 'main', v: Array.from({ length: count }, () => 1) }],
    });
  const labels = labelList({ __name__: 'x', service_name: 's' });

  test('may have exactly as many characters as are made of them, and are refused by name before that', () => {
    const kernels = testKernels();

    equal(bothResults(kernels, typed(16, (1 << 20) - 8), limits, { labels })[0]?.startsWith('refused'), false);
    match(
      bothResults(kernels, typed(16, (1 << 20) - 7), limits, { labels })[0] ?? '',
      /profile_type_characters_max: limit 16777216, actual 16777232$/,
    );
    match(
      bothResults(kernels, typed(1000, 1 << 20), limits, { labels })[0] ?? '',
      /profile_type_characters_max: limit 16777216, actual 10485\d{5}$/,
    );
  });
});

test('refuses a colon in a part of the profile type, whatever labels the samples have', () => {
  const labelled = (types: readonly string[]) =>
    pprof({ types, samples: ['a', 'b'].map((b) => ({ stack: 'main', v: types.map(() => 1), labels: { b } })) });
  for (const [types, words] of [
    [['cpu/nanoseconds', 'cpu:x/nanoseconds'], /malformed profile: the name of sample type "cpu:x" has a ":"/],
    [['cpu/nano:seconds'], /the unit "nano:seconds" of sample type "cpu" has a ":"/],
  ] as const) {
    match(bothResults(testKernels(), labelled(types))[0] ?? '', words);
  }
});

test('no map has pairs of strings as numbers, whose hash can be foreseen', (t) => {
  const numbers: number[] = [];
  const set = Map.prototype.set;
  t.mock.method(Map.prototype, 'set', function spied(this: Map<unknown, unknown>, key: unknown, value: unknown) {
    if (typeof key === 'number') numbers.push(key);
    return set.call(this, key, value);
  });
  const samples = Array.from({ length: 100 }, (_, i) => ({ stack: 'a', v: [1n], labels: { [`k${i}`]: `v${i}` } }));

  kernelResult(testKernels(), pprof({ samples }), openLimits);

  // Rows of strings alone are fewer than a map needs to be slow.
  ok(Math.max(...numbers) < 1000, `a map has the key ${Math.max(...numbers)}`);
});

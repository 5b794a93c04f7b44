import { deepEqual, equal, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { mergePlain } from '#src/domain/block/merge-plain.ts';
import { runSteps } from '#src/domain/model/steps.ts';
import { type PlainLine, type PlainProfile, plainStringFrom } from '#src/domain/pprof/plain-profile.ts';
import type { NodeQuery } from '#src/workers/query-messages.ts';
import { runQueryNode } from '#src/workers/query-node.ts';
import { canonicalHead, stackTexts } from '../../fixtures/canonical.ts';
import { decompress } from '../../fixtures/decompress.ts';
import { bothResults, INGEST_NOW_MS } from '../../fixtures/ingest.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { decodedBlock, mergedBlock } from '../../fixtures/merged.ts';
import { encodePprof, plainPprof, pprof } from '../../fixtures/pprof-builder.ts';
import { CPU_TYPE, cpuLabelsOf, type Segment, segmentOf, wholeRead } from '../../fixtures/segments.ts';

// What is at the edge of what a block holds, all the way: pushed, in a segment, merged, merged again, and asked for.

const kernels = testKernels();
const merging = testKernels();

const U64 = 2n ** 64n - 1n;
const I64 = 2n ** 63n - 1n;

/** Longer than any length of two bytes; the second shares more with the first than a prefix may be long. */
const LONG = 'x'.repeat(70_000);
const LONGER = `${LONG}é`;
const BUILD_ID = 'b'.repeat(65_536);
const INLINED = 255;
const TIME = BigInt(INGEST_NOW_MS) * 1_000_000n - 1n;

const extreme = extremeProfile();
const pushed = { ...cpuLabelsOf('shop'), profile: extreme };

function extremeProfile(): Uint8Array {
  const base = plainPprof({ samples: [{ stack: 'main', v: [1] }] });
  const strings = [...base.strings];
  const text = (value: string): bigint => BigInt(strings.push(plainStringFrom(value)) - 1);
  const [long, longAgain, longer, build] = [LONG, LONG, LONGER, BUILD_ID].map(text);
  const fn = (id: bigint, name: bigint, startLine = 0n) => ({ id, name, systemName: name, filename: 0n, startLine });
  const inlined = Array.from({ length: INLINED }, (_, i) => fn(BigInt(i + 1), text(`inlined${i}`)));
  const functions = [
    ...inlined,
    fn(1000n, 0n),
    { ...fn(2n ** 63n, long, I64), systemName: longer, filename: long },
    { ...fn(U64, longAgain, I64), systemName: longer, filename: longAgain },
  ];
  const mapping = { hasFunctions: false, hasFilenames: true, hasLineNumbers: false, hasInlineFrames: true };
  const mappings = [
    {
      ...mapping,
      id: U64,
      memoryStart: 2n ** 63n,
      memoryLimit: U64,
      fileOffset: U64 - 1n,
      filename: longer,
      buildId: build,
    },
  ];
  const location = (id: bigint, lines: PlainLine[], address = 0n, mappingId = 0n) => ({
    ...{ id, lines, address, mappingId },
    folded: false,
  });
  const locations = [
    location(
      1n,
      inlined.map(({ id }, i) => ({ functionId: id, line: i % 2 === 0 ? I64 : -I64 - 1n })),
    ),
    location(2n, [{ functionId: 1000n, line: 0n }]),
    location(3n, [{ functionId: 2n ** 63n, line: -1n }]),
    location(U64 - 1n, [{ functionId: U64, line: -1n }]),
    { ...location(U64, [], U64, U64), folded: true },
  ];
  const label = (key: string, value: string) => ({ key: text(key), str: text(value), num: 0n, numUnit: 0n });
  const samples = [
    { locationIds: [U64, 1n, 2n], values: [I64], labels: [label('span_id', 'ffffffffffffffff')] },
    // Two functions of equal names, and so one stacktrace.
    { locationIds: [3n, 2n], values: [1n], labels: [] },
    { locationIds: [U64 - 1n, 2n], values: [2n], labels: [] },
    { locationIds: [], values: [5n], labels: [] },
  ];
  const times = { timeNanos: TIME, durationNanos: I64, period: I64 };
  const profile: PlainProfile = { ...base, ...times, strings, functions, mappings, locations, samples };
  return encodePprof(profile);
}

function contentOf(...blocks: readonly Segment[]): string[] {
  return canonicalHead(blocks.flatMap(decodedBlock));
}

function stacksWithValues(blocks: readonly Segment[]): string[] {
  const selection = { startMs: 0, endMs: 4e12, profileIds: [], spanIds: [], traceIds: [] };
  const matchers = [{ name: '__profile_type__', operator: '=' as const, value: CPU_TYPE }];
  const query: NodeQuery = { kind: 'profile', selection: { ...selection, matchers }, callSite: [] };
  const limits = { resultBytesMax: 256 << 20, roomBytes: 256 << 20 };
  const asked = { query, reads: blocks.map(wholeRead), reports: [], limits };
  const { report } = runSteps(runQueryNode(kernels, asked, decompress));
  if (report?.kind !== 'profile') throw new Error('no profile');
  const { symbols, values } = report.profile;
  return stackTexts(symbols).flatMap((text, row) => (values[row] === 0n ? [] : [`${values[row]} ${text}`]));
}

describe('what is at the edge of what a block holds', () => {
  const content = bothResults(kernels, extreme);
  const segment = segmentOf(kernels, [pushed]);
  const more = { ...cpuLabelsOf('shop'), profile: pprof({ timeNanos: TIME, samples: [{ stack: 'a;b', v: [1] }] }) };
  const others = segmentOf(kernels, [{ ...more, id: new Uint8Array(16).fill(9) }]);
  const first = mergedBlock(merging, [others, segment]);
  const final = mergedBlock(merging, [first, mergedBlock(merging, [others])], { level: 2 });

  test('is in the head what was pushed', () => {
    const text = content.join('\n');
    for (const part of [
      ` ${LONG}|${LONGER}|${LONG}|${I64}:-1`,
      `[${LONGER} ${BUILD_ID} ${2n ** 63n}-${U64}+${U64 - 1n} 0101]`,
      `${U64} 1 [`,
      `|||0:0`,
      `inlined254|inlined254||0:${I64}`,
      ` ${I64} ${U64} `,
    ]) {
      ok(text.includes(part), `${part.slice(0, 100)} of ${part.length} characters`);
    }
    equal(content.filter((line) => line.includes(LONGER) && / 3 0 /.test(line)).length, 1, 'equal names are one');
    equal(
      content.some((line) => line.split('inlined').length === 2 * INLINED + 1),
      true,
    );
  });

  test('is in a segment, a merged block and one of those', () => {
    deepEqual(contentOf(segment), content);
    const both = contentOf(segment, others);
    deepEqual(contentOf(first), both);
    deepEqual(contentOf(final), both);
    deepEqual(canonicalHead([mergePlain([first, segment].flatMap(decodedBlock))]), both);
  });

  test('is in the answers over each of them', () => {
    const expected = stacksWithValues([segment, others]).sort();
    // Of four stacktraces: one without locations is in no answer.
    equal(expected.length, 3);
    ok(expected.some((line) => line.startsWith(`${I64} ${U64} 1 [`) && line.includes(BUILD_ID)));
    ok(expected.some((line) => line.startsWith('3 ') && line.includes(`${LONG}|${LONGER}|${LONG}|${I64}:-1`)));

    deepEqual(stacksWithValues([first]).sort(), expected);
    deepEqual(stacksWithValues([final]).sort(), expected);
  });

  test('is stored in few bytes', () => {
    // The same text in names and files, and as the prefix of another.
    for (const { bytes } of [segment, first, final]) ok(bytes.length < 16_384, `${bytes.length} bytes`);
  });
});

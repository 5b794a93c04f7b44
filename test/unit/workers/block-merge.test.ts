import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { familiesMax } from '#src/domain/block/block-format.ts';
import { compactedZstdLevel } from '#src/domain/block/chunk-writer.ts';
import type { DatasetColumns } from '#src/domain/block/dataset-columns.ts';
import { joinParts } from '#src/domain/block/join-parts.ts';
import { mergePlain } from '#src/domain/block/merge-plain.ts';
import { encodePart, type PartInput } from '#src/domain/block/part-writer.ts';
import { StoreError } from '#src/domain/errors.ts';
import { canonicalHead } from '../../fixtures/canonical.ts';
import { decodedPart } from '../../fixtures/encoded-head.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { decodedBlock, mergedBlock, mergedParts } from '../../fixtures/merged.ts';
import { pprof } from '../../fixtures/pprof-builder.ts';
import { Random, runSeed } from '../../fixtures/random.ts';
import { RANDOM_SERVICES, randomSegments } from '../../fixtures/random-segments.ts';
import { cpuLabelsOf, type Pushed, type Segment, segmentOf } from '../../fixtures/segments.ts';

const seed = runSeed();
const ingesting = testKernels();
const merging = testKernels();

/** What is in blocks, whichever way it is stored. */
function contentOf(...blocks: readonly Segment[]): string[] {
  return canonicalHead(blocks.flatMap(decodedBlock));
}

/** What is merged of blocks, as one part. */
function mergedPart(...blocks: readonly Segment[]): PartInput {
  const { parts } = mergedParts(merging, blocks);
  equal(parts.length, 1);
  return decodedPart(parts[0]);
}

function pushOf(service: string, number: number, stack: string, more: Partial<Pushed> = {}): Pushed {
  const profile = pprof({ timeNanos: BigInt(number), samples: [{ stack, v: [number] }] });
  return { ...cpuLabelsOf(service), profile, id: new Uint8Array(16).fill(number), ...more };
}

function segment(...pushed: readonly Pushed[]): Segment {
  return segmentOf(ingesting, pushed);
}

/** Whether it was merged: what was taken over from a segment has no function trees. */
function isFolded({ symbols }: PartInput): boolean {
  return symbols.families.every(({ folded }) => folded !== undefined);
}

describe(`BlockMerge (seed ${seed})`, () => {
  test('keeps every profile and every sample', () => {
    const random = new Random(seed);
    for (let round = 0; round < 10; round++) {
      const segments = randomSegments(ingesting, random, random.int(1, 6));

      deepEqual(contentOf(mergedBlock(merging, segments)), contentOf(...segments), `round ${round}`);
    }
  });

  test('gives the bytes of the plain merge where services share their symbols', () => {
    const random = new Random(seed + 1);
    let compared = 0;
    for (let round = 0; round < 20; round++) {
      // One service is one part, whatever the seed; three may share their symbols or not.
      const services = round % 2 === 0 ? ['api'] : RANDOM_SERVICES;
      const segments = randomSegments(ingesting, random, random.int(1, 5), services);
      const { parts } = mergedParts(merging, segments);
      if (parts.length > 1) continue;

      deepEqual(parts[0], encodePart(mergePlain(segments.flatMap(decodedBlock)), compactedZstdLevel), `round ${round}`);
      compared++;
    }
    ok(compared >= 10, `${compared} rounds compared`);
  });

  test('merges what was merged', () => {
    const random = new Random(seed + 2);
    for (let round = 0; round < 10; round++) {
      const segments = randomSegments(ingesting, random, 5);
      const [a, b, c, d, e] = segments;

      const twice = mergedBlock(merging, [mergedBlock(merging, [a, b]), c, mergedBlock(merging, [d, e])]);

      deepEqual(contentOf(twice), contentOf(mergedBlock(merging, segments)), `round ${round}`);
    }
  });

  test('counts a push once that is in several blocks, and for each service that has it', () => {
    const twice = [pushOf('api', 1, 'main;work'), pushOf('shop', 1, 'main;work')];

    const parts = mergedParts(merging, [segment(...twice), segment(...twice, pushOf('api', 2, 'main;more'))]).parts;

    const merged = parts.map(decodedPart);
    deepEqual(canonicalHead(merged), contentOf(segment(...twice, pushOf('api', 2, 'main;more'))));
    const datasets = merged.flatMap((part) => part.datasets);
    deepEqual(
      datasets.map(({ service, columns }) => [service, [...columns.pushes.timeNanos]]),
      [
        ['api', [1n, 2n]],
        ['shop', [1n]],
      ],
    );
    deepEqual([...datasets[0].columns.families[0].values[0]], [1n, 2n]);
  });

  test('orders runs by series, then time, and the samples of each by stacktrace', () => {
    const at = (pod: string, number: number): Pushed =>
      pushOf('api', number, '', {
        ...cpuLabelsOf('api', { pod }),
        profile: pprof({
          timeNanos: BigInt(number),
          samples: ['main;z', 'main;a', 'main'].map((stack, i) => ({ stack, v: [10 * number + i] })),
        }),
      });

    const part = mergedPart(segment(at('a', 4), at('b', 3)), segment(at('b', 1), at('a', 2)));

    const [family] = part.datasets[0].columns.families;
    const firstOfRun = [...family.sampleOffsets.subarray(0, -1)].map((start) => family.values[0][start] / 10n);
    deepEqual(firstOfRun, [2n, 4n, 1n, 3n]);
    deepEqual([...family.stack], [0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2]);
  });

  test('numbers stacktraces depth first', () => {
    const random = new Random(seed + 3);
    for (let round = 0; round < 10; round++) {
      for (const part of decodedBlock(mergedBlock(merging, randomSegments(ingesting, random, 3)))) {
        for (const { stacks } of part.symbols.families) {
          const above = (row: number): number[] => (row <= 0 ? [0] : [...above(stacks.parent[row]), row]);
          for (let row = 1; row < stacks.parent.length; row++) ok(above(row - 1).includes(stacks.parent[row]));
        }
      }
    }
  });

  test('lets services share symbols that have their code in common, and others have their own', () => {
    const same = ['api', 'shop', 'zoo'].map((service, i) => pushOf(service, i + 1, 'main;serve;handle'));
    const own = ['api', 'shop', 'zoo'].map((service, i) => pushOf(service, i + 1, `main;${service};work${i}`));

    const [shared, apart] = [same, own].map((pushed) => mergedParts(merging, [segment(...pushed)]).parts);

    deepEqual(
      shared.map(({ datasets }) => datasets.map(({ service }) => service)),
      [['api', 'shop', 'zoo']],
    );
    deepEqual(
      apart.map(({ datasets }) => datasets.map(({ service }) => service)),
      [['api'], ['shop'], ['zoo']],
    );
    const names = Buffer.from(decodedPart(apart[1]).symbols.names.bytes).toString();
    ok(names.includes('work1') && !names.includes('work0'), names);
    deepEqual(canonicalHead(apart.map(decodedPart)), contentOf(segment(...own)));
  });

  test('takes the data of one tenant', () => {
    const of = (tenant: string, number: number): Pushed => pushOf('api', number, `main;${tenant}`, { tenant });
    const both = segment(of('a', 1), of('b', 2));

    const [part] = mergedParts(merging, [both], 'b').parts;

    equal(part.datasets[0].tenant, 'b');
    deepEqual(canonicalHead([decodedPart(part)]), contentOf(segment(of('b', 2))));
    deepEqual(mergedParts(merging, [both], 'c').parts, []);
  });

  test('gives types a family of their own again that were late in a segment', () => {
    const typed = (type: number, number: number): Pushed => {
      const profile = pprof({
        types: [`t${type}/count`],
        timeNanos: BigInt(number),
        samples: [{ stack: 'm;f', v: [1] }],
      });
      return { ...cpuLabelsOf('api'), profile, id: new Uint8Array(16).fill(number) };
    };
    const crowded = segment(...Array.from({ length: familiesMax + 8 }, (_, i) => typed(i, i)));
    const late = segment(typed(familiesMax + 1, 200), typed(familiesMax + 9, 201));

    const merged = mergedBlock(merging, [crowded, late]);

    deepEqual(contentOf(merged), contentOf(crowded, late));
    const [{ columns }] = decodedBlock(merged)[0].datasets;
    equal(columns.families.length, familiesMax + 1);
    equal(columns.families[familiesMax].totals, undefined);
    ok(columns.families[0].totals !== undefined);
    deepEqual(contentOf(mergedBlock(merging, [merged, late])), contentOf(crowded, late));
  });

  test('does not tell profiles apart whose types are not known because all values are 0', () => {
    const heap = (number: number, v: number[]): Pushed => {
      const types = ['alloc_objects/count', 'alloc_space/bytes'];
      const profile = pprof({ types, timeNanos: BigInt(number), samples: [{ stack: 'main;f', v }] });
      return { ...cpuLabelsOf('api'), profile, id: new Uint8Array(16).fill(number) };
    };
    const segments = [segment(heap(1, [5, 0])), segment(heap(2, [5, 6])), segment(heap(3, [0, 6]))];

    const part = mergedPart(...segments);

    equal(part.symbols.families.length, 1);
    deepEqual(canonicalHead([part]), contentOf(...segments));
  });

  test('leaves out values that belong to no profile', () => {
    const profile = pprof({ types: ['a/count', 'b/count'], samples: [{ stack: 'main;f', v: [5, 6] }] });
    const [part] = decodedBlock(segment({ ...cpuLabelsOf('api'), profile }));
    const [{ service, columns }] = part.datasets;
    const { series, push, run, column, total } = columns.profiles;
    const first = {
      ...{ series: series.slice(0, 1), push: push.slice(0, 1), run: run.slice(0, 1) },
      ...{ column: column.slice(0, 1), total: total.slice(0, 1) },
    };
    const halved = { ...part, datasets: [{ service, columns: { ...columns, profiles: first } }] };
    const block = { id: '01J00000000000000000000001', shard: 1, tenant: '', level: 0 };
    const { parts, meta } = joinParts([encodePart(halved)], block);

    const merged = mergedPart({ meta, bytes: new Uint8Array(Buffer.concat(parts)) });

    deepEqual(merged, decodedPart(encodePart(mergePlain([halved]))));
    const [{ values, totals }] = merged.datasets[0].columns.families;
    deepEqual(
      values.slice(0, 2).map((of) => [...of]),
      [[5n], [0n]],
    );
    deepEqual(
      totals?.flatMap(({ value }) => [...value]),
      [5n],
    );
  });

  test('works in steps, and nothing is lost between them', () => {
    const random = new Random(seed + 4);
    // Stacktraces and values that do not compress, so that the sources are larger than a step.
    const wide = (number: number): Pushed => {
      const samples = Array.from({ length: 3000 }, (_, i) => ({
        stack: `main;${random.int(0, 2 ** 32 - 1)}.${i}`,
        v: [random.int(1, 2 ** 32 - 1)],
      }));
      const profile = pprof({ timeNanos: BigInt(number), samples });
      return { ...cpuLabelsOf('api'), profile, id: new Uint8Array(16).fill(number) };
    };
    const segments = Array.from({ length: 8 }, (_, i) => segment(wide(i + 1)));

    const { parts, steps } = mergedParts(merging, segments);

    ok(steps >= 4, `${steps} steps`);
    const sumsOf = (columns: DatasetColumns): unknown => [
      columns.profiles.total.toSorted(),
      columns.families[0].values[0].toSorted(),
    ];
    const [{ columns }] = decodedPart(parts[0]).datasets;
    const all = segments.flatMap(decodedBlock).map(({ datasets }) => datasets[0].columns);
    deepEqual(sumsOf(columns), [
      BigInt64Array.from(all.flatMap(({ profiles }) => [...profiles.total])).sort(),
      BigInt64Array.from(all.flatMap(({ families }) => [...families[0].values[0]])).sort(),
    ]);
  });

  test('merges in several parts what does not fit in, by service and then by source', () => {
    const wide = (service: string, number: number): Pushed => {
      const samples = Array.from({ length: 400 }, (_, i) => ({ stack: `main;${service}${number}f${i}`, v: [i + 1] }));
      const profile = pprof({ timeNanos: BigInt(number), samples });
      return { ...cpuLabelsOf(service), profile, id: new Uint8Array(16).fill(number) };
    };
    const segments = Array.from({ length: 6 }, (_, i) => segment(wide('api', i + 1), wide('shop', i + 1)));
    // The last push is there twice, in the first half and in the second.
    const again = [...segments, segment(wide('api', 1), wide('shop', 9))];

    for (const [headBytesMax, partsMin] of [
      [3 << 20, 2],
      [1 << 20, 3],
    ]) {
      const { parts } = mergedParts(testKernels({ headBytesMax }), again);

      ok(parts.length >= partsMin, `${parts.length} parts`);
      for (const { datasets } of parts) equal(datasets.length, 1);
      deepEqual(canonicalHead(parts.map(decodedPart)), contentOf(...segments, segment(wide('shop', 9))));
    }
  });

  test('takes datasets over as they are that do not fit in alone, and merges all others', () => {
    const of = (service: string, number: number, width: number): Pushed => {
      const samples = Array.from({ length: width }, (_, i) => ({ stack: `main;${service}${number}f${i}`, v: [i + 1] }));
      const profile = pprof({ timeNanos: BigInt(number), samples });
      return { ...cpuLabelsOf(service), profile, id: new Uint8Array(16).fill(number) };
    };
    // Of two tenants, so that offsets are not those of the whole object.
    const other: Pushed = { ...of('zoo', 90, 5), tenant: 'other' };
    const first = segment(other, of('api', 1, 6000), of('shop', 2, 4), of('web', 3, 5));
    const second = segment(other, of('shop', 4, 6), of('web', 5, 6000), of('web', 6, 3));
    const whole = mergedParts(merging, [first, second]).parts;

    const { parts } = mergedParts(testKernels({ headBytesMax: 600 << 10 }), [first, second]);

    deepEqual(canonicalHead(parts.map(decodedPart)), canonicalHead(whole.map(decodedPart)));
    const wholeNow = parts.filter((part) => isFolded(decodedPart(part)));
    deepEqual(wholeNow.flatMap(({ datasets }) => datasets.map(({ service }) => service)).toSorted(), ['shop', 'web']);
    deepEqual(
      parts.flatMap((part) => (wholeNow.includes(part) ? [] : part.datasets.map(({ service }) => service))).toSorted(),
      ['api', 'web'],
    );
  });

  test('counts a push once that is also in a dataset that does not fit in, and drops what has no other', () => {
    const wide = pprof({
      timeNanos: 2n,
      samples: Array.from({ length: 6000 }, (_, i) => ({ stack: `main;f${i}`, v: [i + 1] })),
    });
    const small = [pushOf('api', 1, 'main;a'), pushOf('api', 3, 'main;b')];
    const large = [...small, pushOf('api', 2, '', { profile: wide })];
    const tight = testKernels({ headBytesMax: 600 << 10 });
    for (const last of [segment(...large), mergedBlock(merging, [segment(...large)])]) {
      const sources = [segment(...small), last, last];

      const { parts } = mergedParts(tight, sources);

      deepEqual(canonicalHead(parts.map(decodedPart)), canonicalHead([mergePlain(sources.flatMap(decodedBlock))]));
      deepEqual(
        parts.map(({ datasets }) => datasets.length),
        [1, 1],
      );
      const [{ columns }] = decodedPart(parts[1]).datasets;
      deepEqual([...columns.pushes.timeNanos], [2n]);
      equal(columns.families[0].totals, undefined);
      // It can be merged again, and with more memory as a whole.
      const block = mergedBlock(tight, sources);
      for (const kernels of [tight, merging]) deepEqual(contentOf(mergedBlock(kernels, [block])), contentOf(block));
    }
  });

  test('refuses a dataset by the name of the limit whose pushes alone do not fit', () => {
    const pushes = Array.from({ length: 300 }, (_, i) =>
      pushOf('api', i, 'main;a', { id: new Uint8Array(16).fill(i).fill(i >> 8, 0, 1) }),
    );
    const limits = {
      scratchBytesMax: 16 << 10,
      flags: { scratch: 'pool.task-bytes-max', head: 'pool.task-bytes-max' },
    };

    throws(
      () => mergedParts(testKernels(limits), [segment(...pushes)]),
      (error) =>
        error instanceof StoreError &&
        error.code === 'limit-exceeded' &&
        error.details['limit'] === 'pool.task-bytes-max',
    );
  });

  for (const [what, limits] of [
    ['head', { headBytesMax: 1 << 20 }],
    ['scratch', { scratchBytesMax: 1 << 20 }],
  ] as const) {
    test(`loses nothing and counts nothing twice, however little memory there is: ${what}`, () => {
      const random = new Random(seed + 5);
      let carried = 0;
      for (let round = 0; round < 12; round++) {
        const segments = randomSegments(ingesting, random, random.int(1, 5));
        // Some segments come twice, and some pushes, in one and in another.
        const again = [...segments, random.pick(segments)];
        const bytesMax = Object.values(limits)[0] >>> random.int(0, 4);

        const { parts } = mergedParts(testKernels({ [Object.keys(limits)[0]]: bytesMax }), again);

        deepEqual(
          canonicalHead(parts.map(decodedPart)),
          canonicalHead([mergePlain(again.flatMap(decodedBlock))]),
          `round ${round}, ${bytesMax} bytes`,
        );
        carried += parts.filter((part) => !isFolded(decodedPart(part))).length;
      }
      ok(carried > 0, 'nothing was too large');
    });
  }

  test('keeps samples, stacktraces and series beyond a page', () => {
    const samples = Array.from({ length: 40_000 }, (_, i) => ({ stack: `main;f${i % 400};g${i}`, v: [i + 1] }));
    const pushed = [1, 2].map((number): Pushed => {
      const profile = pprof({ timeNanos: BigInt(number), samples: number === 1 ? samples : samples.toReversed() });
      return { ...cpuLabelsOf('api'), profile, id: new Uint8Array(16).fill(number) };
    });

    const part = mergedPart(...pushed.map((push) => segment(push)));

    const [{ columns }] = part.datasets;
    const [family] = columns.families;
    deepEqual([...family.sampleOffsets], [0, 40_000, 80_000]);
    equal(part.symbols.families[0].stacks.parent.length, 1 + 1 + 400 + 40_000);
    // Both runs are of the same samples, in the same order now.
    for (const column of [family.stack, family.values[0]]) {
      deepEqual(column.slice(0, 40_000), column.slice(40_000));
    }
    deepEqual(
      [...columns.profiles.total],
      [1, 2].map(() => (40_000n * 40_001n) / 2n),
    );
  });

  test('has nothing of no sources', () => {
    deepEqual(mergedParts(merging, []), { parts: [], steps: 1 });
  });
});

import { deepEqual, equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { familiesMax } from '#src/domain/block/block-format.ts';
import { foldedNamesFault, sumFault, typeRowsFault } from '#src/domain/block/derived-faults.ts';
import { type TypeColumns, typeColumnsOf } from '#src/domain/block/type-columns.ts';
import { testKernels } from '../../../fixtures/kernels.ts';
import { mergedBlock } from '../../../fixtures/merged.ts';
import { pprof } from '../../../fixtures/pprof-builder.ts';
import { Random, runSeed } from '../../../fixtures/random.ts';
import { randomSegments } from '../../../fixtures/random-segments.ts';
import { cpuLabelsOf, type Pushed, type Segment, segmentOf } from '../../../fixtures/segments.ts';
import { goldenInput } from './golden-object.ts';
import { decodeObject } from './small-object.ts';

// What the checks find is tested through the program that makes them: test/unit/scripts/inspect-block.test.ts. Here is
// that they find nothing in what is right, and what a test of the program cannot write.

const seed = runSeed();
const ingesting = testKernels();
const merging = testKernels();

function faultsOf({ bytes }: Segment): unknown[] {
  return decodeObject(bytes).datasets.map(
    ({ symbols, columns, types }) =>
      foldedNamesFault(symbols) ?? sumFault(columns, symbols) ?? typeRowsFault(types, columns),
  );
}

describe(`what is derived in blocks (seed ${seed})`, () => {
  test('is right in segments, merges, and merges of merges', () => {
    const random = new Random(seed);
    for (let round = 0; round < 5; round++) {
      const segments = randomSegments(ingesting, random, 4);
      const merged = mergedBlock(merging, segments);
      const twice = mergedBlock(merging, [mergedBlock(merging, segments.slice(0, 2)), ...segments.slice(2)]);

      for (const block of [...segments, merged, twice]) {
        const faults = faultsOf(block);
        deepEqual(faults, new Array(faults.length).fill(undefined), `round ${round}`);
      }
    }
  });

  test('is right where a sum is larger than 64 bits', () => {
    const samples = [1, 2, 3].map((i) => ({ stack: `main;f${i % 2}`, v: [2n ** 63n - BigInt(i)] }));
    const segments = ['a', 'b'].map((pod, i): Segment => {
      const id = new Uint8Array(16).fill(i + 1);
      return segmentOf(ingesting, [{ ...cpuLabelsOf('api', { pod }), profile: pprof({ samples }), id }]);
    });

    for (const block of [...segments, mergedBlock(merging, segments)]) deepEqual(faultsOf(block), [undefined]);
  });

  test('is right where a block has too many types for all of them to have totals', () => {
    const pushed = Array.from({ length: familiesMax + 8 }, (_, i): Pushed => {
      const profile = pprof({ types: [`t${i}/count`], samples: [{ stack: 'main;f', v: [i + 1] }] });
      return { ...cpuLabelsOf('api'), profile, id: new Uint8Array(16).fill(i + 1) };
    });
    const segment = segmentOf(ingesting, pushed);

    for (const block of [segment, mergedBlock(merging, [segment])]) deepEqual(faultsOf(block), [undefined]);
  });
});

describe('typeRowsFault', () => {
  const [{ columns }] = goldenInput.datasets;
  const right = typeColumnsOf(columns);
  const cases: Record<
    string,
    { readonly types: Partial<TypeColumns>; readonly problem: string; readonly row: number }
  > = {
    'a value column that is missing': {
      types: { family: Uint32Array.of(0), column: Uint32Array.of(0), series: Uint32Array.of(0) },
      problem: 'family is not that of the next value column with totals',
      row: 1,
    },
    'a value column that is there twice': {
      types: { family: Uint32Array.of(0, 0, 0), column: Uint32Array.of(0, 1, 1), series: Uint32Array.of(0, 1, 1) },
      problem: 'family is not that of the next value column with totals',
      row: 2,
    },
    'another value column': {
      types: { column: Uint32Array.of(0, 2) },
      problem: 'column is not that of the next value column with totals',
      row: 1,
    },
    'a series of another type': {
      types: { series: Uint32Array.of(0, 0) },
      problem: 'series has another type than a profile in the value column',
      row: 1,
    },
  };
  for (const [name, { types, problem, row }] of Object.entries(cases)) {
    test(`finds ${name}`, () => {
      const fault = typeRowsFault({ ...right, ...types }, columns);

      equal(fault?.problem, problem);
      equal(fault?.row, row);
    });
  }

  test('takes any series of the type', () => {
    const [first, ...others] = columns.series;
    const twice = { ...columns, series: [first, ...others, [...first, { name: 'zone', value: 'b' }]] };

    equal(typeRowsFault({ ...right, series: Uint32Array.of(2, 1) }, twice), undefined);
  });
});

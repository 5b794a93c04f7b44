import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { StoreError } from '#src/domain/errors.ts';
import { Arena, type KernelInstance } from '#src/kernels/instance.ts';
import { takeStrings } from '#src/kernels/symbol-space.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { Random } from '../../fixtures/random.ts';

function internAll(kernels: KernelInstance, table: number, strings: readonly string[]): number[] {
  return strings.map((text) => {
    const bytes = Buffer.from(text);
    return kernels.exports.intern(table, kernels.put(bytes), bytes.length) >>> 0;
  });
}

describe('intern table', () => {
  test('gives equal strings one row, different ones different rows, and the empty string row 0', () => {
    const kernels = testKernels();
    const table = kernels.exports.tableNew(Arena.head, 16, 64) >>> 0;

    const rows = internAll(kernels, table, ['b', 'a', 'b', '', 'ab', 'a']);

    deepEqual(rows, [1, 2, 1, 0, 3, 2]);
  });

  test('tells strings apart that differ in their last byte only, at every length around a word', () => {
    const kernels = testKernels();
    const table = kernels.exports.tableNew(Arena.head, 16, 64) >>> 0;
    const strings = Array.from({ length: 40 }, (_, n) => ['x', 'y'].map((end) => 'p'.repeat(n) + end)).flat();

    const rows = internAll(kernels, table, strings);

    equal(new Set(rows).size, strings.length);
    deepEqual(internAll(kernels, table, strings), rows);
  });

  // Around the sizes at which the table grows, and enough to make memory grow.
  for (const n of [1, 7, 8, 9, 31, 32, 33, 127, 128, 129, 50_000]) {
    test(`agrees with a Map on ${n} strings`, (t) => {
      const seed = Number(process.env['SEED'] ?? n);
      t.diagnostic(`seed ${seed}`);
      const random = new Random(seed);
      const kernels = testKernels();
      const table = kernels.exports.tableNew(Arena.head, 8, 64) >>> 0;
      const strings = Array.from({ length: n }, () => `f${'ü'.repeat(random.int(0, 12))}${random.int(0, n)}`);
      const map = new Map<string, number>();
      const expected = strings.map((text) => {
        if (!map.has(text)) map.set(text, map.size + 1);
        return map.get(text);
      });

      deepEqual(internAll(kernels, table, strings), expected);

      const { bytes, offsets } = takeStrings(kernels, table);
      const stored = [...map.keys()].map((_, i) =>
        Buffer.from(bytes.subarray(offsets[i + 1], offsets[i + 2])).toString(),
      );
      deepEqual(stored, [...map.keys()]);
    });
  }

  test('names the limit when the head arena is full, and keeps what it had', () => {
    const kernels = testKernels({ headBytesMax: 1 << 20 });
    const table = kernels.exports.tableNew(Arena.head, 8, 64) >>> 0;
    let added = 0;

    throws(
      () =>
        kernels.guard(() => {
          for (; added < 100_000; added++) internAll(kernels, table, [`name ${added}`]);
        }),
      (error: unknown) =>
        error instanceof StoreError && error.code === 'limit-exceeded' && error.message.includes('headBytesMax'),
    );

    ok(added > 1000);
    deepEqual(internAll(kernels, table, ['name 0', 'name 999']), [1, 1000]);
  });
});

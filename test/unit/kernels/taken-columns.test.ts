import { deepEqual, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runSteps, STEP_ROWS, type Steps } from '#src/domain/model/steps.ts';
import { namesOf } from '#src/domain/profile/name-table.ts';
import { putStrings } from '#src/kernels/symbol-space.ts';
import { COPIED_ROWS, takeI64, takeNames, takeU32 } from '#src/kernels/taken-columns.ts';
import { testKernels } from '../../fixtures/kernels.ts';

const kernels = testKernels();

function counted<T>(steps: Steps<T>): { value: T; count: number } {
  for (let count = 0; ; count++) {
    const step = steps.next();
    if (step.done) return { value: step.value, count };
  }
}

describe('columns taken in steps', () => {
  test('are what lies in the arena', () => {
    kernels.exports.resetScratch();
    const rows = COPIED_ROWS + 3;
    const u32 = Uint32Array.from({ length: rows }, (_, row) => row);
    const i64 = BigInt64Array.from(u32, (row) => -BigInt(row));
    const pointers = [kernels.putColumn(u32), kernels.putColumn(i64)] as const;

    const taken = [counted(takeU32(kernels, pointers[0], rows)), counted(takeI64(kernels, pointers[1], rows))] as const;

    ok(Buffer.from(taken[0].value.buffer).equals(Buffer.from(u32.buffer)));
    ok(Buffer.from(taken[1].value.buffer).equals(Buffer.from(i64.buffer)));
    deepEqual(
      taken.map(({ count }) => count),
      [2, 2],
    );
  });

  test('are names, whether those are many or long', () => {
    const many = Array.from({ length: 2 * STEP_ROWS + 1 }, (_, row) => `f${row % 1000}`);
    const long = Array.from({ length: 5 }, (_, row) => `${row}`.repeat(3 << 20));
    for (const [texts, steps] of [
      [many, 3 + 3],
      [long, 1 + 2],
      [['', 'a', ''], 1 + 1],
      [[], 0],
    ] as const) {
      kernels.exports.resetScratch();
      const names = namesOf(texts);

      const { value, count } = counted(takeNames(kernels, { rows: texts.length, ...putStrings(kernels, names) }));

      deepEqual(value.offsets, names.offsets);
      ok(Buffer.from(value.bytes).equals(Buffer.from(names.bytes)));
      deepEqual(count, steps);
    }
    deepEqual(runSteps(takeU32(kernels, 0, 0)), new Uint32Array());
  });
});

import { byWork, inSteps, STEP_ROWS, type Steps } from '#src/domain/model/steps.ts';
import type { ByteStrings } from '#src/domain/symbols/symbol-columns.ts';
import type { KernelInstance, Pointer } from './instance.ts';
import type { StringRows } from './read-space.ts';

// Copies columns out of an arena in steps, for whoever has a million rows.

/** Rows of a column that are copied, or filled, in one step: some 4 ms where the copy is new memory. */
export const COPIED_ROWS = 1 << 18;

/** Of names that are copied in one step. */
const COPIED_BYTES = 1 << 23;

/** @shapes offsets Uint32Array[rows + 1] */
export function* takeNames(kernels: KernelInstance, names: StringRows): Steps<ByteStrings> {
  const offsets = new Uint32Array(names.rows + 1);
  yield* inSteps(0, names.rows, (start, end) => addLengths(offsets, kernels.u32(), names.length, start, end));
  const bytes = new Uint8Array(offsets[names.rows]);
  const ranges = { at: names.at, offsets };
  yield* byWork(0, names.rows, (start) => copyNames(bytes, kernels, ranges, start));
  return { offsets, bytes };
}

function addLengths(offsets: Uint32Array, u32: Uint32Array, length: Pointer, start: number, end: number): void {
  for (let row = start; row < end; row++) offsets[row + 1] = offsets[row] + u32[(length >>> 2) + row];
}

/** Copies names until it is enough for a step. @returns the row to go on from */
function copyNames(
  target: Uint8Array,
  kernels: KernelInstance,
  { at, offsets }: { readonly at: Pointer; readonly offsets: Uint32Array },
  start: number,
): number {
  const [u8, u32] = [kernels.u8(), kernels.u32()];
  const rows = offsets.length - 1;
  const rowMax = Math.min(rows, start + STEP_ROWS);
  let row = start;
  do {
    const from = u32[(at >>> 2) + row];
    target.set(u8.subarray(from, from + offsets[row + 1] - offsets[row]), offsets[row]);
    row++;
  } while (row < rowMax && offsets[row] - offsets[start] < COPIED_BYTES);
  return row;
}

export function* takeU32(kernels: KernelInstance, pointer: Pointer, rows: number): Steps<Uint32Array> {
  const taken = new Uint32Array(rows);
  const at = pointer >>> 2;
  yield* inSteps(0, rows, (start, end) => taken.set(kernels.u32().subarray(at + start, at + end), start), COPIED_ROWS);
  return taken;
}

export function* takeI64(kernels: KernelInstance, pointer: Pointer, rows: number): Steps<BigInt64Array> {
  const taken = new BigInt64Array(rows);
  const at = pointer >>> 3;
  yield* inSteps(0, rows, (start, end) => taken.set(kernels.i64().subarray(at + start, at + end), start), COPIED_ROWS);
  return taken;
}

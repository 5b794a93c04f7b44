import type { Steps } from '#src/domain/model/steps.ts';
import { assert } from '#src/platform/assert.ts';

const digitValues = 256;
const valueBytes = 8;

/**
 * The k-th largest of many values, counted from 1.
 *
 * A radix selection: a histogram of the bytes of one place, highest first, over the values that share the bytes chosen
 * so far, which mostly are few after the first. Sorting 10^6 values takes ten times as long, and a quickselect can be
 * made quadratic by its input.
 *
 * @param values >= 0
 * @cost  O(n), at most eight passes
 */
export function* kthLargest(values: BigInt64Array, k: number): Steps<bigint> {
  assert(k >= 1 && k <= values.length, `k ${k} is not in 1..${values.length}`);
  // Every machine that Node runs on here is little-endian: byte 0 is the lowest.
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.length * valueBytes);
  const chosen = new Uint8Array(valueBytes);
  const histogram = new Uint32Array(digitValues);
  /** Where the values are that share the bytes chosen so far. */
  const offsets = new Uint32Array(values.length);
  for (let i = 0; i < offsets.length; i++) offsets[i] = i * valueBytes;
  let count = offsets.length;
  let remaining = k;
  yield;

  for (let place = highestPlace(values); place >= 0; place--) {
    histogram.fill(0);
    for (let i = 0; i < count; i++) histogram[bytes[offsets[i] + place]]++;
    let digit = digitValues - 1;
    while (histogram[digit] < remaining) remaining -= histogram[digit--];
    chosen[place] = digit;
    let kept = 0;
    for (let i = 0; i < count; i++) if (bytes[offsets[i] + place] === digit) offsets[kept++] = offsets[i];
    count = kept;
    yield;
  }
  return new BigInt64Array(chosen.buffer)[0];
}

/** The highest place at which some value has a byte that is not 0; 0 when all are 0. */
function highestPlace(values: BigInt64Array): number {
  const halves = new Uint32Array(values.buffer, values.byteOffset, values.length * 2);
  let [low, high] = [0, 0];
  for (let i = 0; i < halves.length; i += 2) {
    low |= halves[i];
    high |= halves[i + 1];
  }
  const zeros = high !== 0 ? Math.clz32(high) : 32 + Math.clz32(low);
  return zeros === 64 ? 0 : valueBytes - 1 - (zeros >> 3);
}

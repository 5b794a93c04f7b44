import { STEP_ROWS, type Steps } from './steps.ts';

/**
 * Sorts numbers in steps: parts of a step by themselves, which are then merged, neighbour with neighbour. What is sorted
 * already costs one look.
 *
 * @returns the numbers, or others of the same values when they had to be moved
 * @cost    O(n log n)
 */
export function* sortedNumbers(numbers: Uint32Array): Steps<Uint32Array> {
  if (rises(numbers)) return numbers;
  for (let start = 0; start < numbers.length; start += STEP_ROWS) {
    numbers.subarray(start, start + STEP_ROWS).sort();
    yield;
  }
  let from = numbers;
  let to: Uint32Array = new Uint32Array(numbers.length);
  for (let length = STEP_ROWS; length < numbers.length; length *= 2) {
    for (let start = 0; start < numbers.length; start += 2 * length) {
      yield* mergePair(from, to, start, Math.min(start + length, numbers.length), start + 2 * length);
    }
    [from, to] = [to, from];
  }
  return from;
}

/** Merges `start .. middle` and `middle .. end` into the same places of another column. */
function* mergePair(from: Uint32Array, to: Uint32Array, start: number, middle: number, last: number): Steps<void> {
  const end = Math.min(last, from.length);
  let [left, right] = [start, middle];
  for (let next = start; next < end; ) {
    const until = Math.min(next + STEP_ROWS, end);
    for (; next < until; next++) {
      const takesLeft = left < middle && (right >= end || from[left] <= from[right]);
      to[next] = takesLeft ? from[left++] : from[right++];
    }
    yield;
  }
}

function rises(numbers: Uint32Array): boolean {
  for (let i = 1; i < numbers.length; i++) if (numbers[i] < numbers[i - 1]) return false;
  return true;
}

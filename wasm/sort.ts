// Stable radix sort of row numbers by a column of keys. Several columns are sorted by calling it for the least
// important one first.

import { allocScratch, arenaTop, releaseScratch, SCRATCH } from './arena';

/**
 * Reorders `rows` so that key[rows[i]] rises. Rows with equal keys keep their order.
 *
 * @param rows    u32[n]
 * @param keys    u64[...], indexed by row
 * @param spare   u32[n], overwritten
 * @cost  O(n) per byte in which the keys differ; insertion sort below 48 rows
 * @source Knuth, The Art of Computer Programming, volume 3, 5.2.5: radix sorting from the least significant digit
 */
export function sortRows(rows: usize, keys: usize, spare: usize, n: u32): void {
  if (n < 48) return insertionSort(rows, keys, n);
  const differs = differingBits(rows, keys, n);
  const top = arenaTop(SCRATCH);
  const count = allocScratch(256 * 4);
  let from = rows;
  let to = spare;
  for (let shift: u64 = 0; shift < 64; shift += 8) {
    if (((differs >> shift) & 255) == 0) continue;
    memory.fill(count, 0, 256 * 4);
    for (let i: u32 = 0; i < n; i++) {
      const key = load<u64>(keys + (<usize>load<u32>(from + (<usize>i << 2)) << 3));
      const at = count + (<usize>((key >> shift) & 255) << 2);
      store<u32>(at, load<u32>(at) + 1);
    }
    let sum: u32 = 0;
    for (let i: usize = 0; i < 256; i++) {
      const here = load<u32>(count + (i << 2));
      store<u32>(count + (i << 2), sum);
      sum += here;
    }
    for (let i: u32 = 0; i < n; i++) {
      const row = load<u32>(from + (<usize>i << 2));
      const at = count + (<usize>((load<u64>(keys + (<usize>row << 3)) >> shift) & 255) << 2);
      const place = load<u32>(at);
      store<u32>(at, place + 1);
      store<u32>(to + (<usize>place << 2), row);
    }
    const swap = from;
    from = to;
    to = swap;
  }
  if (from != rows) memory.copy(rows, from, <usize>n << 2);
  // Given back, because this is called once per sample that has many labels.
  releaseScratch(top);
}

/** The bits in which any two of the keys differ. */
function differingBits(rows: usize, keys: usize, n: u32): u64 {
  const first = load<u64>(keys + (<usize>load<u32>(rows) << 3));
  let differs: u64 = 0;
  for (let i: u32 = 1; i < n; i++) differs |= first ^ load<u64>(keys + (<usize>load<u32>(rows + (<usize>i << 2)) << 3));
  return differs;
}

function insertionSort(rows: usize, keys: usize, n: u32): void {
  for (let i: u32 = 1; i < n; i++) {
    const row = load<u32>(rows + (<usize>i << 2));
    const key = load<u64>(keys + (<usize>row << 3));
    let j = i;
    while (j > 0) {
      const before = load<u32>(rows + (<usize>(j - 1) << 2));
      if (load<u64>(keys + (<usize>before << 3)) <= key) break;
      store<u32>(rows + (<usize>j << 2), before);
      j--;
    }
    store<u32>(rows + (<usize>j << 2), row);
  }
}

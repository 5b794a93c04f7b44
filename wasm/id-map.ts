// Maps from the ids of a pprof to row numbers. Ids are mostly 1 .. n, then the map is a plain array; otherwise it is a
// hash table, keyed by secrets (bytes.ts), so that chosen ids do not meet in one place.
//
//   map     size u32 of the array, 0 for a hash table; slots - 1 u32; then
//   array   u32[size], row of each id
//   hash    slots of id u64, row u64; id 0 is free. At most half full, linear probing

import { allocZeroed, SCRATCH } from './arena';
import { hashWord } from './bytes';

const ENTRIES: usize = 8;

/**
 * @param ids  u64[count + 1], the id of each row from 1 on. Of rows with the same id the last one counts
 * @cost       O(count)
 */
export function idMap(ids: usize, count: u32): usize {
  let largest: u64 = 0;
  for (let row: usize = 1; row <= count; row++) largest = max(largest, load<u64>(ids + (row << 3)));
  if (largest < (<u64>count << 2) + 1024) {
    const map = allocZeroed(SCRATCH, ENTRIES + ((<usize>largest + 1) << 2));
    store<u32>(map, <u32>largest + 1);
    for (let row: usize = 1; row <= count; row++) {
      const id = <usize>load<u64>(ids + (row << 3));
      if (id != 0) store<u32>(map + ENTRIES + (id << 2), <u32>row);
    }
    return map;
  }
  let slots: u32 = 16;
  while (slots < count << 1) slots <<= 1;
  const map = allocZeroed(SCRATCH, ENTRIES + (<usize>slots << 4));
  store<u32>(map, slots - 1, 4);
  for (let row: usize = 1; row <= count; row++) {
    const id = load<u64>(ids + (row << 3));
    if (id == 0) continue;
    let slot = hashWord(id) & (slots - 1);
    while (true) {
      const at = map + ENTRIES + (<usize>slot << 4);
      const known = load<u64>(at);
      if (known == 0 || known == id) {
        store<u64>(at, id);
        store<u64>(at, <u64>row, 8);
        break;
      }
      slot = (slot + 1) & (slots - 1);
    }
  }
  return map;
}

/** The row of an id, 0 when nobody has it. @cost O(1) */
// @ts-ignore: decorator
@inline
export function idRow(map: usize, id: u64): u32 {
  return id < <u64>load<u32>(map) ? load<u32>(map + ENTRIES + (<usize>id << 2)) : hashedRow(map, id);
}

function hashedRow(map: usize, id: u64): u32 {
  if (load<u32>(map) != 0) return 0;
  const mask = load<u32>(map, 4);
  let slot = hashWord(id) & mask;
  while (true) {
    const at = map + ENTRIES + (<usize>slot << 4);
    const known = load<u64>(at);
    if (known == 0) return 0;
    if (known == id) return load<u32>(at, 8);
    slot = (slot + 1) & mask;
  }
}

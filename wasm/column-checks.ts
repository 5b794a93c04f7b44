// What a reader asks of a column before anything follows its references. The plain twins are beside their test.

/** Whether every value is below `limit`. True of an empty column. @param pointer u32[n] @cost O(n), 4 rows a step */
export function allBelow(pointer: usize, n: u32, limit: u32): bool {
  return n == 0 || maxU32(pointer, n) < limit;
}

/** Whether no value is below the one before it. @param pointer u32[n] @cost O(n) */
export function rises(pointer: usize, n: u32): bool {
  for (let i: usize = 1; i < <usize>n; i++) {
    if (load<u32>(pointer + (i << 2)) < load<u32>(pointer + (i << 2) - 4)) return false;
  }
  return true;
}

/**
 * offsets[i] = the sum of the counts before i
 *
 * @param counts   u32[n]; may be offsets + 4
 * @param offsets  u32[n + 1], overwritten
 * @returns        false when the sum has more than 32 bits: the offsets from there on are unknown
 * @cost O(n)
 */
export function offsetsOfCounts(offsets: usize, counts: usize, n: u32): bool {
  let sum: u64 = 0;
  store<u32>(offsets, 0);
  for (let i: usize = 0; i < <usize>n; i++) {
    sum += load<u32>(counts + (i << 2));
    if (sum > u32.MAX_VALUE) return false;
    store<u32>(offsets + (i << 2), <u32>sum, 4);
  }
  return true;
}

/** The largest value; 0 of an empty column. @param pointer u32[n] */
function maxU32(pointer: usize, n: u32): u32 {
  let most = i32x4.splat(0);
  let i: usize = 0;
  for (; i + 4 <= <usize>n; i += 4) most = i32x4.max_u(most, v128.load(pointer + (i << 2)));
  let result = max(
    max(<u32>i32x4.extract_lane(most, 0), <u32>i32x4.extract_lane(most, 1)),
    max(<u32>i32x4.extract_lane(most, 2), <u32>i32x4.extract_lane(most, 3)),
  );
  for (; i < <usize>n; i++) result = max(result, load<u32>(pointer + (i << 2)));
  return result;
}

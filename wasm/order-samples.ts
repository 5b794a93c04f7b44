// Put the samples of a family in the order in which a compacted block stores them: run by run, each by stacktrace.

/**
 * What samples are sorted by: the rank of their run, then the place of their stacktrace.
 *
 * @param keys        u64[samples], out
 * @param rank        u32[runs], runSamples u32[runs]
 * @param place       u32[samples]
 * @cost O(samples)
 */
export function sampleKeys(keys: usize, rank: usize, runSamples: usize, runs: u32, place: usize): void {
  let sample: usize = 0;
  for (let run: usize = 0; run < <usize>runs; run++) {
    const high = <u64>load<u32>(rank + (run << 2)) << 32;
    const end = sample + load<u32>(runSamples + (run << 2));
    for (; sample < end; sample++) store<u64>(keys + (sample << 3), high | <u64>load<u32>(place + (sample << 2)));
  }
}

/** target[i] = i @param target u32[n] @cost O(n) */
export function ascending(target: usize, n: u32): void {
  for (let i: usize = 0; i < <usize>n; i++) store<u32>(target + (i << 2), <u32>i);
}

/** target[i] = column[row[i]] @param target u32[n] @cost O(n) */
export function gatherU32(target: usize, column: usize, row: usize, n: u32): void {
  for (let i: usize = 0; i < <usize>n; i++) {
    store<u32>(target + (i << 2), load<u32>(column + (<usize>load<u32>(row + (i << 2)) << 2)));
  }
}

/** target[i] = column[row[i]] @param target u64[n] @cost O(n) */
export function gatherU64(target: usize, column: usize, row: usize, n: u32): void {
  for (let i: usize = 0; i < <usize>n; i++) {
    store<u64>(target + (i << 3), load<u64>(column + (<usize>load<u32>(row + (i << 2)) << 3)));
  }
}

/**
 * The spans of samples in another order.
 *
 * @param order    u32[samples]: which sample comes i-th
 * @param spanAt   u32[samples], zeroed, overwritten
 * @param sample   u32[spans], id u64[spans], trace u8[16 spans]
 * @param toSample u32[spans], toId u64[spans], toTrace u8[16 spans], out: samples rise
 * @cost O(samples)
 */
export function orderSpans(
  order: usize, samples: u32, spanAt: usize, sample: usize, id: usize, trace: usize, spans: u32, toSample: usize,
  toId: usize, toTrace: usize,
): void {
  for (let i: usize = 0; i < <usize>spans; i++) {
    store<u32>(spanAt + (<usize>load<u32>(sample + (i << 2)) << 2), <u32>i + 1);
  }
  let count: usize = 0;
  for (let i: usize = 0; i < <usize>samples; i++) {
    const span = <usize>load<u32>(spanAt + (<usize>load<u32>(order + (i << 2)) << 2));
    if (span == 0) continue;
    store<u32>(toSample + (count << 2), <u32>i);
    store<u64>(toId + (count << 3), load<u64>(id + ((span - 1) << 3)));
    v128.store(toTrace + (count << 4), v128.load(trace + ((span - 1) << 4)));
    count++;
  }
}

/**
 * The values that are not 0, with their rows.
 *
 * @param values  i64[n]
 * @param row     u32[n], value i64[n], out
 * @returns       how many
 * @cost O(n)
 */
export function nonZeroValues(values: usize, n: u32, row: usize, value: usize): u32 {
  let count: usize = 0;
  for (let i: usize = 0; i < <usize>n; i++) {
    const own = load<i64>(values + (i << 3));
    if (own == 0) continue;
    store<u32>(row + (count << 2), <u32>i);
    store<i64>(value + (count << 3), own);
    count++;
  }
  return <u32>count;
}

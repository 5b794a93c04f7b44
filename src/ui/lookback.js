// How far back queries look, as answers tell it.

/** @param partial the header `X-Kiln-Partial` of an answer @returns such as `7d`; empty: that kept nothing back */
export function lookbackOf(partial) {
  return /(?:^|, )max-query-lookback=(\w+)/.exec(partial)?.[1] ?? '';
}

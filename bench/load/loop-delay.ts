/** How late the main loop ran since the last scrape. @units milliseconds */
export type LoopDelay = { readonly p50Ms: number; readonly p99Ms: number; readonly worstMs: number };

export function loopDelayIn(metricsText: string): LoopDelay {
  const ms = (quantile: string): number =>
    1000 *
    Number(
      new RegExp(`^kiln_event_loop_delay_seconds\\{quantile="${quantile}"\\} (\\S+)$`, 'm').exec(metricsText)?.[1],
    );
  return { p50Ms: ms('0.5'), p99Ms: ms('0.99'), worstMs: ms('1') };
}

/** How many slices of the pool took at most so many seconds, by bound; the last bound is "+Inf". */
export function slicesIn(metricsText: string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const [, bound, count] of metricsText.matchAll(
    /^kiln_pool_slice_seconds_bucket\{le="([^"]+)",task="(?:queryNode|writeAnswer|planReads)"\} (\d+)$/gm,
  )) {
    counts[bound] = (counts[bound] ?? 0) + Number(count);
  }
  return counts;
}

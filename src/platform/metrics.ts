import { readFileSync } from 'node:fs';
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';

/** One registry per process. Metrics are made where they are counted; `/metrics` prints them all. */
export const metrics = new Registry();

/** How often the main loop is asked whether it is on time. Finer costs more and shows nothing that a person notices. */
const LOOP_RESOLUTION_MS = 10;

/**
 * Adds memory, CPU, garbage collection, file descriptors, and how late the main loop runs to the registry. Call it
 * once per process.
 *
 * @returns stops the timer that watches the loop
 */
export function watchProcess(registry: Registry = metrics): () => void {
  collectDefaultMetrics({ register: registry });

  new Gauge({
    name: 'kiln_process_resident_bytes',
    help:
      'Resident memory by what holds it. kind="anonymous" is what the process has for itself; kind="file" are mapped ' +
      'files, the metastore among them, which the kernel drops when it needs the room.',
    labelNames: ['kind'],
    registers: [registry],
    collect() {
      for (const [kind, bytes] of residentBytes()) this.set({ kind }, bytes);
    },
  });

  const delay = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
  delay.enable();
  new Gauge({
    name: 'kiln_event_loop_delay_seconds',
    help: 'How late the main loop ran its timers since the last scrape. quantile="1" is the worst.',
    labelNames: ['quantile'],
    registers: [registry],
    collect() {
      for (const quantile of [0.5, 0.99, 1]) this.set({ quantile }, delaySeconds(delay, quantile));
      delay.reset();
    },
  });
  return () => delay.disable();
}

/** Nothing where there is no such file: only Linux tells the two apart. */
function residentBytes(): [kind: string, bytes: number][] {
  let status: string;
  try {
    status = readFileSync('/proc/self/status', 'utf8');
  } catch {
    return [];
  }
  const bytesIn = (field: string): number =>
    1024 * Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0);
  return [
    ['anonymous', bytesIn('RssAnon')],
    // Files on a tmpfs, such as a data folder there, count as shared memory.
    ['file', bytesIn('RssFile') + bytesIn('RssShmem')],
  ];
}

/** Node records the time from one turn of its timer to the next, which on an idle loop is the resolution, not 0. */
function delaySeconds(delay: IntervalHistogram, quantile: number): number {
  if (delay.count === 0) return 0;
  return Math.max(0, delay.percentile(quantile * 100) / 1e9 - LOOP_RESOLUTION_MS / 1e3);
}

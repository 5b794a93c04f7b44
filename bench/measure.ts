import { Bench } from 'tinybench';

/** What one call does, to tell the cost per unit. */
export type Work = { readonly count: number; readonly unit: string };

export type Measured = {
  readonly name: string;
  readonly medianMs: number;
  readonly p95Ms: number;
  readonly costPerUnit: string;
};

type Case = { readonly name: string; readonly work: Work; readonly run: () => unknown };

const cases: Case[] = [];

/** Keeps results alive, so that no compiler can leave the work out. */
let kept: unknown;

/** Adds a benchmark. Named `folder/operation size variant`, like the code that it measures. */
export function measure(name: string, work: Work, run: () => unknown): void {
  cases.push({ name, work, run });
}

/** Runs those whose name matches, one after the other, and prints a line each. */
export async function runAll(pattern: RegExp): Promise<Measured[]> {
  const results: Measured[] = [];
  for (const { name, work, run } of cases.filter((one) => pattern.test(one.name))) {
    const bench = new Bench({ time: 500, warmupTime: 200, retainSamples: true });
    bench.add(name, () => {
      kept = run();
    });
    const [task] = await bench.run();
    if (task?.result.state !== 'completed') throw new Error(`${name} did not complete`);
    const { latency } = task.result;
    const samples = latency.samples ?? [];
    const p95Ms = samples[Math.floor(samples.length * 0.95)] ?? latency.max;
    const measured = { name, medianMs: latency.p50, p95Ms, costPerUnit: costOf(latency.p50, work) };
    const [median, p95] = [measured.medianMs, measured.p95Ms].map((ms) => ms.toFixed(3));
    console.log(`${name.padEnd(64)} ${median} ms  p95 ${p95} ms  ${measured.costPerUnit}`);
    results.push(measured);
  }
  if (kept === results) console.log('never'); // The one use of what was kept.
  return results;
}

function costOf(medianMs: number, { count, unit }: Work): string {
  const nanos = (medianMs * 1e6) / count;
  return nanos < 10_000 ? `${nanos.toFixed(1)} ns/${unit}` : `${(nanos / 1e6).toFixed(3)} ms/${unit}`;
}

import type { DurationMs } from '#src/domain/model/units.ts';
import type { Verdict } from './check-answer.ts';

/** What became of the payloads of one decoder. Plain data, so that processes can hand it to each other. */
export type DecoderReport = Record<Verdict, number> & {
  /** Of its payloads. */
  bytes: number;
  /** CPU time of its slowest task. */
  slowestMs: DurationMs;
  slowestTask: string;
  /** Which payload that was. */
  slowestNumber: number;
  slowestStepMs: DurationMs;
};

/** By the name of the decoder. */
export type FuzzReport = Record<string, DecoderReport>;

export function decoderReport(report: FuzzReport, decoder: string): DecoderReport {
  report[decoder] ??= {
    ...{ accepted: 0, refused: 0, bytes: 0 },
    ...{ slowestMs: 0, slowestTask: 'none', slowestNumber: 0, slowestStepMs: 0 },
  };
  return report[decoder];
}

/** Puts what another process found to the rest. */
export function addReport(sums: FuzzReport, report: FuzzReport): void {
  for (const [decoder, one] of Object.entries(report)) {
    const sum = decoderReport(sums, decoder);
    for (const key of ['accepted', 'refused', 'bytes'] as const) sum[key] += one[key];
    sum.slowestStepMs = Math.max(sum.slowestStepMs, one.slowestStepMs);
    if (one.slowestMs <= sum.slowestMs) continue;
    const { slowestMs, slowestTask, slowestNumber } = one;
    Object.assign(sum, { slowestMs, slowestTask, slowestNumber });
  }
}

/** As a table, a line per decoder, and one for all of them. */
export function reportText(report: FuzzReport): string {
  const all: FuzzReport = {};
  for (const one of Object.values(report)) addReport(all, { all: one });
  const rows = [...Object.entries(report).sort(([a], [b]) => (a < b ? -1 : 1)), ...Object.entries(all)];
  const head = 'decoder         accepted   refused     MiB  slowest task, its payload            step';
  const lines = rows.map(([decoder, one]) => {
    const task = `${one.slowestMs.toFixed(0).padStart(5)} ms ${one.slowestTask} ${one.slowestNumber}`;
    const counts = `${column(one.accepted, 9)} ${column(one.refused, 9)}`;
    const mebibytes = (one.bytes / 2 ** 20).toFixed(1).padStart(7);
    return `${decoder.padEnd(14)} ${counts} ${mebibytes} ${task.padEnd(34)} ${one.slowestStepMs.toFixed(0).padStart(4)} ms`;
  });
  return [head, ...lines].join('\n');
}

function column(count: number, width: number): string {
  return String(count).padStart(width);
}

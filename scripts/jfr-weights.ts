// Writes test/data/jfr-weights.json: for each recording of test/data/corpus and each kind of event that becomes samples
// how many events there are, what they weigh, and the heaviest leaves, as the JDK's own `jfr print` says.
// test/unit/domain/jfr/corpus.test.ts compares Kiln with it.
//
//   scripts/node scripts/jfr-weights.ts       needs a JDK; only when a recording is added

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

const DATA = join(import.meta.dirname, '../test/data');
const LEAVES_MAX = 12;
const OUTPUT_BYTES_MAX = 1 << 30;

type Method = { readonly type: { readonly name: string }; readonly name: string };
type Values = {
  readonly stackTrace: { readonly frames: readonly { readonly method: Method }[] } | null;
  readonly state?: string;
  readonly samples?: number;
  readonly tlabSize?: number;
  readonly duration?: string;
};

/** What one event weighs. */
const EVENTS: Readonly<Record<string, (values: Values) => number>> = {
  'jdk.ExecutionSample': () => 1,
  'profiler.WallClockSample': ({ samples }) => samples ?? 0,
  'jdk.ObjectAllocationInNewTLAB': ({ tlabSize }) => tlabSize ?? 0,
  'jdk.JavaMonitorEnter': ({ duration }) => nanosOf(duration),
  'jdk.ThreadPark': ({ duration }) => nanosOf(duration),
};

const folder = mkdtempSync(join(tmpdir(), 'jfr-weights-'));
const weights: Record<string, Record<string, unknown>> = {};
for (const file of readdirSync(join(DATA, 'corpus')).sort()) {
  if (!file.endsWith('.jfr.gz')) continue;
  const recording = join(folder, file.replace('.gz', ''));
  writeFileSync(recording, gunzipSync(readFileSync(join(DATA, 'corpus', file))));
  weights[file] = Object.fromEntries(Object.keys(EVENTS).flatMap((event) => weighed(recording, event)));
}
rmSync(folder, { recursive: true });
writeFileSync(join(DATA, 'jfr-weights.json'), `${JSON.stringify(weights, null, 1)}\n`);

function weighed(recording: string, event: string): [string, unknown][] {
  const args = ['print', '--json', '--stack-depth', '1', '--events', event, recording];
  const text = execFileSync('jfr', args, { encoding: 'utf8', maxBuffer: OUTPUT_BYTES_MAX });
  const { events } = (JSON.parse(text) as { recording: { events: { values: Values }[] } }).recording;
  if (events.length === 0) return [];
  let weight = 0;
  let runnable = 0;
  const leaves = new Map<string, number>();
  for (const { values } of events) {
    const own = EVENTS[event]?.(values) ?? 0;
    weight += own;
    if (values.state === 'STATE_RUNNABLE') runnable += own;
    const method = values.stackTrace?.frames[0]?.method;
    const leaf = method === undefined ? '' : `${method.type.name}.${method.name}`;
    leaves.set(leaf, (leaves.get(leaf) ?? 0) + own);
  }
  const heaviest = [...leaves].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, LEAVES_MAX);
  return [[event, { events: events.length, weight, runnable, leaves: heaviest }]];
}

/** Reads a duration as `jfr` writes it, such as PT0.001190291S. */
function nanosOf(duration = ''): number {
  const [, minutes = '0', seconds = '0', fraction = ''] = /^PT(?:(\d+)M)?(?:(\d+)(?:\.(\d+))?S)?$/.exec(duration) ?? [];
  return (Number(minutes) * 60 + Number(seconds)) * 1e9 + Number(fraction.padEnd(9, '0'));
}

import { match, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { watchProcess } from '#src/platform/metrics.ts';

test('the registry tells memory, CPU, descriptors and how late the main loop runs', async (t) => {
  const registry = new Registry();
  t.after(watchProcess(registry));

  const text = await registry.metrics();

  match(text, /^process_resident_memory_bytes \d/m);
  match(text, /^process_cpu_seconds_total \d/m);
  match(text, /^kiln_event_loop_delay_seconds\{quantile="0.99"\} \d/m);
});

test('resident memory is told by what holds it', { skip: process.platform !== 'linux' }, async (t) => {
  const registry = new Registry();
  t.after(watchProcess(registry));

  const text = await registry.metrics();

  const bytesOf = (kind: string): number =>
    Number(new RegExp(`^kiln_process_resident_bytes\\{kind="${kind}"\\} (\\d+)$`, 'm').exec(text)?.[1]);
  // A V8 heap alone has megabytes, and so has the program of Node that is mapped.
  ok(bytesOf('anonymous') > 4 << 20, text);
  ok(bytesOf('file') > 4 << 20, text);
  const rssBytes = process.memoryUsage().rss;
  const sum = bytesOf('anonymous') + bytesOf('file');
  ok(Math.abs(sum / rssBytes - 1) < 0.2, `${sum} of ${rssBytes}`);
});

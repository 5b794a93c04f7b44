import { match } from 'node:assert/strict';
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

// The program of examples/go, with the real pyroscope-go, against a real Kiln.

import { deepEqual } from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  assertProfileTypes,
  assertRoutes,
  assertTime,
  assertWork,
  EXAMPLES,
  runExample,
} from '../fixtures/sdk-example.ts';
import { CLIENTS_FOLDER, prepared } from '../fixtures/toolchain.ts';

const FOLDER = join(EXAMPLES, 'go');
const BINARY = join(CLIENTS_FOLDER, 'busy-go');
const CPU = 'process_cpu:cpu:nanoseconds:cpu:nanoseconds';
const MEMORY = ['alloc_objects:count', 'alloc_space:bytes', 'inuse_objects:count', 'inuse_space:bytes'];
const WAITS = ['contentions:count', 'delay:nanoseconds'];

test('pyroscope-go pushes all its profiles, with function names and labels', async (t) => {
  const ready = await prepared(t, {
    tools: [{ command: ['go', 'version'], version: [1, 25] }],
    folder: FOLDER,
    // Not another toolchain than the one that is there, and what go.sum says.
    env: { GOTOOLCHAIN: 'local', GOFLAGS: '-mod=readonly', GOWORK: 'off' },
    fetch: [['go', 'mod', 'download']],
    build: ['go', 'build', '-buildvcs=false', '-o', BINARY, '.'],
  });
  if (!ready) return;

  // It pushes every five seconds, and what is left when it ends.
  const pushed = await runExample(t, { folder: FOLDER, command: [BINARY], runSeconds: 6 });

  deepEqual(pushed.paths, ['/ingest']);
  await assertProfileTypes(pushed, 'busy-go', [
    CPU,
    'process_cpu:samples:count:cpu:nanoseconds',
    'goroutine:goroutine:count:goroutine:count',
    ...MEMORY.map((type) => `memory:${type}:space:bytes`),
    ...WAITS.map((type) => `mutex:${type}:contentions:count`),
    ...WAITS.map((type) => `block:${type}:contentions:count`),
  ]);
  deepEqual(await pushed.client.labels('busy-go'), {
    pyroscope_spy: ['gospy'],
    region: ['local'],
    route: ['/checkout', '/search'],
    service_name: ['busy-go'],
  });
  const frames = { checkout: /^main\.checkout$/, search: /^main\.search$/ };
  await assertTime(pushed, 'busy-go', CPU);
  // Of these only the CPU's samples have labels. What the heap allocated comes as the difference to the push before.
  await assertRoutes(pushed, { service: 'busy-go', profileType: CPU, frames });
  for (const profileType of [
    CPU,
    'memory:alloc_objects:count:space:bytes',
    'memory:alloc_space:bytes:space:bytes',
    'mutex:contentions:count:contentions:count',
    'mutex:delay:nanoseconds:contentions:count',
    'block:contentions:count:contentions:count',
    'block:delay:nanoseconds:contentions:count',
  ]) {
    await assertWork(pushed, { service: 'busy-go', profileType, frames });
  }
});

// The program of examples/python, with the real pyroscope-io, against a real Kiln.

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

const FOLDER = join(EXAMPLES, 'python');
const VENV = join(CLIENTS_FOLDER, 'python');
const PYTHON = join(VENV, 'bin/python');
const CPU = 'process_cpu:cpu:nanoseconds:cpu:nanoseconds';
const ALLOCATIONS = ['memory:alloc_objects:count:space:bytes', 'memory:alloc_space:bytes:space:bytes'];
/** Of what was not freed yet when it pushed, which is mostly nothing. */
const IN_USE = ['memory:inuse_objects:count:space:bytes', 'memory:inuse_space:bytes:space:bytes'];

test('pyroscope-io pushes CPU time and allocations, with function names and labels', async (t) => {
  const ready = await prepared(t, {
    tools: [{ command: ['python3', '--version'], version: [3, 10] }],
    folder: FOLDER,
    fetch: [
      ['python3', '-m', 'venv', VENV],
      [PYTHON, '-m', 'pip', 'install', '--quiet', '--only-binary', ':all:', '-r', 'requirements.txt'],
    ],
  });
  if (!ready) return;

  // It pushes every five seconds, and what is left when it ends.
  const pushed = await runExample(t, { folder: FOLDER, command: [PYTHON, 'busy.py'], runSeconds: 6 });

  deepEqual(pushed.paths, ['/push.v1.PusherService/Push']);
  await assertProfileTypes(pushed, 'busy-python', [CPU, ...ALLOCATIONS], IN_USE);
  deepEqual(await pushed.client.labels('busy-python'), {
    region: ['local'],
    route: ['/checkout', '/search'],
    service_name: ['busy-python'],
  });
  const frames = { checkout: /^checkout$/, search: /^search$/ };
  await assertTime(pushed, 'busy-python', CPU);
  await assertRoutes(pushed, { service: 'busy-python', profileType: CPU, frames });
  for (const profileType of [CPU, ...ALLOCATIONS]) {
    await assertWork(pushed, { service: 'busy-python', profileType, frames });
  }
});

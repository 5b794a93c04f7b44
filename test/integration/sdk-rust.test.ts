// The program of examples/rust, with the real crate and its pprof-rs backend, against a real Kiln.

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

const FOLDER = join(EXAMPLES, 'rust');
const TARGET = join(CLIENTS_FOLDER, 'rust');
const CPU = 'process_cpu:cpu:nanoseconds:cpu:nanoseconds';

test('the Rust crate pushes CPU time, with function names and labels', async (t) => {
  const ready = await prepared(t, {
    tools: [
      { command: ['rustc', '--version'], version: [1, 89] },
      { command: ['cargo', '--version'], version: [1, 89] },
      { command: ['cc', '--version'], version: [1, 0] },
    ],
    folder: FOLDER,
    env: { CARGO_TARGET_DIR: TARGET },
    fetch: [['cargo', 'fetch', '--locked']],
    build: ['cargo', 'build', '--locked', '--offline'],
  });
  if (!ready) return;

  // It pushes every five seconds, and what is left when it ends.
  const command = [join(TARGET, 'debug/kiln-example-rust')] as const;
  const pushed = await runExample(t, { folder: FOLDER, command, runSeconds: 6 });

  deepEqual(pushed.paths, ['/push.v1.PusherService/Push']);
  await assertProfileTypes(pushed, 'busy-rust', [CPU]);
  deepEqual(await pushed.client.labels('busy-rust'), {
    region: ['local'],
    route: ['/checkout', '/search'],
    service_name: ['busy-rust'],
  });
  const frames = { checkout: /^kiln_example_rust::checkout$/, search: /^kiln_example_rust::search$/ };
  await assertTime(pushed, 'busy-rust', CPU);
  await assertWork(pushed, { service: 'busy-rust', profileType: CPU, frames });
  await assertRoutes(pushed, { service: 'busy-rust', profileType: CPU, frames });
});

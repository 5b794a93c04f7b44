// The program of examples/node, with the real Pyroscope SDK, against a real Kiln. The SDK comes with this project's own
// packages, so this always runs.

import { deepEqual, equal } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
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

const FOLDER = join(EXAMPLES, 'node');
const WALL = 'wall:wall:nanoseconds:wall:nanoseconds';
const CPU = 'wall:cpu:nanoseconds:wall:nanoseconds';

test('the Node SDK pushes wall time, CPU time and its heap, with function names and labels', async (t) => {
  // It pushes every five seconds, and what is left when it ends.
  const pushed = await runExample(t, { folder: FOLDER, command: [process.execPath, 'busy.mjs'], runSeconds: 6 });

  deepEqual(pushed.paths, ['/ingest']);
  await assertProfileTypes(pushed, 'busy', [
    'memory:inuse_objects:count:inuse_space:bytes',
    'memory:inuse_space:bytes:inuse_space:bytes',
    CPU,
    'wall:samples:count:wall:nanoseconds',
    WALL,
  ]);
  deepEqual(await pushed.client.labels('busy'), {
    pyroscope_spy: ['nodespy'],
    region: ['local'],
    route: ['/checkout', '/search'],
    service_name: ['busy'],
  });
  const frames = { checkout: /:checkout:\d+$/, search: /:search:\d+$/ };
  for (const profileType of [WALL, CPU]) {
    await assertTime(pushed, 'busy', profileType);
    await assertWork(pushed, { service: 'busy', profileType, frames });
    await assertRoutes(pushed, { service: 'busy', profileType, frames });
  }
});

test('the SDK of the tests is the one of the example', () => {
  const versionIn = (path: string, kind: string) =>
    JSON.parse(readFileSync(path, 'utf8'))[kind]['@pyroscope/nodejs'] as string;
  equal(
    versionIn(join(EXAMPLES, '../package.json'), 'devDependencies'),
    versionIn(join(FOLDER, 'package.json'), 'dependencies'),
  );
});

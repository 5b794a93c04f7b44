// The program of examples/java, with the real Java agent, against a real Kiln.

import { deepEqual, match } from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import {
  assertProfileTypes,
  assertRoutes,
  assertTime,
  assertWork,
  EXAMPLES,
  runExample,
} from '../fixtures/sdk-example.ts';
import { CLIENTS_FOLDER, prepared } from '../fixtures/toolchain.ts';

const FOLDER = join(EXAMPLES, 'java');
const JARS = join(CLIENTS_FOLDER, 'java');
const CPU = 'process_cpu:cpu:nanoseconds:cpu:nanoseconds';
const MORE = [
  'memory:alloc_in_new_tlab_bytes:bytes:space:bytes',
  'memory:alloc_in_new_tlab_objects:count:space:bytes',
  'mutex:contentions:count:mutex:count',
  'mutex:delay:nanoseconds:mutex:count',
];
/** Of objects that do not fit where a thread allocates: it depends on the heap. */
const OUTSIDE_TLAB = [
  'memory:alloc_outside_tlab_bytes:bytes:space:bytes',
  'memory:alloc_outside_tlab_objects:count:space:bytes',
];
/** Of threads that were parked for long, which a busy machine may do to any. */
const PARKED = ['block:contentions:count:block:count', 'block:delay:nanoseconds:block:count'];

test('the Java agent pushes CPU time, allocations and locks, with function names and labels', async (t) => {
  const ready = await prepared(t, {
    tools: [
      { command: ['java', '--version'], version: [17, 0] },
      { command: ['mvn', '--version'], version: [3, 6] },
    ],
    folder: FOLDER,
    fetch: [['mvn', '-B', '-q', 'dependency:copy-dependencies', `-DoutputDirectory=${JARS}`]],
  });
  if (!ready) return;
  const [, version] = /<artifactId>agent<\/artifactId>\s*<version>(.+)<\/version>/.exec(
    readFileSync(join(FOLDER, 'pom.xml'), 'utf8'),
  ) as RegExpExecArray;
  const agent = join(JARS, `agent-${version}.jar`);
  const command = ['java', `-javaagent:${agent}`, '-cp', `${agent}:.`, 'Busy.java'] as const;

  // It pushes every five seconds, and nothing when it ends.
  const pushed = await runExample(t, {
    folder: FOLDER,
    command,
    runSeconds: 12,
  });

  deepEqual(pushed.paths, ['/ingest']);
  await assertProfileTypes(pushed, 'busy-java', [CPU, ...MORE], [...OUTSIDE_TLAB, ...PARKED]);
  deepEqual(await pushed.client.labels('busy-java'), {
    jfr_event: ['itimer'],
    pyroscope_spy: ['javaspy'],
    region: ['local'],
    route: ['/checkout', '/search'],
    service_name: ['busy-java'],
  });
  const frames = { checkout: /^Busy\.checkout$/, search: /^Busy\.search$/ };
  await assertTime(pushed, 'busy-java', CPU);
  for (const profileType of [CPU, ...MORE]) {
    await assertWork(pushed, { service: 'busy-java', profileType, frames });
    await assertRoutes(pushed, { service: 'busy-java', profileType, frames });
  }
  match(await printedWithoutAddress(command), /^busy; the agent pushes profiles to http:\/\/localhost:4040$/m);
});

/** What the example prints that is not told where to push. It ends before the agent does so for the first time. */
async function printedWithoutAddress([program, ...args]: readonly [string, ...string[]]): Promise<string> {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('PYROSCOPE_'));
  const env = { ...Object.fromEntries(inherited), RUN_SECONDS: '0' };
  const { stdout } = await promisify(execFile)(program, args, { cwd: FOLDER, env });
  return stdout;
}

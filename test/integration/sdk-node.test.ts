// The program of examples/node, with the real Pyroscope SDK, against a real Kiln. The SDK is a package of the example,
// not of this project: `npm ci` in examples/node installs it. Without it there is nothing to run.

import { deepEqual, ok } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { KilnClient } from '../fixtures/kiln-client.ts';
import { flagsFor, KilnCommand, temporaryDirectory } from '../fixtures/kiln-command.ts';

const EXAMPLE = join(import.meta.dirname, '../../examples/node');
const WALL = 'wall:wall:nanoseconds:wall:nanoseconds';
const CPU = 'wall:cpu:nanoseconds:wall:nanoseconds';

const installed = existsSync(join(EXAMPLE, 'node_modules/@pyroscope/nodejs'));
const skip = installed ? false : 'the SDK is not installed: npm ci in examples/node';

test('the Node SDK pushes wall and CPU time, with function names and labels', { skip }, async (t) => {
  const kiln = new KilnCommand(t, { args: flagsFor(await temporaryDirectory(t)) });
  const url = await kiln.url();

  // It pushes every five seconds, and what is left when it ends.
  const printed = await runExample(t, { PYROSCOPE_SERVER_ADDRESS: url, RUN_SECONDS: '6' });

  const client = new KilnClient(url);
  const types = await client.profileTypes('busy');
  ok(types.includes(WALL) && types.includes(CPU), `profile types ${types.join()}; the example printed:\n${printed}`);
  const { total, selfByName } = await client.flamegraph('busy', CPU);
  ok(total > 0n);
  for (const name of ['checkout', 'search', 'fibonacci']) {
    ok(
      [...selfByName.keys()].some((frame) => frame.includes(name)),
      `no frame of ${name} in ${[...selfByName.keys()].join()}`,
    );
  }
  const { names } = await client.query<{ names: string[] }>('LabelValues', {
    name: 'route',
    matchers: ['{service_name="busy", region="local"}'],
  });
  deepEqual(names, ['/checkout', '/search']);
});

/** @returns what it printed */
async function runExample(t: TestContext, env: Readonly<Record<string, string>>): Promise<string> {
  const program = spawn(process.execPath, ['busy.mjs'], { cwd: EXAMPLE, env: { ...process.env, ...env } });
  t.after(() => void program.kill('SIGKILL'));
  const [out, err, [code]] = await Promise.all([text(program.stdout), text(program.stderr), once(program, 'close')]);
  ok(code === 0, `the example ended with ${code}:\n${out}${err}`);
  return out + err;
}

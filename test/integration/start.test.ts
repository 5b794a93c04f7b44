import { equal, match, ok } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from '../fixtures/kiln-command.ts';

const start = fileURLToPath(new URL('../../src/start.mjs', import.meta.url));

test('a Node that cannot run TypeScript is told which one can', () => {
  const { status, stderr } = spawnSync(process.execPath, ['--no-experimental-strip-types', start], {
    encoding: 'utf8',
  });

  equal(status, 69);
  match(stderr, /needs Node 22\.18 or later.*this is Node \d/);
});

test('compiled code is kept for the next start', async (t) => {
  const directory = join(await temporaryDirectory(t), 'cache');

  const { status } = versionWith(directory);

  equal(status, 0);
  const [version] = await readdir(directory);
  ok((await readdir(join(directory, version))).length > 10);
});

test('a start needs no place to keep compiled code', () => {
  const { status, stdout, stderr } = versionWith(join(start, 'a-file-is-no-folder'));

  equal(status, 0);
  match(stdout, /^kiln \d/);
  equal(stderr, '');
});

function versionWith(cacheDirectory: string): { status: number | null; stdout: string; stderr: string } {
  const env = { ...process.env, NODE_COMPILE_CACHE: cacheDirectory };
  return spawnSync(process.execPath, [start, '--version'], { encoding: 'utf8', env });
}

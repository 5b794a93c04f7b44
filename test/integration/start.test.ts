import { equal, match } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const start = fileURLToPath(new URL('../../src/start.mjs', import.meta.url));

test('a Node that cannot run TypeScript is told which one can', () => {
  const { status, stderr } = spawnSync(process.execPath, ['--no-experimental-strip-types', start], {
    encoding: 'utf8',
  });

  equal(status, 69);
  match(stderr, /needs Node 22\.18 or later.*this is Node \d/);
});

// Which clients may be missing from a test run, and which may not.

import { deepEqual, equal, match, rejects } from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { prepared, type Toolchain } from '../fixtures/toolchain.ts';

const NODE = { command: [process.execPath, '--version'], version: [20, 0] } as const;
const FINE = [process.execPath, '--eval', ''] as const;
const BROKEN = [
  process.execPath,
  '--eval',
  'console.error("first"); console.error("the cause"); process.exit(3)',
] as const;

test('a toolchain that is there is used', async () => {
  deepEqual(await outcomeOf({ fetch: [FINE], build: FINE }), { ready: true, reasons: [] });
});

test('a toolchain that is missing, or too old, leaves its client out and says so', async () => {
  const missing = await outcomeOf({ tools: [{ command: ['no-such-compiler'], version: [1, 0] }] });
  deepEqual(missing, { ready: false, reasons: ['did not run: there is no no-such-compiler'] });

  const old = await outcomeOf({ tools: [{ ...NODE, version: [1000, 0] }] });
  equal(old.ready, false);
  match(old.reasons.join(), /^did not run: .* is \d+\.\d+, and 1000\.0 or later is needed$/);

  const silent = await outcomeOf({ tools: [{ command: FINE, version: [1, 0] }] });
  equal(silent.ready, false);
  match(silent.reasons.join(), /version of .* is not to be found/);
});

test('a download that fails leaves its client out and says why', async () => {
  const { ready, reasons } = await outcomeOf({ fetch: [FINE, BROKEN] });

  equal(ready, false);
  match(reasons.join(), /^did not run: ".*" ended with 3: the cause$/);
});

test('what was downloaded must build', async () => {
  await rejects(outcomeOf({ fetch: [FINE], build: BROKEN }), /ended with 3: the cause\nfirst\nthe cause/);
});

async function outcomeOf(toolchain: Partial<Toolchain>) {
  const reasons: string[] = [];
  const t = { skip: (reason: string) => void reasons.push(reason) };
  const ready = await prepared(t, { tools: [NODE], folder: tmpdir(), fetch: [], ...toolchain });
  return { ready, reasons };
}

// What is said of a browser that does not do what the tests of the page need.

import { equal } from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { BrowserDidNotStart, BrowserTab } from '../fixtures/browser-tab.ts';

const READ_CALL = 'dd bs=4096 count=1 <&3 >/dev/null 2>&1';

/** As the protocol says. */
const ANSWER = `printf '{"id":1,"result":{"targetId":"1"}}\\0' >&4`;

test('a browser that ends at once did not start, and its last lines say why', async (t) => {
  const said = await failureOf(t, 'seq 9 >&2; echo "no libnss3.so" >&2; exit 127');

  equal(said instanceof BrowserDidNotStart, true);
  equal(said.message, 'chromium ended with code 127: 6; 7; 8; 9; no libnss3.so');
});

test('a browser that ends later is a failure, and its last lines say why', async (t) => {
  const crash = 'echo "a check failed" >&2; kill -ABRT $$';
  const said = await failureOf(t, `${READ_CALL}; ${ANSWER}; ${READ_CALL}; ${crash}`);

  equal(said instanceof BrowserDidNotStart, false);
  equal(said.message, 'chromium ended with SIGABRT: a check failed');
});

async function failureOf(t: TestContext, script: string): Promise<Error> {
  const folder = await mkdtemp(join(tmpdir(), 'kiln-browser-stub-'));
  t.after(() => rm(folder, { recursive: true }));
  const program = join(folder, 'chromium');
  await writeFile(program, `#!/bin/sh\n${script}\n`);
  await chmod(program, 0o755);
  return await BrowserTab.open({ after: (work) => t.after(work) }, 'about:blank', program).then(
    () => new Error('it started'),
    (error: Error) => error,
  );
}

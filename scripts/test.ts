// Everything that must hold before a change goes in. Without arguments it runs all parts, in this order:
//
//   npm test
//   npm test -- unit                          one part, or several
//   npm test -- test/unit/domain/block        the tests of a folder or a file
//   npm test -- unit --name 'refuses'         the tests whose name matches
//
// A part that fails does not stop the others: one run tells everything.

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { run as runTests } from 'node:test';
import { spec, type TestEvent } from 'node:test/reporters';
import { parseArgs } from 'node:util';

const ROOT = join(import.meta.dirname, '..');

/** A test file that takes longer hangs. The one of the Rust client compiles 130 crates first, beside other tests. */
const FILE_TIMEOUT_MS = 12 * 60_000;

/** `node` runs with the Node of this process, whatever is first on the PATH. */
const CHECKS: Record<string, readonly string[]> = {
  types: ['node_modules/.bin/tsc', '-p', '.'],
  lint: ['node_modules/.bin/biome', 'check', '--error-on-warnings', '.'],
  generated: ['node', 'scripts/generate.ts', '--check'],
  wasm: ['node', 'scripts/build-wasm.ts'],
};

const TEST_FOLDERS: Record<string, string> = {
  unit: 'test/unit',
  simulation: 'test/simulation',
  integration: 'test/integration',
};

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { name: { type: 'string', multiple: true } },
});
const asked = positionals.length > 0 ? positionals : [...Object.keys(CHECKS), ...Object.keys(TEST_FOLDERS)];

let passed = 0;
let failed = 0;
let skipped = 0;

const folders = asked.filter((part) => !(part in CHECKS)).map((part) => TEST_FOLDERS[part] ?? part);
// Tests load the kernels, so they need them built, also when only tests were asked for.
const checks = Object.keys(CHECKS).filter((check) => asked.includes(check) || (check === 'wasm' && folders.length > 0));

for (const check of checks) countCheck(check, runCheck(CHECKS[check]!));
if (folders.length > 0) await test(folders);

console.log(`${passed} passed, ${failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`);
process.exitCode = failed === 0 ? 0 : 1;

function countCheck(check: string, ok: boolean): void {
  if (ok) passed++;
  else failed++;
  console.log(`${ok ? '✔' : '✖'} ${check}`);
}

function runCheck([program, ...args]: readonly string[]): boolean {
  console.log(`\n── ${[program, ...args].join(' ')}`);
  const command = program === 'node' ? process.execPath : join(ROOT, program!);
  const { status, error } = spawnSync(command, args, { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] });
  if (error !== undefined) console.error(String(error));
  return status === 0;
}

async function test(folders: readonly string[]): Promise<void> {
  console.log(`\n── node --test ${folders.join(' ')}`);
  const files = folders.flatMap(testFiles);
  if (files.length === 0) {
    console.error(`✖ no test in ${folders.join(', ')}`);
    failed++;
    return;
  }

  const events = runTests({
    files,
    concurrency: availableParallelism(),
    timeout: FILE_TIMEOUT_MS,
    ...(options.name === undefined ? {} : { testNamePatterns: options.name }),
  });
  await pipeline(events, brief, spec(), process.stdout, { end: false });
}

/** One line per file that passed and per test that was skipped, all about what failed, and the runner's closing lines. */
async function* brief(events: AsyncIterable<TestEvent>): AsyncIterable<TestEvent> {
  for await (const event of events) {
    if (event.type === 'test:summary') {
      if (event.data.file === undefined) count(event.data);
      else if (event.data.success) console.log(lineOf(event.data));
    }
    if (!isChatter(event)) yield event;
  }
}

type Summary = Extract<TestEvent, { type: 'test:summary' }>['data'];

function count({ counts, success }: Summary): void {
  const bad = counts.tests - counts.passed - counts.skipped - counts.todo;
  passed += counts.passed;
  skipped += counts.skipped + counts.todo;
  // A suite whose hook failed has no failed test.
  failed += bad === 0 && !success ? 1 : bad;
}

function lineOf({ file, counts, duration_ms: tookMs }: Summary): string {
  return `✔ ${relative(ROOT, file!)} (${counts.tests} tests, ${Math.round(tookMs)} ms)`;
}

function isChatter({ type, data }: TestEvent): boolean {
  if (type === 'test:pass') return data.skip === undefined;
  if (type === 'test:start') return true;
  return type === 'test:diagnostic' && data.file !== undefined;
}

function testFiles(path: string): string[] {
  const full = join(ROOT, path);
  if (!existsSync(full)) return [];
  if (/\.(test|sim)\.ts$/.test(path)) return [full];
  return readdirSync(full, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(test|sim)\.ts$/.test(name))
    .map((name) => join(full, name))
    .sort();
}

// Starts Kiln with multi-tenancy on, replays the recorded answers of a real Pyroscope against it, and compares the
// result with test/conformance/not-yet.txt and differences.txt: a listed check that passes fails the run, and so does
// an unlisted one that fails.
//
//   npm run conformance
//   npm run conformance -- --only '^push/'     the cases whose area/name matches
//   npm run conformance -- --update            takes from not-yet.txt what does not fail any more
//   npm run conformance -- --init              writes not-yet.txt anew, with everything that fails
//
// The recordings are not part of this repository; without them there is nothing to do, and that is no failure.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  initial,
  judge,
  type Lists,
  notYetText,
  parseLists,
  type Run,
  runOf,
  shrunk,
  tableOf,
} from './conformance-lists.ts';
import { KilnProcess } from './kiln-process.ts';

const ROOT = join(import.meta.dirname, '..');
const NOT_YET = join(ROOT, 'test/conformance/not-yet.txt');
const DIFFERENCES = join(ROOT, 'test/conformance/differences.txt');

/** A check that fails is asked again for seconds before it counts, and most of a run is that wait: cases share it. */
const JOBS = 12;
const REPLAY_TIMEOUT_MS = 12 * 60_000;

const { values: options } = parseArgs({
  options: {
    kit: { type: 'string', default: join(ROOT, '../shared/conformance') },
    only: { type: 'string' },
    update: { type: 'boolean', default: false },
    init: { type: 'boolean', default: false },
  },
});
const replay = join(options.kit, 'replay.mjs');

if (existsSync(replay)) await main();
else console.log(`conformance: skipped, there are no recordings at ${options.kit}`);

async function main(): Promise<void> {
  if (options.only !== undefined && (options.update || options.init)) {
    throw new Error('--only does not go together with --update or --init: the list is about all cases');
  }
  const oldNotYet = readText(NOT_YET);
  const lists = only(parseLists(oldNotYet, readText(DIFFERENCES)));

  const folder = mkdtempSync(join(tmpdir(), 'kiln-conformance-'));
  const server = new KilnProcess();
  let run: Run;
  try {
    const { url, grpcUrl } = await server.start([
      '--auth.multitenancy-enabled=true',
      `--data-dir=${join(folder, 'data')}`,
    ]);
    run = await replayAgainst(url, grpcUrl, join(folder, 'report.json'));
    await server.stop();
  } catch (error) {
    console.error(`\nLast lines of the server's log:\n${server.logTail()}\n`);
    console.error(`conformance: ${error instanceof Error ? error.message : error}`);
    process.exitCode = 1;
    return;
  } finally {
    server.kill();
    // A server that was only just killed may still write.
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }

  if (options.update || options.init) {
    const checks = options.init ? initial(lists, run) : shrunk(lists.notYet, run);
    writeFileSync(NOT_YET, notYetText(oldNotYet, checks));
    report(run, { ...lists, notYet: checks }, server.logTail());
  } else report(run, lists, server.logTail());
}

/** Prints the table, then every problem, then one plain line. What fails as listed counts as skipped. */
function report(run: Run, lists: Lists, logTail: string): void {
  const { areas, problems } = judge(run, lists);
  console.log(`\n${tableOf(areas)}\n`);
  for (const problem of problems) console.log(problem);
  if (problems.length > 0) console.log(`\nLast lines of the server's log:\n${logTail}\n`);
  const asListed = [...run.failed.keys()].filter(
    (check) => lists.notYet.includes(check) || lists.differences.has(check),
  );
  console.log(`conformance: ${run.passed.size} passed, ${problems.length} failed, ${asListed.length} skipped`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}

async function replayAgainst(url: string, grpcUrl: string, reportFile: string): Promise<Run> {
  const args = [replay, '--url', url, '--grpc-url', grpcUrl, '--json', reportFile, '--verbose', '--jobs', `${JOBS}`];
  if (options.only !== undefined) args.push('--only', options.only);
  console.log(`replaying ${options.only ?? 'all cases'} against ${url}`);

  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], timeout: REPLAY_TIMEOUT_MS });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  await once(child, 'close');
  // Its exit code only says whether anything failed. A replay that died has no report.
  if (!existsSync(reportFile))
    throw new Error(`the replay ended without a report (${child.signalCode ?? child.exitCode})`);
  return runOf(JSON.parse(readFileSync(reportFile, 'utf8')), output);
}

function only({ notYet, differences }: Lists): Lists {
  if (options.only === undefined) return { notYet, differences };
  const pattern = new RegExp(options.only);
  const asked = (check: string): boolean => pattern.test(check.slice(0, check.indexOf(' #')));
  return { notYet: notYet.filter(asked), differences: new Map([...differences].filter(([check]) => asked(check))) };
}

function readText(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

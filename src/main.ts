import { readFileSync } from 'node:fs';
import type { Config } from './config/config.ts';
import { helpText } from './config/help.ts';
import { load } from './config/load.ts';
import { StoreError } from './domain/errors.ts';
import { EXIT } from './exit-codes.ts';
import { systemClock } from './platform/clock.ts';
import { Lifecycle } from './platform/lifecycle.ts';
import { createLog, type Log } from './platform/log.ts';
import { systemRandom } from './platform/random.ts';
import { endOnSignals } from './platform/signals.ts';
import { Pool } from './workers/pool.ts';

await main();

async function main(): Promise<void> {
  const config = configOrExit();
  const log = createLog(config.log.level);
  // Half of a start is to read and compile what runs. Threads do so for themselves while this one reads the rest.
  const pool = poolOf(config, log);
  const warmedUp = pool.warmUp();
  warmedUp.catch(() => {}); // Told to who awaits it.
  const { rolesOf } = await import('./roles.ts');
  const { parts, announce } = rolesOf(config, { log, pool, warmedUp });
  const lifecycle = new Lifecycle(parts, config.server.gracefulShutdownTimeoutMs, { log, clock: systemClock });
  endOnSignals(process, () => lifecycle.stop(), { log, clock: systemClock });
  try {
    await lifecycle.start();
    announce();
  } catch (error) {
    // What is refused with a reason needs no stack. Anything else is a bug.
    log.error('cannot start', { error: error instanceof StoreError ? error.message : error });
    process.stderr.write(`kiln: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(isBadData(error) ? EXIT.badData : EXIT.unavailable);
  }
}

function configOrExit(): Config {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  try {
    const command = load(process.argv.slice(2), process.env);
    if (command.kind === 'run') return command.config;
    process.stdout.write(command.kind === 'help' ? helpText(version) : `kiln ${version}\n`);
    process.exit(0);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    const problems = error.message.split('\n').map((problem) => `kiln: ${problem}\n`);
    process.stderr.write(`${problems.join('')}Every flag, and what it takes: npm start -- --help\n`);
    process.exit(EXIT.usage);
  }
}

function isBadData(error: unknown): boolean {
  return error instanceof StoreError && (error.code === 'corrupted' || error.code === 'unimplemented');
}

function poolOf({ pool }: Config, log: Log): Pool {
  return new Pool({
    threads: pool.threads,
    queueTasksMax: pool.queueMax,
    openQueueTasksMax: pool.openQueueMax,
    openWaitMsMax: pool.openWaitMsMax,
    headBytesMax: pool.headBytesMax,
    taskBytesMax: pool.taskBytesMax,
    hashSecrets,
    onBug: (error, task) => log.error('a pool thread failed', { task, error }),
  });
}

function hashSecrets(): [bigint, bigint, bigint] {
  const bytes = new Uint8Array(24);
  systemRandom.fill(bytes);
  const words = new BigUint64Array(bytes.buffer);
  return [words[0], words[1], words[2]];
}

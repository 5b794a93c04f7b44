// A process that keeps a metastore directory busy until it is killed, or until its disk fails. Prints a line per event:
//
//     open              the directory is open
//     acked <index>     everything up to this index was acknowledged
//     refused <code>    an append was refused
//     failed <errno>    the log said that it failed
//
// Usage: node command-log-child.ts <directory> [hold | log]
//
// With `hold` it opens the directory and does nothing, with `log` it leaves the rows alone, so that the log grows.

import { writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { StoreError } from '#src/domain/errors.ts';
import { systemClock } from '#src/platform/clock.ts';
import { openMetastoreDirectory } from '#src/storage/lmdb-metastore-directory.ts';
import { commandOf, rowOf } from './command-log-commands.ts';

const [directory = '', mode] = process.argv.slice(2);

try {
  const { log, state } = await openMetastoreDirectory(directory, {
    clock: systemClock,
    newIncarnation: () => new Uint8Array(16).fill(7),
  });
  say('open');
  if (mode === 'hold') await sleep(60_000);

  void log.failed.then((error) => say(`failed ${error.details['errno']}`));
  let running = true;
  let next = log.lastIndex + 1;
  const appending = (async () => {
    while (running) {
      const count = (next % 3) + 1;
      const commands = Array.from({ length: count }, (_, i) => commandOf(next + i));
      next += count;
      log.append(commands).then(
        (last) => say(`acked ${last}`),
        (error) => {
          running = false;
          say(`refused ${error.code}`);
        },
      );
      // Some share a transaction, some do not, and a few wait while one is in flight.
      if (next % 5 === 0) await sleep(1);
    }
  })();
  while (running) {
    await sleep(5);
    if (mode === 'log') continue;
    const through = log.lastIndex;
    const indexes = Array.from({ length: through - state.applied }, (_, i) => state.applied + 1 + i);
    await state.write(through, indexes.map(rowOf));
    await log.compact(through);
  }
  await appending;
} catch (error) {
  if (!(error instanceof StoreError)) throw error;
  say(`refused ${error.code} ${error.message}`);
}
await sleep(50);
process.exit(0);

function say(line: string): void {
  writeSync(1, `${line}\n`);
}

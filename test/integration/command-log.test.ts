import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, describe, test } from 'node:test';
import { systemClock } from '#src/platform/clock.ts';
import { COMMAND_BYTES_MAX, type CommandLogOptions } from '#src/storage/command-log.ts';
import { type MetastoreDirectory, openMetastoreDirectory } from '#src/storage/lmdb-metastore-directory.ts';
import { Random, runSeed } from '../fixtures/random.ts';
import { commandOf, rowOf } from './command-log-commands.ts';

const root = mkdtempSync(join(tmpdir(), 'kiln-command-log-'));
after(() => rmSync(root, { recursive: true }));
let directories = 0;

function newDirectory(): string {
  return join(root, String(++directories), 'metastore');
}

function open(directory: string, options: Partial<CommandLogOptions> = {}): Promise<MetastoreDirectory> {
  return openMetastoreDirectory(directory, {
    clock: systemClock,
    newIncarnation: () => new Uint8Array(16).fill(directories),
    ...options,
  });
}

function commands(first: number, last: number): Uint8Array[] {
  return Array.from({ length: last - first + 1 }, (_, i) => commandOf(first + i));
}

/** A directory with entries 1 to 50, closed. */
async function filled(): Promise<string> {
  const directory = newDirectory();
  const { log, close } = await open(directory);
  await log.append(commands(1, 50));
  await close();
  return directory;
}

/** Everything that a directory holds, from its rows and its log: the commands in order of their index. */
function contentOf({ log, state }: MetastoreDirectory): string[] {
  ok(state.applied >= log.baseIndex, `rows up to ${state.applied}, log from ${log.baseIndex}`);
  const content = [...state.rows()].map(({ value }) => text(value));
  equal(content.length, state.applied);
  if (state.applied < log.lastIndex) {
    for (const { command } of log.read(state.applied + 1, log.lastIndex)) content.push(text(command));
  }
  return content;
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString();
}

describe('the command log on disk', () => {
  test('finds everything again when it is opened anew', async () => {
    const directory = newDirectory();
    const first = await open(directory);
    equal(first.log.lastIndex, 0);
    equal(await first.log.append(commands(1, 1)), 1);
    equal(await first.log.append(commands(2, 5)), 5);
    deepEqual(contentOf(first), commands(1, 5).map(text));
    await first.state.write(3, [1, 2, 3].map(rowOf));
    await first.log.compact(2);
    await first.close();

    const second = await open(directory);
    deepEqual([second.log.baseIndex, second.log.lastIndex, second.state.applied], [2, 5, 3]);
    deepEqual(contentOf(second), commands(1, 5).map(text));
    equal(await second.log.append(commands(6, 6)), 6);
    await second.log.compact(6);
    await second.close();

    const third = await open(directory);
    deepEqual([third.log.baseIndex, third.log.lastIndex], [6, 6]);
    equal(await third.log.append(commands(7, 7)), 7);
    await third.close();
  });

  test('numbers concurrent appends in the order in which they came, each next to each other', async () => {
    const { log, close } = await open(newDirectory());
    const sizes = Array.from({ length: 300 }, (_, i) => (i % 4) + 1);
    let next = 1;
    const expected: number[] = [];
    const order: number[] = [];
    const appends = sizes.map((size) => {
      const append = log.append(commands(next, next + size - 1));
      next += size;
      expected.push(next - 1);
      void append.then((last) => order.push(last));
      return append;
    });
    deepEqual(await Promise.all(appends), expected);
    deepEqual(order, expected);
    deepEqual(
      [...log.read(1, log.lastIndex)].map(({ logIndex, command }) => [logIndex, text(command)]),
      commands(1, next - 1).map((command, i) => [i + 1, text(command)]),
    );
    await close();
  });

  test('keeps commands of every size, and refuses one above the limit without harm', async () => {
    const directory = newDirectory();
    const { log, close } = await open(directory);
    const sizes = [0, 1, 1_900, 2_000, 4_096, 70_000, COMMAND_BYTES_MAX];
    await log.append(sizes.map((size) => new Uint8Array(size).fill(size % 251)));
    await rejects(log.append([new Uint8Array(COMMAND_BYTES_MAX + 1)]), { code: 'invalid-argument' });
    await close();
    const again = await open(directory);
    deepEqual(
      [...again.log.read(1, sizes.length)].map(({ command }) => [command.length, command.at(-1)]),
      sizes.map((size) => [size, size === 0 ? undefined : size % 251]),
    );
    await again.close();
  });

  test('refuses appends while too much waits for the disk, and takes them again afterwards', async () => {
    const { log, close } = await open(newDirectory(), { pendingBytesMax: 10_000 });
    const half = new Uint8Array(5_000);
    const waiting = log.append([half]);
    await rejects(log.append([half]), { code: 'unavailable', message: /too much waits/ });
    await rejects(log.append([half, half]), { code: 'invalid-argument', message: /exceeds 10000/ });
    equal(await waiting, 1);
    equal(await log.append([half]), 2);
    await close();
  });

  test('stays small while entries come and go', async () => {
    const directory = newDirectory();
    const { log, close } = await open(directory);
    for (let i = 0; i < 60; i++) {
      const last = await log.append(commands(log.lastIndex + 1, log.lastIndex + 200));
      // Not awaited: compaction shares transactions with the next append.
      void log.compact(last);
    }
    await log.compact(log.lastIndex);
    equal(log.baseIndex, 12_000);
    const sizeBytes = statSync(join(directory, 'raft.mdb')).size;
    await close();
    // 12,000 entries are 4.5 MB; a batch of 200 is 80 KB.
    ok(sizeBytes < 1_000_000, `${sizeBytes} bytes`);
  });

  test('refuses what comes after it was closed', async () => {
    const { log, close } = await open(newDirectory());
    const last = log.append(commands(1, 1));
    const closed = log.close();
    await rejects(log.append(commands(2, 2)), { code: 'aborted' });
    await closed;
    equal(await last, 1);
    await close();
  });
});

describe('a damaged metastore directory', () => {
  /** Flips a bit in every copy of these bytes in the file: LMDB leaves old pages behind. */
  function flip(path: string, bytes: Uint8Array, at = 0): void {
    const file = readFileSync(path);
    let copies = 0;
    for (let i = file.indexOf(bytes); i >= 0; i = file.indexOf(bytes, i + 1), copies++) file[i + at] ^= 0x10;
    ok(copies > 0, 'the bytes are not in the file');
    writeFileSync(path, file);
  }

  test('with a flipped bit in an entry is refused, and the message says which and what to do', async () => {
    const directory = await filled();
    flip(join(directory, 'raft.mdb'), commandOf(33), 9);
    await rejects(open(directory), { code: 'corrupted', message: /entry 33 fails its checksum.*Restore/ });
  });

  test('with a flipped bit in a row is refused when the rows are read', async () => {
    const directory = newDirectory();
    const first = await open(directory);
    await first.log.append(commands(1, 9));
    await first.state.write(9, [1, 2, 3, 4, 5, 6, 7, 8, 9].map(rowOf));
    await first.close();
    flip(join(directory, 'state.mdb'), commandOf(4), 3);
    const second = await open(directory);
    try {
      await rejects(async () => contentOf(second), { code: 'corrupted', message: /row 0000000000000004 fails/ });
    } finally {
      await second.close();
    }
  });

  test('with a hole in its log is refused', async () => {
    const directory = await filled();
    const { openEnvironment, commit } = await import('#src/storage/lmdb-environment.ts');
    const { entryKey } = await import('#src/storage/command-log-record.ts');
    const env = openEnvironment(join(directory, 'raft.mdb'));
    await commit(env, [{ key: entryKey(20), value: undefined }]);
    await env.close();
    await rejects(open(directory), { code: 'corrupted', message: /after entry 19 comes 21/ });
  });

  test('with an entry in the place of another is refused', async () => {
    const directory = await filled();
    const { openEnvironment, commit } = await import('#src/storage/lmdb-environment.ts');
    const { entryKey } = await import('#src/storage/command-log-record.ts');
    const env = openEnvironment(join(directory, 'raft.mdb'));
    await commit(env, [{ key: entryKey(20), value: env.get(entryKey(21)) }]);
    await env.close();
    await rejects(open(directory), { code: 'corrupted', message: /entry 21 is stored as 20/ });
  });

  test('of a later format is refused by its number', async () => {
    const directory = await filled();
    const { openEnvironment, commit } = await import('#src/storage/lmdb-environment.ts');
    const { META_KEY, sealed, unsealed } = await import('#src/storage/command-log-record.ts');
    const env = openEnvironment(join(directory, 'raft.mdb'));
    const body = unsealed('raft.mdb', 'meta', env.get(META_KEY) as Uint8Array);
    body[1] = 9;
    await commit(env, [{ key: META_KEY, value: sealed(body) }]);
    await env.close();
    await rejects(open(directory), { code: 'unimplemented', message: /format 9/ });
  });

  test('whose log is gone is refused, for the state knows better', async () => {
    const directory = newDirectory();
    const first = await open(directory);
    await first.log.append(commands(1, 3));
    await first.state.write(3, [1, 2, 3].map(rowOf));
    await first.close();
    rmSync(join(directory, 'raft.mdb'));
    const newIncarnation = () => new Uint8Array(16).fill(99);
    await rejects(open(directory, { newIncarnation }), { code: 'corrupted', message: /another log/ });
  });

  test('with a file that lost its end is refused, and does not kill the process', async () => {
    for (const keep of [0.001, 0.1, 0.3, 0.5, 0.8]) {
      const directory = await filled();
      const path = join(directory, 'raft.mdb');
      truncateSync(path, Math.floor(statSync(path).size * keep));
      await rejects(open(directory), { code: 'corrupted' });
    }
  });

  test('with a file that is no LMDB file is refused', async () => {
    const directory = await filled();
    writeFileSync(join(directory, 'raft.mdb'), Buffer.alloc(16_384, 'not a database'));
    await rejects(open(directory), { code: 'corrupted', message: /raft.mdb: is no LMDB file/ });
  });
});

describe('a metastore directory between processes', () => {
  const seed = runSeed();
  test(`keeps every acknowledged append through kill -9, ten times (seed ${seed})`, async () => {
    const random = new Random(seed);
    const directory = newDirectory();
    let acked = 0;
    let grown = 0;
    for (let kill = 0; kill < 10; kill++) {
      const child = spawnChild(directory);
      const wanted = random.int(1, 150);
      let lines = 0;
      for await (const line of linesOf(child)) {
        const [word, index] = line.split(' ');
        ok(word === 'open' || word === 'acked', line);
        if (word === 'acked') acked = Math.max(acked, Number(index));
        if (++lines === wanted) child.kill('SIGKILL');
      }

      const again = await open(directory);
      const { lastIndex } = again.log;
      ok(lastIndex >= acked, `acknowledged up to ${acked}, found up to ${lastIndex}`);
      deepEqual(contentOf(again), commands(1, lastIndex).map(text));
      await again.close();
      if (lastIndex > grown) grown = lastIndex;
    }
    ok(acked > 100, `only ${acked} acknowledged`);
  });

  test('is refused to a second one, with the id of the first', async () => {
    const directory = newDirectory();
    const holder = spawnChild(directory, ['hold']);
    const lines = linesOf(holder);
    equal((await lines.next()).value, 'open');

    await rejects(open(directory), { code: 'unavailable', message: new RegExp(`in use by process ${holder.pid}`) });

    holder.kill('SIGKILL');
    await once(holder, 'exit');
    await (await open(directory)).close();
  });

  test('is refused to its own process a second time', async () => {
    const directory = newDirectory();
    const { close } = await open(directory);
    await rejects(open(directory), { code: 'unavailable', message: /in use by this process/ });
    await close();
    await (await open(directory)).close();
  });

  test('tells everybody when the disk is full, writes nothing more, and keeps what it acknowledged', async () => {
    const directory = newDirectory();
    // A file that may not grow beyond 400 KiB is as good as a full disk.
    const child = spawnChild(directory, ['log'], 'trap "" XFSZ; ulimit -f 400; exec "$0" "$@"');
    let acked = 0;
    const others = new Set<string>();
    for await (const line of linesOf(child)) {
      const [word, index] = line.split(' ');
      if (word === 'acked') {
        equal(others.size, 0, `${line} after ${[...others]}`);
        acked = Number(index);
      } else if (line !== 'open') others.add(line);
    }
    deepEqual(
      [...others].filter((line) => !line.startsWith('failed')),
      ['refused unavailable'],
    );
    ok(
      [...others].some((line) => line.startsWith('failed')),
      [...others].join(),
    );

    const again = await open(directory);
    ok(acked > 10 && again.log.lastIndex >= acked, `acknowledged up to ${acked}, found up to ${again.log.lastIndex}`);
    deepEqual(contentOf(again), commands(1, again.log.lastIndex).map(text));
    await again.close();
  });
});

function spawnChild(directory: string, args: string[] = [], shell?: string): ChildProcess {
  const command = [join(import.meta.dirname, 'command-log-child.ts'), directory, ...args];
  const options = { stdio: ['ignore', 'pipe', 'inherit'] as const };
  return shell === undefined
    ? spawn(process.execPath, command, { stdio: [...options.stdio] })
    : spawn('bash', ['-c', shell, process.execPath, ...command], { stdio: [...options.stdio] });
}

function linesOf(child: ChildProcess): AsyncGenerator<string> {
  ok(child.stdout);
  return createInterface({ input: child.stdout })[Symbol.asyncIterator]() as AsyncGenerator<string>;
}

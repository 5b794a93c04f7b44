import { deepEqual, equal, match, notEqual, ok, rejects } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Registry } from 'prom-client';
import { FilesystemStore } from '#src/storage/filesystem-store.ts';
import { FakeDisk, failure, type Memory } from './filesystem-fake-disk.ts';

const OBJECT = 'segments/0/anonymous/01ARZ/block.bin';
const FILE = `/srv/bucket/${OBJECT}`;
const never = new AbortController().signal;

describe('put', () => {
  test('syncs the content, then renames, then syncs the folder, then answers', async () => {
    const { disk, store } = await opened();
    disk.calls.length = 0;

    await store.put(OBJECT, [Uint8Array.of(1, 2), Uint8Array.of(3)], never);

    const at = (pattern: RegExp): number => disk.calls.findIndex((call) => pattern.test(call));
    const order = [at(/^write .*\.tmp$/), at(/^sync .*\.tmp$/), at(/^rename .*\.tmp /), at(/^syncFolder .*01ARZ$/)];
    ok(!order.includes(-1), disk.calls.join('\n'));
    deepEqual(
      order,
      order.toSorted((a, b) => a - b),
      disk.calls.join('\n'),
    );
    deepEqual([...(disk.files().get(FILE) ?? [])], [1, 2, 3]);
  });

  for (const memory of ['synced', 'names'] as const satisfies readonly Memory[]) {
    test(`an object is whole or absent after a power failure at any moment, and there once answered (${memory})`, async () => {
      const { disk, store } = await opened();
      const bytes = Uint8Array.of(7, 8, 9, 10, 11);
      disk.stepBytesMax = 2;
      let answered = 0;
      let moments = 0;
      const look = (): void => {
        const found = disk.afterPowerFailure(memory);
        for (let i = 0; i < 3; i++) {
          const object = found.get(`/srv/bucket/${nameOf(i)}`);
          ok(object !== undefined || i >= answered, `${nameOf(i)} was answered and is gone, ${disk.calls.at(-1)}`);
          if (object !== undefined) deepEqual([...object], [...bytes], `${nameOf(i)} is torn, ${disk.calls.at(-1)}`);
        }
        moments++;
      };
      disk.before = look;

      for (let i = 0; i < 3; i++) {
        await store.put(nameOf(i), [bytes], never);
        answered++;
        look();
      }

      ok(moments > 20, `looked only ${moments} times`);
    });
  }

  test('two puts into a new folder are both durable when they are answered', async () => {
    const { disk, store } = await opened();
    // The first put makes the shared folders, and its sync of them takes until the second is done.
    let release: (() => void) | undefined;
    disk.before = (call) => {
      if (call !== 'syncFolder /srv/bucket' || release !== undefined) return;
      return new Promise((resolve) => {
        release = resolve;
      });
    };

    const first = store.put(nameOf(0), [Uint8Array.of(1)], never);
    await settle();
    await store.put(nameOf(1), [Uint8Array.of(1)], never);

    ok(disk.afterPowerFailure('synced').has(`/srv/bucket/${nameOf(1)}`));
    release?.();
    await first;
  });

  test('syncs a shared folder once, and again after a failure, when it may be gone', async () => {
    const { disk, store } = await opened();
    const syncs = (): number => disk.calls.filter((call) => call === 'syncFolder /srv/bucket').length;
    await store.put(nameOf(0), [], never);
    const before = syncs();

    await store.put(nameOf(1), [], never);
    equal(syncs(), before);

    disk.before = (call) => {
      if (call.startsWith('rename')) throw failure('ENOENT');
    };
    await rejects(store.put(nameOf(2), [], never));
    disk.before = () => {};
    await store.put(nameOf(3), [], never);
    equal(syncs(), before + 1);
  });

  test('writes everything when the disk takes only a little at a time', async () => {
    const { disk, store } = await opened();
    disk.stepBytesMax = 3;
    const parts = [Uint8Array.of(1, 2), new Uint8Array(0), Uint8Array.of(3, 4, 5, 6), Uint8Array.of(7)];

    await store.put(OBJECT, parts, never);

    deepEqual([...(disk.files().get(FILE) ?? [])], [1, 2, 3, 4, 5, 6, 7]);
  });

  test('an object without bytes is an object', async () => {
    const { disk, store } = await opened();
    await store.put(OBJECT, [], never);
    equal(disk.files().get(FILE)?.length, 0);
  });

  test('overwriting with the same bytes is harmless', async () => {
    const { disk, store } = await opened();
    await store.put(OBJECT, [Uint8Array.of(1)], never);
    await store.put(OBJECT, [Uint8Array.of(1)], never);
    deepEqual([...disk.files().keys()], [FILE]);
  });

  for (const [call, errno] of [
    ['open wx', 'EACCES'],
    ['write', 'ENOSPC'],
    ['sync ', 'EIO'],
    ['close', 'EIO'],
    ['makeFolder', 'ENOSPC'],
    ['rename', 'ENOENT'],
    ['syncFolder /srv/bucket/segments/0/anonymous/01ARZ', 'EIO'],
  ] as const) {
    test(`is unavailable when ${call.trim()} fails with ${errno}, leaves nothing half written, and works again after`, async () => {
      const { disk, store } = await opened();
      disk.before = (called) => {
        if (called.startsWith(call)) throw failure(errno);
      };

      await rejects(store.put(OBJECT, [Uint8Array.of(1)], never), {
        code: 'unavailable',
        details: { operation: 'put', path: OBJECT, errno },
      });

      deepEqual(
        [...disk.files().keys()].filter((path) => path.endsWith('.tmp')),
        [],
      );
      equal(disk.openCount, 0);
      disk.before = () => {};
      await store.put(OBJECT, [Uint8Array.of(1)], never);
      ok(disk.afterPowerFailure('synced').has(FILE));
    });
  }

  test('a caller may leave while the disk stalls; the object never gets its name', async () => {
    const { disk, store } = await opened();
    let wake = (): void => {};
    disk.before = (call) => {
      if (!call.startsWith('sync /')) return;
      return new Promise((resolve) => {
        wake = resolve;
      });
    };
    const caller = new AbortController();
    const put = store.put(OBJECT, [Uint8Array.of(1)], caller.signal);
    await settle();

    caller.abort();
    await rejects(put, { code: 'aborted' });
    wake();
    await settle();

    deepEqual([...disk.files().keys()], []);
  });

  test('a disk that does not answer in time is unavailable', async () => {
    const { disk, store } = await opened();
    disk.before = () => new Promise(() => {});
    const deadline = new AbortController();
    const put = store.put(OBJECT, [Uint8Array.of(1)], deadline.signal);

    deadline.abort(new DOMException('', 'TimeoutError'));

    await rejects(put, { code: 'unavailable', message: 'the object store did not answer in time' });
  });

  test('a stalled disk refuses puts in the end instead of keeping them all', async () => {
    const { disk, store } = await opened();
    disk.before = () => new Promise(() => {});
    const kept = 4 + 64;
    for (let i = 0; i < kept; i++) void store.put(nameOf(i), [Uint8Array.of(1)], never);

    await rejects(store.put(nameOf(kept), [Uint8Array.of(1)], never), {
      code: 'unavailable',
      message: /puts in flight/,
    });
  });

  for (const path of [
    '',
    '/',
    'a//b',
    '../a',
    'a/../../b',
    'a/./b',
    '/etc/passwd',
    'a\0b',
    'a\\b',
    'a/',
    '.uploads/a',
  ]) {
    test(`refuses the path ${JSON.stringify(path)}`, async () => {
      const { disk, store } = await opened();
      disk.calls.length = 0;

      await rejects(store.put(path, [], never), { code: 'invalid-argument' });
      await rejects(store.readRanges(path, [{ offset: 0, sizeBytes: 1 }], never), { code: 'invalid-argument' });

      deepEqual(disk.calls, []);
    });
  }
});

describe('readRanges', () => {
  test('gives a buffer per range, in order, near ones in one read', async () => {
    const { disk, store } = await withObject(200_000);
    disk.calls.length = 0;

    const ranges = [range(100, 3), range(0, 2), range(150_000, 2), range(7, 0), range(101, 1)];
    const buffers = await store.readRanges(OBJECT, ranges, never);

    deepEqual(
      buffers.map((buffer) => [...buffer]),
      ranges.map(({ offset, sizeBytes }) => [...pattern(200_000).subarray(offset, offset + sizeBytes)]),
    );
    deepEqual(disk.calls.filter((call) => call.startsWith('read')).sort(), [
      `read ${FILE} 0`,
      `read ${FILE} 101`,
      `read ${FILE} 150000`,
    ]);
  });

  test('no two buffers share memory, so each can be sent to another thread', async () => {
    const { store } = await withObject(100);
    const buffers = await store.readRanges(OBJECT, [range(0, 10), range(10, 10)], never);

    const [a, b] = buffers.map((buffer) => buffer.buffer);
    notEqual(a, b);
    equal(a?.byteLength, 10);
  });

  test('reads on when the disk gives only a little at a time', async () => {
    const { disk, store } = await withObject(100);
    disk.stepBytesMax = 3;

    const [a, b] = await store.readRanges(OBJECT, [range(0, 10), range(14, 8)], never);

    deepEqual([...(a ?? [])], [...pattern(100).subarray(0, 10)]);
    deepEqual([...(b ?? [])], [...pattern(100).subarray(14, 22)]);
  });

  test('an object that is not there is not found, and is looked for again', async () => {
    const { store } = await opened();
    await rejects(store.readRanges(OBJECT, [range(0, 1)], never), {
      code: 'not-found',
      details: { operation: 'read', path: OBJECT, errno: 'ENOENT' },
    });

    await store.put(OBJECT, [Uint8Array.of(5)], never);
    deepEqual([...((await store.readRanges(OBJECT, [range(0, 1)], never))[0] ?? [])], [5]);
  });

  for (const [offset, sizeBytes] of [
    [0, 101],
    [100, 1],
    [0, 2 ** 50],
    [2 ** 53, 1],
    [-1, 2],
    [0.5, 1],
    [0, Number.NaN],
  ] as const) {
    test(`a range of ${sizeBytes} bytes at ${offset} of 100 is corrupted, before memory is taken for it`, async () => {
      const { disk, store } = await withObject(100);
      disk.calls.length = 0;
      await rejects(store.readRanges(OBJECT, [{ offset, sizeBytes }], never), { code: 'corrupted' });
      ok(!disk.calls.some((call) => call.startsWith('read')));
    });
  }

  test('a disk that fails is unavailable', async () => {
    const { disk, store } = await withObject(10);
    disk.before = (call) => {
      if (call.startsWith('read')) throw failure('EIO');
    };
    await rejects(store.readRanges(OBJECT, [range(0, 1)], never), { code: 'unavailable', message: /disk .* fails/ });
  });

  test('never more reads at once than allowed', async () => {
    const { disk, store } = await withObject(1_000_000, { readsInFlightMax: 3 });
    let now = 0;
    let most = 0;
    disk.before = async (call) => {
      if (!call.startsWith('read')) return;
      most = Math.max(most, ++now);
      await settle();
      now--;
    };

    await store.readRanges(
      OBJECT,
      Array.from({ length: 9 }, (_, i) => range(i * 100_000, 10)),
      never,
    );

    equal(most, 3);
  });

  test('a caller that leaves or runs out of time does not wait for the disk', async () => {
    const { disk, store } = await withObject(10);
    disk.before = () => new Promise(() => {});
    for (const [reason, code] of [
      [undefined, 'aborted'],
      [new DOMException('', 'TimeoutError'), 'deadline-exceeded'],
    ] as const) {
      const caller = new AbortController();
      const reading = store.readRanges(OBJECT, [range(0, 1)], caller.signal);
      await settle();
      caller.abort(reason);
      await rejects(reading, { code });
      await rejects(store.readRanges(OBJECT, [range(0, 1)], caller.signal), { code });
    }
  });

  test('keeps the objects open that were read last, and not more', async () => {
    const { disk, store } = await opened({ openFilesMax: 2 });
    for (let i = 0; i < 3; i++) await store.put(nameOf(i), [Uint8Array.of(i)], never);
    const read = async (i: number): Promise<void> => void (await store.readRanges(nameOf(i), [range(0, 1)], never));
    disk.calls.length = 0;

    for (const i of [0, 1, 0, 2, 0, 1]) await read(i);
    await settle();

    const opens = disk.calls.filter((call) => call.startsWith('open')).map((call) => call.at(-11));
    deepEqual(opens, ['0', '1', '2', '1']);
    equal(disk.openCount, 2);
    store.close();
    await settle();
    equal(disk.openCount, 0);
  });

  test('an object that is in use when the store closes is closed after its last use', async () => {
    const { disk, store } = await withObject(10);
    let wake = (): void => {};
    disk.before = (call) => {
      if (!call.startsWith('read')) return;
      return new Promise((resolve) => {
        wake = resolve;
      });
    };
    const reading = store.readRanges(OBJECT, [range(0, 1)], never);
    await settle();

    store.close();
    await settle();
    equal(disk.openCount, 1);
    wake();
    await reading;
    await settle();
    equal(disk.openCount, 0);
  });
});

describe('open', () => {
  test('makes the bucket and the folders above it durable', async () => {
    const { disk } = await opened();
    for (const folder of ['/', '/srv', '/srv/bucket']) ok(disk.calls.includes(`syncFolder ${folder}`), folder);
  });

  test('removes what an earlier process left half written', async () => {
    const { disk } = await opened();
    const file = await disk.open('/srv/bucket/.uploads/1-1.tmp', 'wx');
    await file.close();

    await FilesystemStore.open(configOf({}), { files: disk, registry: new Registry() });

    deepEqual([...disk.files().keys()], []);
  });

  test('says what is wrong with the folder', async () => {
    const disk = new FakeDisk();
    disk.before = () => {
      throw failure('EACCES');
    };
    await rejects(FilesystemStore.open(configOf({}), { files: disk, registry: new Registry() }), {
      code: 'unavailable',
      message: /permission denied/,
      details: { dir: '/srv/bucket', errno: 'EACCES' },
    });
  });
});

test('counts what it does', async () => {
  const { store, registry } = await withObject(100);
  await store.readRanges(OBJECT, [range(0, 10), range(20, 10)], never);
  await rejects(store.readRanges('a', [range(0, 1)], never));

  const text = await registry.metrics();

  match(text, /^kiln_object_store_operation_seconds_count\{operation="put",outcome="ok"\} 1$/m);
  match(text, /^kiln_object_store_operation_seconds_count\{operation="read",outcome="not-found"\} 1$/m);
  match(text, /^kiln_object_store_bytes_total\{operation="read"\} 20$/m);
  match(text, /^kiln_object_store_coalesced_reads_total 1$/m);
  match(text, /^kiln_object_store_gap_bytes_total 10$/m);
  match(text, /^kiln_object_store_open_files 1$/m);
  match(text, /^kiln_object_store_operations_waiting\{operation="put"\} 0$/m);
});

type Bounds = { readonly readsInFlightMax?: number; readonly openFilesMax?: number };

function configOf({ readsInFlightMax = 16, openFilesMax = 8 }: Bounds) {
  return { dir: '/srv/bucket', readsInFlightMax, openFilesMax };
}

async function opened(bounds: Bounds = {}) {
  const disk = new FakeDisk();
  const registry = new Registry();
  const store = await FilesystemStore.open(configOf(bounds), { files: disk, registry });
  return { disk, store, registry };
}

async function withObject(sizeBytes: number, bounds: Bounds = {}) {
  const all = await opened(bounds);
  await all.store.put(OBJECT, [pattern(sizeBytes)], never);
  return all;
}

function pattern(sizeBytes: number): Uint8Array {
  return Uint8Array.from({ length: sizeBytes }, (_, i) => (i * 31) & 0xff);
}

function range(offset: number, sizeBytes: number) {
  return { offset, sizeBytes };
}

function nameOf(i: number): string {
  return `segments/0/anonymous/${i}/block.bin`;
}

function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

import { deepEqual, rejects } from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Registry } from 'prom-client';
import { FilesystemStore } from '#src/storage/filesystem-store.ts';

const OBJECT = 'segments/0/anonymous/01ARZ/block.bin';
const never = new AbortController().signal;

describe('FilesystemStore on a real file system', () => {
  let dir = '';
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'kiln-filesystem-'));
  });
  after(() => rm(dir, { recursive: true, force: true }));

  test('reads back what it stored, in more parts than a system call takes', async () => {
    const store = await open(join(dir, 'a/b/bucket'));
    const parts = Array.from({ length: 3_000 }, (_, i) => Uint8Array.of(i & 0xff, i >> 8));

    await store.put(OBJECT, parts, never);
    const ranges = parts.map((_, i) => ({ offset: i * 2, sizeBytes: 2 }));
    const buffers = await store.readRanges(OBJECT, ranges, never);

    deepEqual(buffers, parts);
    deepEqual(await readdir(join(dir, 'a/b/bucket/.uploads')), []);
    store.close();
  });

  test('stores an object again, and many at once', async () => {
    const store = await open(join(dir, 'many'));
    const names = Array.from({ length: 40 }, (_, i) => `segments/${i % 3}/anonymous/${i}/block.bin`);

    for (let round = 0; round < 2; round++) {
      await Promise.all(names.map((name, i) => store.put(name, [Uint8Array.of(i)], never)));
    }
    const found = await Promise.all(names.map((name) => store.readRanges(name, [{ offset: 0, sizeBytes: 1 }], never)));

    deepEqual(
      found.map(([bytes]) => bytes?.[0]),
      names.map((_, i) => i),
    );
    store.close();
  });

  test('tells a missing object from one that is too short', async () => {
    const store = await open(join(dir, 'short'));
    await store.put(OBJECT, [Uint8Array.of(1, 2, 3)], never);

    await rejects(store.readRanges('segments/1/x', [{ offset: 0, sizeBytes: 1 }], never), { code: 'not-found' });
    await rejects(store.readRanges(OBJECT, [{ offset: 2, sizeBytes: 2 }], never), { code: 'corrupted' });
    await rejects(store.put(`segments/${'x'.repeat(300)}/y`, [], never), { code: 'invalid-argument' });
    store.close();
  });

  test('says so when the bucket is a file', async () => {
    const file = join(dir, 'file');
    await writeFile(file, '');
    await rejects(open(file), { code: 'unavailable', message: /is not there, or is none/ });
  });
});

function open(dir: string): Promise<FilesystemStore> {
  return FilesystemStore.open({ dir, readsInFlightMax: 4, openFilesMax: 4 }, { registry: new Registry() });
}

import { ok, rejects } from 'node:assert/strict';
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { makeKeptFolder } from '#src/storage/kept-folder.ts';
import { temporaryDirectory } from '../fixtures/kiln-command.ts';

describe('makeKeptFolder', () => {
  test('makes a folder and those above it, and takes one that is there', async (t) => {
    const path = join(await temporaryDirectory(t), 'a/b/c');
    await makeKeptFolder(path, 'data-dir');
    await makeKeptFolder(path, 'data-dir');
    ok((await stat(path)).isDirectory());
  });

  test('names flag, folder and reason when it cannot', async (t) => {
    const file = join(await temporaryDirectory(t), 'file');
    await writeFile(file, '');
    for (const [path, reason] of [
      [file, 'it is no folder (ENOTDIR)'],
      [join(file, 'bucket'), 'a part of its path is no folder (ENOTDIR)'],
      ['/proc/kiln/bucket', 'the file system takes no folders there (ENOENT)'],
    ] as const) {
      await rejects(makeKeptFolder(path, 'data-dir'), {
        code: 'unavailable',
        message: `--data-dir: ${path} cannot be used: ${reason}`,
      });
    }
  });

  test('gives other reasons in the words of the system', async (t) => {
    const path = join(await temporaryDirectory(t), 'x'.repeat(300));
    await rejects(makeKeptFolder(path, 'metastore.data-dir'), {
      code: 'unavailable',
      message: /^--metastore\.data-dir: .* cannot be used: .*name too long/,
    });
  });
});

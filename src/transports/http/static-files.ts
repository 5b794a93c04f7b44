import { readdir, readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { gzipSync } from 'node:zlib';
import { restAnswer } from './answers.ts';
import type { Answer } from './exchange.ts';

type StaticFile = { readonly type: string; readonly plain: Uint8Array; readonly gzip: Uint8Array };

/** By path of the URL. */
export type StaticFiles = ReadonlyMap<string, StaticFile>;

/** What browsers get. Sources and notes beside it are not for them. */
const TYPES: ReadonlyMap<string, string> = new Map([
  ['.html', 'text/html; charset=utf-8'],
  ['.css', 'text/css; charset=utf-8'],
  ['.js', 'text/javascript; charset=utf-8'],
  ['.svg', 'image/svg+xml'],
  ['.png', 'image/png'],
  ['.ico', 'image/x-icon'],
  ['.woff2', 'font/woff2'],
]);

/**
 * Reads the page and its files, once. Later requests can only name what is here, so no path leads anywhere else.
 *
 *     index.html     /
 *     a/b.js         /assets/a/b.js
 */
export async function readStaticFiles(directory: URL): Promise<StaticFiles> {
  const files = new Map<string, StaticFile>();
  for (const name of (await readdir(directory, { recursive: true })).sort()) {
    const type = TYPES.get(extname(name));
    if (type === undefined) continue;
    const plain = await readFile(new URL(encodeURI(name), directory));
    files.set(name === 'index.html' ? '/' : `/assets/${name}`, { type, plain, gzip: gzipSync(plain) });
  }
  return files;
}

export async function staticAnswer(file: StaticFile, gzip: boolean): Promise<Answer> {
  const answer = await restAnswer(file.type, { body: [gzip ? file.gzip : file.plain], missingObjects: 0 }, gzip);
  const headers = [...answer.headers, ['X-Content-Type-Options', 'nosniff'], ['Cache-Control', 'no-cache']] as const;
  return { ...answer, headers };
}

import type { TemplatedApp, us_listen_socket } from 'uWebSockets.js';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { StoreError } from '#src/domain/errors.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import type { Log } from '#src/platform/log.ts';
import { uwsDigests } from './uws-digests.ts';

export type Uws = typeof import('uWebSockets.js');

/** All headers of a request. The built-in 4 KiB are too few for long queries and forwarded cookies. */
const HEADER_BYTES_MAX: Bytes = 64 << 10;

/**
 * Loads the server library, after a check that its native binary is the one that was reviewed.
 *
 * @throws StoreError 'corrupted' when it is another one
 */
export async function loadUws(log: Log): Promise<Uws> {
  await checkBinary(log);
  // The library reads this once, when it is loaded, and it has no other way to be told.
  process.env['UWS_HTTP_MAX_HEADERS_SIZE'] = String(HEADER_BYTES_MAX);
  return import('uWebSockets.js');
}

/** `LIBUS_LISTEN_EXCLUSIVE_PORT`. The library's types have it as an enum, which is not there when the program runs. */
const EXCLUSIVE_PORT = 1;

/** The library's types know options only where no host is named. The library takes them before the callback in any case. */
type Listen = (...args: [...([] | [host: string]), port: number, options: number, cb: ListenCallback]) => void;
type ListenCallback = (socket: us_listen_socket | false) => void;

/**
 * Listens on a port that no other process has. Without the option the library shares its port with whoever asks for
 * it the same way, and two servers get every other connection each.
 *
 * @param host the empty string: every interface
 * @returns    false when it cannot; the library does not say why
 */
export function listenAlone(app: TemplatedApp, host: string, port: number): Promise<us_listen_socket | false> {
  const listen = app.listen.bind(app) as Listen;
  return new Promise((resolve) => {
    if (host === '') listen(port, EXCLUSIVE_PORT, resolve);
    else listen(host, port, EXCLUSIVE_PORT, resolve);
  });
}

async function checkBinary(log: Log): Promise<void> {
  const target = `${process.platform}_${process.arch}_${process.versions.modules}`;
  const expected = uwsDigests.get(target);
  if (expected === undefined) {
    log.warn('the HTTP library for this platform has no known digest', { target });
    return;
  }
  const binary = new URL(`./bin/uws_${target}.node`, import.meta.resolve('uWebSockets.js'));
  const actual = createHash('sha256')
    .update(await readFile(binary))
    .digest('hex');
  checkDigest(target, expected, actual);
}

/** @throws StoreError 'corrupted' */
export function checkDigest(target: string, expected: string, actual: string): void {
  if (actual === expected) return;
  throw new StoreError('corrupted', 'the HTTP library is not the one that this version was made with', {
    target,
    expected,
    actual,
  });
}

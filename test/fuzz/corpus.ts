import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

const DATA = new URL('../data/', import.meta.url);

/** A recorded file of `test/data`, inflated, read when it is first asked for. They are large: their turn comes seldom. */
export function recorded(name: string): Uint8Array {
  let bytes = files.get(name);
  if (bytes === undefined) {
    bytes = gunzipSync(readFileSync(new URL(name, DATA)));
    // Some agents compress what is compressed.
    if (bytes[0] === 0x1f && bytes[1] === 0x8b) bytes = gunzipSync(bytes);
    files.set(name, bytes);
  }
  return bytes;
}

const files = new Map<string, Uint8Array>();

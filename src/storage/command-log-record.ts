// How the command log lies in raft.mdb. Numbers are big-endian, so that keys sort by index.
//
//   key                 value
//   00                  meta: u32 crc | u16 format | 16 bytes incarnation | u64 created, Unix ms
//   02                  base: u32 crc | u64 term | u64 index | u64 ts
//   10 | u64 index      entry: u32 length | u32 crc | u8 kind | u64 term | u64 index | u64 ts | data
//                                               '------------------ length bytes ------------------'
//
// Every crc covers what stands after it. LMDB has no checksums of its own. An entry names its index, so that one that
// turns up under another key is noticed. Keys 01, 03 and 04 are for what several voters need.

import { crc32 } from 'node:zlib';
import { StoreError } from '#src/domain/errors.ts';
import type { Bytes, UnixMs } from '#src/domain/model/units.ts';
import type { LogIndex } from '#src/services/metastore/ports.ts';
import { REMEDY } from './lmdb-environment.ts';

export const FORMAT = 1;
export const META_KEY = Uint8Array.of(0x00);
export const BASE_KEY = Uint8Array.of(0x02);
/** Every entry's key is at or above it, and every other one below. */
export const FIRST_ENTRY_KEY = Uint8Array.of(0x10);

/** What an entry costs besides its data. */
export const ENTRY_OVERHEAD_BYTES: Bytes = 33;
export const INCARNATION_BYTES: Bytes = 16;

export type Meta = { readonly incarnation: Uint8Array; readonly createdMs: UnixMs };

/** The last entry that was forgotten. */
export type Base = { readonly term: number; readonly logIndex: LogIndex; readonly tsMs: UnixMs };

export type Entry = {
  readonly kind: number;
  readonly term: number;
  readonly logIndex: LogIndex;
  /** By the clock of who appended it, never falling along the log. */
  readonly tsMs: UnixMs;
  readonly data: Uint8Array;
};

/** The only kind there is with one voter. Others are for Raft's own entries. */
export const COMMAND_KIND = 1;

export function entryKey(logIndex: LogIndex): Uint8Array {
  const key = Buffer.alloc(9);
  key[0] = 0x10;
  key.writeBigUInt64BE(BigInt(logIndex), 1);
  return key;
}

export function encodeEntry(entry: Entry): Uint8Array {
  const bytes = Buffer.allocUnsafe(ENTRY_OVERHEAD_BYTES + entry.data.length);
  bytes.writeUInt32BE(bytes.length - 8, 0);
  bytes.writeUInt8(entry.kind, 8);
  bytes.writeBigUInt64BE(BigInt(entry.term), 9);
  bytes.writeBigUInt64BE(BigInt(entry.logIndex), 17);
  bytes.writeBigUInt64BE(BigInt(entry.tsMs), 25);
  bytes.set(entry.data, ENTRY_OVERHEAD_BYTES);
  bytes.writeUInt32BE(crc32(bytes.subarray(8)), 4);
  return bytes;
}

/** @throws StoreError 'corrupted' when the bytes are not an entry for this key, or not those that were written */
export function decodeEntry(key: Uint8Array, value: Uint8Array): Entry {
  if (key.length !== 9) throw corrupted(`an entry has a key of ${key.length} bytes, not 9`);
  const logIndex = Number(Buffer.from(key).readBigUInt64BE(1));
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length);
  if (bytes.length < ENTRY_OVERHEAD_BYTES) throw corrupted(`entry ${logIndex} has only ${bytes.length} bytes`);
  const length = bytes.readUInt32BE(0);
  if (length !== bytes.length - 8) throw corrupted(`entry ${logIndex} says ${length} bytes, has ${bytes.length - 8}`);
  if (bytes.readUInt32BE(4) !== crc32(bytes.subarray(8))) throw corrupted(`entry ${logIndex} fails its checksum`);
  const inside = Number(bytes.readBigUInt64BE(17));
  if (inside !== logIndex) throw corrupted(`entry ${inside} is stored as ${logIndex}`);
  return {
    kind: bytes.readUInt8(8),
    term: Number(bytes.readBigUInt64BE(9)),
    logIndex,
    tsMs: Number(bytes.readBigUInt64BE(25)),
    data: bytes.subarray(ENTRY_OVERHEAD_BYTES),
  };
}

export function encodeMeta(meta: Meta): Uint8Array {
  const body = Buffer.alloc(2 + INCARNATION_BYTES + 8);
  body.writeUInt16BE(FORMAT, 0);
  body.set(meta.incarnation, 2);
  body.writeBigUInt64BE(BigInt(meta.createdMs), 2 + INCARNATION_BYTES);
  return sealed(body);
}

/** @throws StoreError 'corrupted', or 'unimplemented' when a later version of this program wrote it */
export function decodeMeta(file: string, value: Uint8Array): Meta {
  const body = unsealed(file, 'meta', value);
  const format = body.length >= 2 ? body.readUInt16BE(0) : 0;
  if (format > FORMAT) {
    throw new StoreError('unimplemented', `${file}: format ${format} is newer than ${FORMAT}: start a later version`, {
      format,
    });
  }
  if (body.length !== 2 + INCARNATION_BYTES + 8) throw corrupted(`meta has ${body.length} bytes`, file);
  return {
    incarnation: body.subarray(2, 2 + INCARNATION_BYTES),
    createdMs: Number(body.readBigUInt64BE(2 + INCARNATION_BYTES)),
  };
}

export function encodeBase(base: Base): Uint8Array {
  const body = Buffer.alloc(24);
  body.writeBigUInt64BE(BigInt(base.term), 0);
  body.writeBigUInt64BE(BigInt(base.logIndex), 8);
  body.writeBigUInt64BE(BigInt(base.tsMs), 16);
  return sealed(body);
}

/** @throws StoreError 'corrupted' */
export function decodeBase(value: Uint8Array): Base {
  const body = unsealed('raft.mdb', 'base', value);
  if (body.length !== 24) throw corrupted(`base has ${body.length} bytes, not 24`);
  return {
    term: Number(body.readBigUInt64BE(0)),
    logIndex: Number(body.readBigUInt64BE(8)),
    tsMs: Number(body.readBigUInt64BE(16)),
  };
}

/** u32 crc | body */
export function sealed(body: Uint8Array): Uint8Array {
  const bytes = Buffer.allocUnsafe(4 + body.length);
  bytes.writeUInt32BE(crc32(body), 0);
  bytes.set(body, 4);
  return bytes;
}

/** @throws StoreError 'corrupted' naming the file and what is in the record */
export function unsealed(file: string, what: string, value: Uint8Array): Buffer {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length);
  if (bytes.length < 4) throw corrupted(`${what} has only ${bytes.length} bytes`, file);
  const body = bytes.subarray(4);
  if (bytes.readUInt32BE(0) !== crc32(body)) throw corrupted(`${what} fails its checksum`, file);
  return body;
}

export function corrupted(problem: string, file = 'raft.mdb'): StoreError {
  return new StoreError('corrupted', `${file}: ${problem}. ${REMEDY}`);
}

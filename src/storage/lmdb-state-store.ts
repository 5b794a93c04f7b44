// The state of the metastore in state.mdb.
//
//   key            value
//   00             meta: as in raft.mdb, with the incarnation of the log that the state was made from
//   01             applied: u32 crc | u64 index
//   10 | row key   u32 crc | row value          the crc covers the row's key, then its value

import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { StoreError } from '#src/domain/errors.ts';
import { assert } from '#src/platform/assert.ts';
import type { LogIndex, StateChange, StateStore } from '#src/services/metastore/ports.ts';
import { corrupted, decodeMeta, encodeMeta, META_KEY, type Meta, sealed, unsealed } from './command-log-record.ts';
import { commit, type Environment, openEnvironment, REMEDY, reading, type Write } from './lmdb-environment.ts';

const FILE = 'state.mdb';
const APPLIED_KEY = Uint8Array.of(0x01);
const ROW_PREFIX = 0x10;

/** The state machine's rows in an LMDB file, each with its checksum, and with them the index they are true for. */
export class LmdbStateStore implements StateStore {
  readonly #path: string;
  readonly #env: Environment;
  #applied: LogIndex;
  #writing: Promise<void> | undefined;
  #failure: StoreError | undefined;

  /**
   * Opens the state of a directory, or creates it for the log that `meta` belongs to.
   *
   * @order  the caller holds the lock of the directory
   * @throws StoreError 'corrupted' when it is damaged or belongs to another log, 'unimplemented' when a later version
   *         wrote it, 'unavailable' when the file cannot be opened or written
   */
  static async open(directory: string, meta: Meta): Promise<LmdbStateStore> {
    const path = join(directory, FILE);
    const env = openEnvironment(path);
    try {
      const applied = reading(path, () => readApplied(env, meta)) ?? (await create(env, meta));
      return new LmdbStateStore(path, env, applied);
    } catch (error) {
      await env.close();
      throw error;
    }
  }

  private constructor(path: string, env: Environment, applied: LogIndex) {
    this.#path = path;
    this.#env = env;
    this.#applied = applied;
  }

  get applied(): LogIndex {
    return this.#applied;
  }

  *rows(): Generator<{ readonly key: Uint8Array; readonly value: Uint8Array }> {
    const range = this.#env.getRange({ start: Uint8Array.of(ROW_PREFIX), end: Uint8Array.of(ROW_PREFIX + 1) });
    const rows = reading(this.#path, () => range[Symbol.iterator]());
    for (;;) {
      const { done, value: row } = reading(this.#path, () => rows.next());
      if (done) return;
      yield openedRow(row.key.subarray(1), row.value);
    }
  }

  async write(applied: LogIndex, changes: readonly StateChange[]): Promise<void> {
    assert(this.#writing === undefined, 'state store: one write at a time');
    assert(applied >= this.#applied, `state store: applied would fall from ${this.#applied} to ${applied}`);
    if (this.#failure) throw this.#failure;

    const writes: Write[] = changes.map(({ key, value }) => ({
      key: Buffer.concat([Uint8Array.of(ROW_PREFIX), key]),
      value: value && sealedRow(key, value),
    }));
    writes.push({ key: APPLIED_KEY, value: encodeApplied(applied) });
    try {
      this.#writing = commit(this.#env, writes);
      await this.#writing;
      this.#applied = applied;
    } catch (error) {
      this.#failure = error as StoreError;
      throw error;
    } finally {
      this.#writing = undefined;
    }
  }

  async close(): Promise<void> {
    await this.#writing?.catch(() => {}); // Its caller has the failure.
    await this.#env.close();
  }
}

/** undefined for a file in which nothing was written yet. */
function readApplied(env: Environment, meta: Meta): LogIndex | undefined {
  const own = env.get(META_KEY);
  if (own === undefined) {
    if (env.getKeysCount({ limit: 1 }) > 0) throw corrupted('meta is missing', FILE);
    return undefined;
  }
  if (Buffer.compare(decodeMeta(FILE, own).incarnation, meta.incarnation) !== 0) {
    throw new StoreError('corrupted', `${FILE} was made from another log than the raft.mdb beside it. ${REMEDY}`);
  }
  const applied = env.get(APPLIED_KEY);
  if (applied === undefined) throw corrupted('applied is missing', FILE);
  const body = unsealed(FILE, 'applied', applied);
  if (body.length !== 8) throw corrupted(`applied has ${body.length} bytes, not 8`, FILE);
  return Number(body.readBigUInt64BE(0));
}

async function create(env: Environment, meta: Meta): Promise<LogIndex> {
  await commit(env, [
    { key: META_KEY, value: encodeMeta(meta) },
    { key: APPLIED_KEY, value: encodeApplied(0) },
  ]);
  return 0;
}

function encodeApplied(applied: LogIndex): Uint8Array {
  const body = Buffer.alloc(8);
  body.writeBigUInt64BE(BigInt(applied));
  return sealed(body);
}

function sealedRow(key: Uint8Array, value: Uint8Array): Uint8Array {
  const bytes = Buffer.allocUnsafe(4 + value.length);
  bytes.writeUInt32BE(crc32(value, crc32(key)), 0);
  bytes.set(value, 4);
  return bytes;
}

function openedRow(key: Uint8Array, stored: Uint8Array): { key: Uint8Array; value: Uint8Array } {
  const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.length);
  const value = bytes.subarray(4);
  if (bytes.length < 4 || bytes.readUInt32BE(0) !== crc32(value, crc32(key))) {
    throw corrupted(`row ${Buffer.from(key).toString('hex')} fails its checksum`, FILE);
  }
  return { key, value };
}

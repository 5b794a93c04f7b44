import type { Bytes } from '#src/domain/model/units.ts';
import { malformedJfr } from './malformed-jfr.ts';

/** Where the parts of a chunk lie. Offsets are those of the recording. */
export type ChunkHeader = {
  readonly start: Bytes;
  /** The header ends here, and the events begin. */
  readonly eventsStart: Bytes;
  readonly end: Bytes;
  /** The last event with constants. */
  readonly constantsStart: Bytes;
  /** The event that describes all types. */
  readonly metadataStart: Bytes;
  /** What durations are counted in; at least 1. */
  readonly ticksPerSecond: number;
};

export const HEADER_BYTES = 68;

const MAGIC = 0x46_4c_52_00; // "FLR\0"
const MAJOR_VERSION = 2;
const COMPRESSED_INTEGERS = 1;

/** Whether bytes begin as a recording does. */
export function beginsAsRecording(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) === MAGIC;
}

/**
 * Reads the header of the chunk at `start`.
 *
 *     0        4       8        16          24          32      40         48            56                68
 *     | magic  | version | size | constants | metadata  | start | duration | start ticks | ticks/s | features |
 *     | "FLR"0 | 2 + 2   | u64  | u64       | u64       | i64   | i64      | i64         | u64     | u32      |
 *
 * All of it is big-endian, and offsets count from the start of the chunk.
 *
 * @throws StoreError 'invalid-argument' when there is none, or the parts do not lie in the recording
 */
export function readChunkHeader(recording: Uint8Array, start: Bytes): ChunkHeader {
  const present = recording.length - start;
  if (present < HEADER_BYTES) {
    throw malformedJfr(`a chunk begins with ${HEADER_BYTES} bytes, and there are ${present}`, start);
  }
  const view = new DataView(recording.buffer, recording.byteOffset + start, HEADER_BYTES);
  const offsetOf = (field: number, name: string, first: Bytes, last: Bytes): Bytes => {
    const value = view.getBigUint64(field);
    if (value >= BigInt(first) && value <= BigInt(last)) return start + Number(value);
    throw malformedJfr(`${name} is ${value}, which is not from ${first} to ${last}`, start + field);
  };

  const magic = view.getUint32(0);
  if (magic !== MAGIC) throw malformedJfr(`a chunk begins with ${hex(magic)}, not with ${hex(MAGIC)} ("FLR")`, start);
  const major = view.getUint16(4);
  if (major !== MAJOR_VERSION) throw malformedJfr(`version ${major}.${view.getUint16(6)}, known is 2.x`, start + 4);
  if ((view.getUint32(64) & COMPRESSED_INTEGERS) === 0) {
    throw malformedJfr('a chunk with integers that are not compressed', start + 64);
  }
  const end = offsetOf(8, 'the size of a chunk', HEADER_BYTES, present);
  const ticksPerSecond = view.getBigUint64(56);
  if (ticksPerSecond === 0n) throw malformedJfr('a chunk has 0 ticks per second', start + 56);
  return {
    start,
    eventsStart: start + HEADER_BYTES,
    end,
    constantsStart: offsetOf(16, 'the offset of the constants', HEADER_BYTES, end - start),
    metadataStart: offsetOf(24, 'the offset of the metadata', HEADER_BYTES, end - start),
    ticksPerSecond: Number(ticksPerSecond),
  };
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}

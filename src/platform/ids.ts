import type { UnixMs } from '#src/domain/model/units.ts';
import { assert } from './assert.ts';
import type { RandomSource } from './random.ts';

/** Crockford's base 32: no I, L, O, U. Its order is the order of the values. */
const BASE32 = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

const TIME_BYTES = 6;
const ID_BYTES = 16;

/**
 * A source of ULIDs: 26 letters, sorted by the time they are made with.
 *
 *     | time, ms | random   |
 *     | 48 bits  | 80 bits  |
 *     | 10 + 16 letters of 5 bits; the first two bits are 0
 *
 * Within a millisecond, and while the time stands behind the last id, the random part counts up: a later id is always
 * greater.
 *
 * @source https://github.com/ulid/spec
 */
export function ulidSource(random: RandomSource): (nowMs: UnixMs) => string {
  const id = new Uint8Array(ID_BYTES);
  let lastMs: UnixMs = Number.NEGATIVE_INFINITY;
  return (nowMs) => {
    if (nowMs <= lastMs) {
      increment(id);
    } else {
      writeTime(id, nowMs);
      random.fill(id.subarray(TIME_BYTES));
      lastMs = nowMs;
    }
    return base32(id);
  };
}

/**
 * A source of UUIDs of version 7, as bytes: time in milliseconds first, then 74 random bits, so that the ids of a
 * segment share their first bytes.
 *
 * @source RFC 9562, section 5.7
 */
export function uuidSource(random: RandomSource): (nowMs: UnixMs) => Uint8Array {
  return (nowMs) => {
    const id = new Uint8Array(ID_BYTES);
    random.fill(id.subarray(TIME_BYTES));
    writeTime(id, nowMs);
    id[6] = 0x70 | ((id[6] as number) & 0x0f);
    id[8] = 0x80 | ((id[8] as number) & 0x3f);
    return id;
  };
}

/** The time in a ULID, undefined when the text is none. */
export function ulidTimeMs(ulid: string): UnixMs | undefined {
  if (!/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(ulid)) return undefined;
  let ms = 0;
  for (let i = 0; i < 10; i++) ms = ms * 32 + BASE32.indexOf(ulid[i] as string);
  return ms;
}

/** 48 bits, big-endian. */
function writeTime(id: Uint8Array, ms: UnixMs): void {
  assert(ms >= 0 && ms < 2 ** 48, `an id has 48 bits for its time: ${ms} ms`);
  let rest = Math.floor(ms);
  for (let i = TIME_BYTES - 1; i >= 0; i--) {
    id[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
}

/** Adds one to the number that the bytes are, big-endian. The carry may reach the time: then the id is one ms ahead. */
function increment(id: Uint8Array): void {
  for (let i = ID_BYTES - 1; i >= 0; i--) {
    id[i] = (id[i] as number) + 1; // Wraps to 0 at 256.
    if (id[i] !== 0) return;
  }
}

function base32(id: Uint8Array): string {
  // 128 bits in letters of 5: the first letter has 3 of them.
  let text = '';
  let bits = 0;
  let bitCount = 2;
  for (const byte of id) {
    bits = (bits << 8) | byte;
    bitCount += 8;
    while (bitCount >= 5) {
      bitCount -= 5;
      text += BASE32[(bits >>> bitCount) & 31];
    }
    bits &= (1 << bitCount) - 1;
  }
  return text;
}

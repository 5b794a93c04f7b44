import { gzipSync } from 'node:zlib';
import type { Random } from '../fixtures/random.ts';

/** Small tables: most of what is compressed here has a kilobyte. */
const FAST = { level: 1, memLevel: 1, windowBits: 9 } as const;

const BOMB_SHARE = 0.0005;
/** Just above every limit of what something may inflate to: a profile, a message, a body. */
const BOMB_MEBIBYTES = [5, 5, 5, 65, 65, 257] as const;

/** Gzip of the bytes, and every other time with a fault. */
export function gzipped(random: Random, bytes: Uint8Array): Uint8Array {
  if (random.chance(BOMB_SHARE)) return bomb(random.pick(BOMB_MEBIBYTES));
  const whole = gzipSync(bytes, FAST);
  return random.chance(0.5) ? whole : random.pick(FAULTS)(random, whole, bytes);
}

/** Gzip of so many zeros. */
export function bomb(mebibytes: number): Uint8Array {
  const known = bombs.get(mebibytes) ?? gzipSync(new Uint8Array(mebibytes << 20), { level: 1 });
  bombs.set(mebibytes, known);
  return known;
}

const bombs = new Map<number, Uint8Array>();

type Fault = (random: Random, whole: Buffer, bytes: Uint8Array) => Uint8Array;

const EMPTY_MEMBER = gzipSync('', FAST);

const FAULTS: readonly Fault[] = [
  (_, whole) => gzipSync(whole, FAST),
  (random, whole) => whole.subarray(0, random.int(0, whole.length - 1)),
  (random, whole) => withByte(whole, random.int(0, whole.length - 1), random.int(0, 255)),
  // The trailer says how much it is.
  (random, whole) => withByte(whole, whole.length - random.int(1, 4), random.pick([0, 1, 0x7f, 0xff])),
  (random, _, bytes) => {
    const cut = random.int(0, bytes.length);
    return Buffer.concat([gzipSync(bytes.subarray(0, cut), FAST), gzipSync(bytes.subarray(cut), FAST)]);
  },
  (random, whole) => Buffer.concat([whole, Buffer.alloc(random.int(1, 600))]),
  (random, whole) => Buffer.concat([whole, random.bytes(random.int(1, 30))]),
  (random, whole) => Buffer.concat([...new Array<Buffer>(random.pick([1, 3, 4000])).fill(EMPTY_MEMBER), whole]),
  (_, whole, bytes) => Buffer.concat([whole.subarray(0, 10), bytes]),
];

function withByte(bytes: Buffer, at: number, value: number): Buffer {
  const changed = Buffer.from(bytes);
  changed[at] = value;
  return changed;
}

import type { Random } from '../fixtures/random.ts';
import { gzipped } from './gzip-faults.ts';

export type Framed = { readonly body: Uint8Array; readonly encoding: string | undefined };

/** A message in the frame of gRPC, every tenth time with a fault in the frame. */
export function framed(random: Random, message: Uint8Array): Framed {
  const compressed = random.chance(0.3);
  const bytes = compressed ? gzipped(random, message) : message;
  const encoding = compressed ? 'gzip' : undefined;
  if (random.chance(0.9)) return { body: frame(bytes, compressed ? 1 : 0), encoding };
  const whole = frame(bytes, compressed ? 1 : 0);
  const body = random.pick<() => Uint8Array>([
    () => frame(bytes, random.pick([0, 1, 2, 0x80, 0xff])),
    () => frame(bytes, 0, random.pick([0, bytes.length + 1, bytes.length * 2, 2 ** 31, 2 ** 32 - 1])),
    () => whole.subarray(0, random.int(0, whole.length)),
    () => Buffer.concat([whole, random.chance(0.5) ? whole : random.bytes(random.int(1, 9))]),
    () => bytes,
  ])();
  return { body, encoding: random.pick([undefined, 'gzip', 'identity', 'br']) };
}

function frame(bytes: Uint8Array, flags: number, length = bytes.length): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt8(flags, 0);
  header.writeUInt32BE(length, 1);
  return Buffer.concat([header, bytes]);
}

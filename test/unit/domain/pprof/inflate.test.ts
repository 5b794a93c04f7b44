import { deepEqual, equal, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { declaredSizeBytes, inflateProfile, isGzip, sizeOver } from '#src/domain/pprof/inflate.ts';
import { Random } from '../../../fixtures/random.ts';

const plain = new Random(1).bytes(1000);

describe('inflateProfile', () => {
  test('gives plain bytes back as they are', () => {
    equal(inflateProfile(plain, 1000), plain);
  });

  test('inflates gzip, also of several members', () => {
    const members = Buffer.concat([gzipSync(plain.subarray(0, 400)), gzipSync(plain.subarray(400))]);

    deepEqual(new Uint8Array(inflateProfile(gzipSync(plain), 1000)), plain);
    deepEqual(new Uint8Array(inflateProfile(members, 1000)), plain);
  });

  test('stops at the limit, compressed or not, and names it', () => {
    const tooLarge = { code: 'invalid-argument', message: /--validation.max-profile-size-bytes: limit 999 bytes/ };

    throws(() => inflateProfile(plain, 999), tooLarge);
    throws(() => inflateProfile(gzipSync(plain), 999), tooLarge);
    throws(() => inflateProfile(gzipSync(new Uint8Array(64 << 20)), 4 << 20), {
      details: { reason: 'profile_size_limit', limitBytes: 4 << 20 },
    });
  });

  test('stops a bomb that claims to be small', () => {
    const bomb = Buffer.concat([gzipSync(new Uint8Array(8 << 20)), gzipSync(Buffer.of(1))]);

    throws(() => inflateProfile(bomb, 4 << 20), { code: 'invalid-argument', message: /larger/ });
  });

  for (const [name, body, message] of [
    ['nothing', new Uint8Array(0), /0 bytes are too few/],
    ['nine bytes', new Uint8Array(9), /9 bytes are too few/],
    ['gzip that is cut off', gzipSync(plain).subarray(0, 500), /cut off/],
    ['gzip that is damaged', damaged(gzipSync(plain)), /corrupt/],
  ] as const) {
    test(`refuses ${name}`, () => {
      throws(() => inflateProfile(body, 4 << 20), { code: 'invalid-argument', message });
    });
  }
});

describe('sizeOver', () => {
  test('is exact for what is not compressed, and what gzip says of itself otherwise', () => {
    equal(sizeOver(999, plain), 1000);
    equal(sizeOver(999, gzipSync(new Uint8Array(20_000))), '20000 bytes (19.53 KiB), as its gzip trailer says');
  });

  test('is not known where what gzip says cannot be', () => {
    equal(sizeOver(999, Buffer.concat([gzipSync(plain), gzipSync(new Uint8Array(999))])), undefined);
    equal(sizeOver(1000, Buffer.concat([gzipSync(plain), gzipSync(Buffer.of(1))])), undefined);
    equal(sizeOver(999, gzipSync(plain).subarray(0, 12)), undefined);
    // A last member that is no larger than the limit, behind others.
    equal(sizeOver(5000, Buffer.concat([gzipSync(new Uint8Array(9000)), gzipSync(new Uint8Array(4000))])), undefined);
    // More than deflate can reach.
    const liar = gzipSync(plain);
    liar.writeUInt32LE(0xffff_ffff, liar.length - 4);
    equal(sizeOver(999, liar), undefined);
  });
});

describe('declaredSizeBytes', () => {
  test('is the size that gzip claims, or the length of what is not compressed', () => {
    equal(declaredSizeBytes(gzipSync(new Uint8Array(5_000_000))), 5_000_000);
    equal(declaredSizeBytes(plain), 1000);
    equal(declaredSizeBytes(new Uint8Array(0)), 0);
  });

  test('is never less than the body, whatever the trailer claims', () => {
    const members = Buffer.concat([gzipSync(plain), gzipSync(new Uint8Array(0))]);

    equal(declaredSizeBytes(members), members.length);
  });

  test('reads a trailer within a larger buffer', () => {
    const framed = Buffer.concat([Buffer.alloc(3), gzipSync(new Uint8Array(777)), Buffer.alloc(5)]);

    equal(declaredSizeBytes(framed.subarray(3, -5)), 777);
  });
});

test('isGzip looks at magic and method', () => {
  equal(isGzip(gzipSync(plain)), true);
  equal(isGzip(Buffer.from([0x1f, 0x8b, 7, ...plain])), false);
  equal(isGzip(Buffer.of(0x1f, 0x8b, 8)), false);
});

function damaged(gzip: Uint8Array): Uint8Array {
  gzip[gzip.length - 6] = (gzip[gzip.length - 6] ?? 0) ^ 1;
  return gzip;
}

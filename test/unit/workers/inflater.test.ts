import { deepEqual, equal, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { StoreError } from '#src/domain/errors.ts';
import { inflateProfile } from '#src/domain/pprof/inflate.ts';
import { inflateIntoArena } from '#src/workers/inflate-into-arena.ts';
import { Inflater } from '#src/workers/inflater.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { Random } from '../../fixtures/random.ts';

/** Bytes that compress a little, as profiles do. */
function profileLike(length: number, seed = 1): Uint8Array {
  const random = new Random(seed);
  return Uint8Array.from({ length }, (_, i) => (i % 7 === 0 ? random.int(0, 255) : i % 50));
}

describe('Inflater', () => {
  test('is there in the Node that Kiln runs on', () => {
    ok(Inflater.create() !== undefined, 'Node keeps its zlib handle elsewhere: see src/workers/inflater.ts');
  });

  test('says that a full target may be too small, and writes nothing behind it', () => {
    const inflater = Inflater.create();
    const target = new Uint8Array(120).fill(7);

    const inflated = inflater?.inflateInto(gzipSync(profileLike(1000)), target.subarray(0, 100));

    equal(inflated?.kind, 'no-room');
    deepEqual([...target.subarray(100)], Array(20).fill(7));
  });

  for (const step of [1, 2, 7, 100, 1000, 1500, 4000]) {
    test(`goes on where it stopped, with room for ${step} bytes at a time, over the ends of members too`, () => {
      const inflater = Inflater.create();
      const members = [1000, 0, 300, 2000].map((length) => profileLike(length, length));
      const body = Buffer.concat([...members.map((member) => gzipSync(member)), Buffer.alloc(5)]);
      const target = new Uint8Array(4096);

      let filled = 0;
      let inflated = inflater?.inflateInto(body, target.subarray(0, step));
      while (inflated?.kind === 'no-room') {
        filled += step;
        inflated = inflater?.continueInto(target.subarray(filled, filled + step));
      }

      ok(inflated?.kind === 'done');
      equal(filled + inflated.bytes, 3300);
      ok(Buffer.concat(members).equals(target.subarray(0, 3300)));
    });
  }

  test('says after it went on that a body is cut off, or corrupt', () => {
    const inflater = Inflater.create();
    const body = gzipSync(profileLike(1000));
    const flipped = Uint8Array.from(body);
    flipped[body.length - 6] ^= 0xff;
    for (const [bad, kind] of [
      [body.subarray(0, body.length - 3), 'cut-off'],
      [flipped, 'corrupt'],
    ] as const) {
      equal(inflater?.inflateInto(bad, new Uint8Array(999)).kind, 'no-room');
      equal(inflater?.continueInto(new Uint8Array(100)).kind, kind);
    }
  });
});

describe('inflateIntoArena', () => {
  const body = gzipSync(profileLike(5000));
  const lying = Uint8Array.from(body);
  lying.set([10, 0, 0, 0], lying.length - 4);
  const flipped = Uint8Array.from(body);
  flipped[flipped.length >> 1] = 255 - flipped[flipped.length >> 1];
  const cases: readonly (readonly [name: string, body: Uint8Array, maxBytes: number])[] = [
    ['a body of one member', body, 10_000],
    ['a body exactly as large as the limit', body, 5000],
    ['a body one byte over the limit', body, 4999],
    ['several members', Buffer.concat([body, gzipSync(profileLike(300, 2))]), 10_000],
    ['a small member behind a large one', Buffer.concat([gzipSync(new Uint8Array(50_000)), body]), 100_000],
    ['several members over the limit', Buffer.concat([body, body]), 9999],
    ['a bomb', gzipSync(new Uint8Array(1 << 20)), 1000],
    ['a body that is cut off', body.subarray(0, body.length - 30), 10_000],
    ['a body without its trailer', body.subarray(0, body.length - 8), 10_000],
    ['a flipped byte', flipped, 10_000],
    ['a trailer that says too little', lying, 10_000],
    ['plain bytes', profileLike(500), 10_000],
    ['plain bytes over the limit', profileLike(500), 100],
    ['too few bytes', profileLike(9), 100],
    ['nothing', new Uint8Array(0), 100],
  ];

  for (const [name, bytes, maxBytes] of cases) {
    test(`does with ${name} what the plain version does`, () => {
      const kernels = testKernels();
      const result = (work: () => Uint8Array): unknown => {
        try {
          return Buffer.from(work()).toString('hex');
        } catch (error) {
          ok(error instanceof StoreError, String(error));
          return error.message;
        }
      };
      const viaArena = (inflater: Inflater | undefined) => () => {
        const { pointer, length } = inflateIntoArena(kernels, inflater, bytes, maxBytes);
        return kernels.takeU8(pointer, length);
      };

      const plain = result(() => inflateProfile(bytes, maxBytes));

      equal(result(viaArena(Inflater.create())), plain);
      equal(result(viaArena(undefined)), plain);
    });
  }

  test('goes on after a body that was refused', () => {
    const kernels = testKernels();
    const inflater = Inflater.create();
    for (const [, bytes] of cases) {
      try {
        inflateIntoArena(kernels, inflater, bytes, 1000);
      } catch {
        // Refused, as it should be; what counts is the next one.
      }
      const { pointer, length } = inflateIntoArena(kernels, inflater, body, 5000);
      deepEqual(kernels.takeU8(pointer, length), profileLike(5000));
    }
  });
});

import { equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { xxhash64, xxhash64Plain } from '#src/kernels/xxhash64.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { Random, runSeed } from '../../fixtures/random.ts';

const PRIME32 = 2_654_435_761;

/** The bytes that the checks of the reference implementation hash. */
function referenceBytes(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let generator = PRIME32;
  for (let i = 0; i < length; i++) {
    bytes[i] = generator >>> 24;
    generator = Math.imul(generator, generator) >>> 0;
  }
  return bytes;
}

// Of `BMK_sanityCheck` in xxhsum.c of the reference implementation.
const references: readonly (readonly [length: number, seed: number, hash: bigint])[] = [
  [0, 0, 0xef46db3751d8e999n],
  [0, PRIME32, 0xac75fda2929b17efn],
  [1, 0, 0x4fce394cc88952d8n],
  [1, PRIME32, 0x739840cb819fa723n],
  [14, 0, 0xcffa8db881bc3a3dn],
  [14, PRIME32, 0x5b9611585efcc9cbn],
  [101, 0, 0x0eab543384f878adn],
  [101, PRIME32, 0xcaa65939306f1e21n],
];

describe('xxhash64', () => {
  const kernels = testKernels();

  for (const [length, seed, hash] of references) {
    test(`gives ${length} bytes with seed ${seed} the hash of the reference`, () => {
      const bytes = referenceBytes(length);

      equal(xxhash64Plain(bytes, BigInt(seed)), hash);
      equal(xxhash64(kernels, bytes, BigInt(seed)), hash);
    });
  }

  test('gives words the hashes that the reference publishes', () => {
    for (const [text, hash] of [
      ['a', 0xd24ec4f1a98c6e5bn],
      ['abc', 0x44bc2cf5ad770999n],
      ['Nobody inspects the spammish repetition', 0xfbcea83c8a378bf1n],
    ] as const) {
      equal(xxhash64(kernels, Buffer.from(text)), hash, text);
    }
  });

  const seed = runSeed();
  test(`agrees with the plain version at every length up to three stripes, and beyond (seed ${seed})`, () => {
    const random = new Random(seed);
    for (const length of [...Array(97).keys(), 1000, 65_536]) {
      const bytes = random.bytes(length);
      const hashSeed = random.pick([0n, 1n, 2n ** 63n, 2n ** 64n - 1n, BigInt(random.int(0, 2 ** 32 - 1))]);
      kernels.exports.resetScratch();

      equal(xxhash64(kernels, bytes, hashSeed), xxhash64Plain(bytes, hashSeed), `${length} bytes`);
    }
  });

  test('reads nothing behind its input', () => {
    const bytes = new Random(1).bytes(64);
    const pointer = kernels.put(bytes);
    const hashes = () =>
      Array.from({ length: 65 }, (_, length) => kernels.exports.xxhash64(pointer + 64 - length, length, 5n));

    const before = hashes();
    kernels.u8().fill(0xa5, pointer + 64, pointer + 80);

    equal(hashes().join(), before.join());
  });
});

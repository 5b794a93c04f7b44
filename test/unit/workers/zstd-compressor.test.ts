import { deepEqual, equal, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { zstdFrameOf } from '#src/domain/block/zstd-frame.ts';
import type { ZlibHandle } from '#src/workers/zlib-handle.ts';
import { openZstdCompression, SCRATCH_BYTES_MAX, ZstdCompressor, zstdBytesMax } from '#src/workers/zstd-compressor.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { Random } from '../../fixtures/random.ts';

/** Numbers that rise by small steps, as columns do: levels differ on them. */
function columnLike(length: number, seed = 1): Uint8Array {
  const random = new Random(seed);
  let value = 0;
  return Uint8Array.from({ length }, () => {
    value += random.chance(0.3) ? random.int(0, 9) : 1;
    return value;
  });
}

function noise(length: number): Uint8Array {
  const random = new Random(length);
  return Uint8Array.from({ length }, () => random.int(0, 255));
}

function onceBytes(source: Uint8Array, level: number): number {
  return zstdCompressSync(source, {
    params: { [constants.ZSTD_c_compressionLevel]: level },
    pledgedSrcSize: source.length,
  }).length;
}

const noHandle = (): undefined => undefined;

describe('ZstdCompressor', () => {
  test('has a handle in the Node that Kiln runs on', () => {
    ok(openZstdCompression(1) !== undefined, 'Node keeps its zstd handle elsewhere: see src/workers/zlib-handle.ts');
  });

  for (const level of [1, 3]) {
    const kept = new ZstdCompressor(level);
    const plain = new ZstdCompressor(level, noHandle);
    // Around a block of zstd, 128 KiB, and what makes the scratch grow.
    for (const length of [0, 1, 127, 128, 4096, 65_536, 131_071, 131_072, 131_073, 300_000, 1 << 20]) {
      test(`makes one frame of ${length} bytes at level ${level}, as long as that of the one-shot function`, () => {
        for (const source of [columnLike(length), noise(length)]) {
          for (const compressor of [kept, plain]) {
            const frame = compressor.compress(source);

            deepEqual(zstdFrameOf(frame), { kind: 'whole', contentBytes: length });
            ok(Buffer.from(source).equals(zstdDecompressSync(frame)));
            const once = onceBytes(source, level);
            ok(Math.abs(frame.length - once) <= once / 100, `${frame.length} bytes, one-shot ${once}`);
          }
        }
      });
    }

    test(`is at level ${level} from the first frame to the last`, () => {
      const source = columnLike(100_000);
      const compressor = new ZstdCompressor(level);
      ok(onceBytes(source, 1) !== onceBytes(source, 3), 'the levels cannot be told apart');

      for (let i = 0; i < 5; i++) equal(compressor.compress(source).length, onceBytes(source, level));
    });
  }

  test('opens one handle for many frames', () => {
    let opened = 0;
    const compressor = new ZstdCompressor(1, (level) => {
      opened++;
      return openZstdCompression(level);
    });
    for (const length of [100, 5000, 100]) compressor.compress(columnLike(length));
    equal(opened, 1);
  });

  test('has no checksum in its frames', () => {
    equal(new ZstdCompressor(1).compress(columnLike(300))[4] & 0x04, 0);
  });

  test('compresses from the memory of the kernels into it, also after it grew', () => {
    const kernels = testKernels();
    const compressor = new ZstdCompressor(1);
    for (const length of [1000, 5_000_000]) {
      const source = columnLike(length);
      const from = kernels.put(source);
      const room = zstdBytesMax(length);
      const to = kernels.exports.allocScratch(room) >>> 0;
      const memory = kernels.u8();

      const bytes = compressor.compressInto(memory.subarray(from, from + length), memory.subarray(to, to + room));

      ok(bytes !== undefined);
      ok(Buffer.from(source).equals(zstdDecompressSync(kernels.takeU8(to, bytes))));
    }
  });

  test('says that a target is too small, writes nothing behind it, and forgets the half frame with its handle', () => {
    const source = columnLike(300_000);
    let opened = 0;
    const counting = (level: number): ZlibHandle | undefined => {
      opened++;
      return openZstdCompression(level);
    };
    for (const compressor of [new ZstdCompressor(1, counting), new ZstdCompressor(1, noHandle)]) {
      const memory = new Uint8Array(1100).fill(7);

      equal(compressor.compressInto(source, memory.subarray(0, 1000)), undefined);

      deepEqual([...memory.subarray(1000)], Array(100).fill(7));
      ok(Buffer.from(source).equals(zstdDecompressSync(compressor.compress(source))));
    }
    equal(opened, 2);
  });

  test('takes a target of one byte more than the frame, at the least', () => {
    const source = columnLike(50_000);
    for (const compressor of [new ZstdCompressor(1), new ZstdCompressor(1, noHandle)]) {
      const { length } = compressor.compress(source);

      equal(compressor.compressInto(source, new Uint8Array(length)), undefined);
      equal(compressor.compressInto(source, new Uint8Array(length + 1)), length);
    }
  });

  test('keeps no more memory for results than its bound', () => {
    const compressor = new ZstdCompressor(1);
    compressor.compress(new Uint8Array(5 << 20));
    compressor.compress(new Uint8Array(6 << 20));
    equal(compressor.scratchBytes, SCRATCH_BYTES_MAX);

    const large = compressor.compress(new Uint8Array(SCRATCH_BYTES_MAX));

    equal(zstdDecompressSync(large).length, SCRATCH_BYTES_MAX);
    equal(compressor.scratchBytes, SCRATCH_BYTES_MAX);
  });
});

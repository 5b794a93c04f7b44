import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { constants, zstdCompressSync } from 'node:zlib';
import { StoreError } from '#src/domain/errors.ts';
import type { ZlibHandle } from '#src/workers/zlib-handle.ts';
import { openZstdDecompression, ZstdDecompressor } from '#src/workers/zstd-decompressor.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { Random } from '../../fixtures/random.ts';

const origin = { offset: 4711, section: 'samples' };
const noHandle = (): undefined => undefined;

function content(length: number): Uint8Array {
  const random = new Random(length);
  return Uint8Array.from({ length }, (_, i) => (i % 5 === 0 ? random.int(0, 255) : i >> 4));
}

type FrameOptions = { readonly checksum?: true; readonly undeclared?: true; readonly windowLog?: number };

function frameOf(bytes: Uint8Array, { checksum, undeclared, windowLog }: FrameOptions = {}): Buffer {
  return zstdCompressSync(bytes, {
    params: {
      [constants.ZSTD_c_checksumFlag]: checksum ? 1 : 0,
      [constants.ZSTD_c_contentSizeFlag]: undeclared ? 0 : 1,
      ...(windowLog ? { [constants.ZSTD_c_windowLog]: windowLog } : {}),
    },
    pledgedSrcSize: bytes.length,
  });
}

/** Decompresses between two walls, and checks that they still stand. */
function decompressed(decompressor: ZstdDecompressor, frame: Uint8Array, rawBytes: number): Uint8Array {
  const wall = 64;
  const memory = new Uint8Array(rawBytes + 2 * wall).fill(0xa5);
  try {
    decompressor.decompressInto(frame, memory.subarray(wall, wall + rawBytes), origin);
  } finally {
    const walls = [memory.subarray(0, wall), memory.subarray(wall + rawBytes)];
    ok(
      walls.every((bytes) => bytes.every((byte) => byte === 0xa5)),
      'wrote outside of the target',
    );
  }
  return memory.slice(wall, wall + rawBytes);
}

describe('ZstdDecompressor', () => {
  test('has a handle in the Node that Kiln runs on', () => {
    ok(openZstdDecompression() !== undefined, 'Node keeps its zstd handle elsewhere: see src/workers/zlib-handle.ts');
  });

  const kept = new ZstdDecompressor();
  const plain = new ZstdDecompressor(noHandle);
  for (const length of [0, 1, 127, 128, 4096, 131_071, 131_072, 131_073, 1 << 20]) {
    test(`gives ${length} bytes back, whatever the frame says about itself`, () => {
      const raw = content(length);
      for (const options of [
        {},
        { checksum: true },
        { undeclared: true },
        { undeclared: true, windowLog: 10 },
      ] as const) {
        for (const decompressor of [kept, plain]) {
          ok(Buffer.from(raw).equals(decompressed(decompressor, frameOf(raw, options), length)));
        }
      }
    });
  }

  test('decompresses into the memory of the kernels, also after it grew', () => {
    const kernels = testKernels();
    for (const length of [1000, 5_000_000]) {
      const raw = content(length);
      const pointer = kernels.exports.allocScratch(length) >>> 0;

      kept.decompressInto(frameOf(raw), kernels.u8().subarray(pointer, pointer + length), origin);

      ok(Buffer.from(raw).equals(kernels.takeU8(pointer, length)));
    }
  });

  test('opens one handle for many frames', () => {
    let opened = 0;
    const decompressor = new ZstdDecompressor(() => {
      opened++;
      return openZstdDecompression();
    });
    for (const length of [100, 5000, 100]) decompressed(decompressor, frameOf(content(length)), length);
    equal(opened, 1);
  });

  const raw = content(200_000);
  const frame = frameOf(raw);
  const undeclared = frameOf(raw, { undeclared: true });
  const flipped = Buffer.from(frameOf(raw, { checksum: true }));
  flipped[flipped.length - 1] ^= 0xff;
  const tooLarge = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x00, 17 << 3, 0x01, 0x00, 0x00);
  const cases: readonly (readonly [name: string, frame: Uint8Array, rawBytes: number, details: object])[] = [
    ['longer than said', frame, 199_999, { expected: 199_999, actual: 200_000 }],
    ['shorter than said', frame, 200_001, { expected: 200_001, actual: 200_000 }],
    ['longer than said, without a word in its header', undeclared, 199_999, { actual: 'above 199999' }],
    ['much longer than said, without a word in its header', undeclared, 10, { actual: 'above 10' }],
    ['shorter than said, without a word in its header', undeclared, 200_001, { actual: 200_000 }],
    ['not empty, as was said', undeclared, 0, { actual: 'above 0' }],
    ['cut off', frame.subarray(0, 1000), 200_000, { reason: 'the frame is cut off' }],
    ['cut off in its checksum', flipped.subarray(0, -1), 200_000, { reason: 'the frame is cut off' }],
    ['of the wrong checksum', flipped, 200_000, { reason: "Restored data doesn't match checksum" }],
    ['followed by bytes', Buffer.concat([frame, Buffer.alloc(3)]), 200_000, { reason: '3 bytes are behind the frame' }],
    [
      'of a large window',
      tooLarge,
      0,
      { reason: 'its window is too large: limit 67108864 bytes, actual 134217728 bytes' },
    ],
    ['no frame', raw.subarray(0, 100), 100, { reason: 'the magic number is another one' }],
  ];

  for (const [name, bad, rawBytes, details] of cases) {
    test(`refuses a frame that is ${name}, by name, and goes on with the next one`, () => {
      let opened = 0;
      const counting = (): ZlibHandle | undefined => {
        opened++;
        return openZstdDecompression();
      };
      for (const decompressor of [new ZstdDecompressor(counting), new ZstdDecompressor(noHandle)]) {
        throws(
          () => decompressed(decompressor, bad, rawBytes),
          (error) => {
            ok(error instanceof StoreError);
            equal(error.code, 'corrupted');
            deepEqual({ ...error.details, ...origin, ...details }, error.details);
            return true;
          },
        );
        ok(Buffer.from(raw).equals(decompressed(decompressor, frame, raw.length)));
      }
      ok(opened <= 2, `${opened} handles`);
    });
  }

  const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
  test(`does with damaged frames what the plain version does (seed ${seed})`, () => {
    const random = new Random(seed);
    let refused = 0;
    for (let i = 0; i < 2000; i++) {
      const bytes = content(random.int(0, 3000));
      const damaged = frameOf(bytes, { ...(random.chance(0.5) ? { undeclared: true } : {}) });
      for (let flips = random.int(0, 2); flips > 0; flips--)
        damaged[random.int(0, damaged.length - 1)] = random.int(0, 255);
      const cut = random.chance(0.2) ? damaged.subarray(0, random.int(0, damaged.length)) : damaged;
      const result = (decompressor: ZstdDecompressor): string => {
        try {
          return Buffer.from(decompressed(decompressor, cut, bytes.length)).toString('hex');
        } catch (error) {
          ok(error instanceof StoreError && error.code === 'corrupted', String(error));
          return 'refused';
        }
      };

      const found = result(kept);

      equal(found, result(plain), `frame ${i}`);
      if (found === 'refused') refused++;
      else if (cut === damaged) equal(found.length, 2 * bytes.length);
    }
    ok(refused > 200 && refused < 1800, `${refused} were refused`);
  });
});

import { deepEqual, equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { constants, zstdCompressSync } from 'node:zlib';
import { zstdFrameOf } from '#src/domain/block/zstd-frame.ts';

function frame(length: number, checksum = 0, declared = true): Buffer {
  const content = Uint8Array.from({ length }, (_, i) => (i * i) >> 3);
  const params = { [constants.ZSTD_c_checksumFlag]: checksum, [constants.ZSTD_c_contentSizeFlag]: declared ? 1 : 0 };
  return zstdCompressSync(content, { params, pledgedSrcSize: length });
}

function faultOf(bytes: Uint8Array): string | undefined {
  const found = zstdFrameOf(bytes);
  return found.kind === 'faulty' ? found.fault : undefined;
}

/** A frame of one empty block, with a window of this descriptor. */
function frameWithWindow(descriptor: number): Uint8Array {
  return Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x00, descriptor, 0x01, 0x00, 0x00);
}

describe('zstdFrameOf', () => {
  // Around each width of the content size, then one and two blocks.
  for (const length of [0, 1, 255, 256, 257, 65_791, 65_792, 131_072, 131_073, 300_000]) {
    test(`finds a frame of ${length} bytes whole, and says its length`, () => {
      deepEqual(zstdFrameOf(frame(length)), { kind: 'whole', contentBytes: length });
      deepEqual(zstdFrameOf(frame(length, 1)), { kind: 'whole', contentBytes: length });
      deepEqual(zstdFrameOf(frame(length, 0, false)), { kind: 'whole', contentBytes: undefined });
    });
  }

  test('finds a frame that is cut off anywhere, in the checksum too', () => {
    for (const whole of [frame(300), frame(300, 1), frame(300, 1, false), frame(200_000)]) {
      for (let end = 0; end < whole.length; end++) {
        equal(zstdFrameOf(whole.subarray(0, end)).kind, 'faulty', `${end} of ${whole.length} bytes`);
      }
    }
  });

  test('finds bytes behind a frame, another frame too', () => {
    equal(faultOf(Buffer.concat([frame(300), Buffer.of(0)])), '1 bytes are behind the frame');
    equal(faultOf(Buffer.concat([frame(300), frame(0)])), `${frame(0).length} bytes are behind the frame`);
  });

  test('takes a window of 64 MiB, and none above', () => {
    equal(faultOf(frameWithWindow(16 << 3)), undefined);
    equal(
      faultOf(frameWithWindow((16 << 3) + 1)),
      'its window is too large: limit 67108864 bytes, actual 75497472 bytes',
    );
    equal(
      faultOf(Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0xa0, 1, 0, 0, 4, 1, 0, 0)),
      'its window is too large: limit 67108864 bytes, actual 67108865 bytes',
    );
  });

  test('refuses what is no frame, and blocks that are not defined', () => {
    equal(faultOf(Uint8Array.of(1, 2, 3, 4, 5, 6)), 'the magic number is another one');
    equal(faultOf(new Uint8Array(0)), '0 bytes are too few for a frame');
    const reserved = frameWithWindow(0);
    reserved[6] = 0x07;
    equal(faultOf(reserved), 'a block is of the reserved type');
  });
});

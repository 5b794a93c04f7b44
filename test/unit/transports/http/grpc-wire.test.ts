import { deepEqual, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { unframe } from '#src/transports/http/grpc-wire.ts';

describe('unframe', () => {
  test('takes the message out of its frame', () => {
    deepEqual(unframe(Uint8Array.of(0, 0, 0, 0, 2, 7, 8), 'identity'), {
      bytes: Uint8Array.of(7, 8),
      encoding: 'identity',
    });
    deepEqual(unframe(Uint8Array.of(1, 0, 0, 0, 1, 7), 'gzip'), { bytes: Uint8Array.of(7), encoding: 'gzip' });
    deepEqual(unframe(Uint8Array.of(0, 0, 0, 0, 0), 'gzip'), { bytes: new Uint8Array(0), encoding: 'identity' });
  });

  for (const [problem, body, encoding] of [
    ['no frame', [], 'identity'],
    ['half a header', [0, 0, 0, 0], 'identity'],
    ['less than the frame promises', [0, 0, 0, 0, 2, 7], 'identity'],
    ['more than the frame promises', [0, 0, 0, 0, 0, 7], 'identity'],
    ['a length of 4 GiB', [0, 255, 255, 255, 255], 'identity'],
    ['trailers', [0x80, 0, 0, 0, 0], 'identity'],
    ['compression of an unknown kind', [1, 0, 0, 0, 1, 7], 'identity'],
  ] as const) {
    test(`refuses ${problem}`, () => {
      throws(() => unframe(Uint8Array.from(body), encoding), { code: 'invalid-argument' });
    });
  }
});

import { deepEqual, equal, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { grpcEncodingOf, grpcMessage, grpcTimeoutOf, unframe } from '#src/transports/http/grpc-wire.ts';

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

describe('grpcTimeoutOf', () => {
  for (const [text, timeoutMs] of [
    ['', undefined],
    ['2H', 7_200_000],
    ['3M', 180_000],
    ['10S', 10_000],
    ['99999999m', 99_999_999],
    ['1500u', 2],
    ['1n', 1],
    ['0S', 0],
  ] as const) {
    test(`reads ${JSON.stringify(text)} as ${timeoutMs} ms`, () => equal(grpcTimeoutOf(text), timeoutMs));
  }

  for (const text of ['xyz', '10', 'S', '1.5S', '-1S', '123456789S', '1s', ' 1S']) {
    test(`refuses ${JSON.stringify(text)}`, () => {
      throws(() => grpcTimeoutOf(text), {
        code: 'invalid-argument',
        message: new RegExp(`not ${JSON.stringify(text)}$`),
      });
    });
  }
});

describe('grpcEncodingOf', () => {
  test('knows gzip and none', () => {
    deepEqual(['', 'identity', 'gzip'].map(grpcEncodingOf), ['identity', 'identity', 'gzip']);
    throws(() => grpcEncodingOf('br'), { code: 'unimplemented', message: /"br".*gzip/ });
  });
});

describe('grpcMessage', () => {
  test('keeps printable ASCII and writes every other byte as its number', () => {
    equal(grpcMessage('a b~%\n\u00fc\u{1f525}'), 'a b~%25%0A%C3%BC%F0%9F%94%A5');
  });

  test('ends before a character that does not fit any more', () => {
    equal(grpcMessage('x'.repeat(4096)).length, 4096);
    equal(grpcMessage('x'.repeat(4097)).length, 4096);
    equal(grpcMessage(`${'x'.repeat(4091)}\u00fcx`), 'x'.repeat(4091));
    equal(grpcMessage(`${'x'.repeat(4090)}\u00fcx`), `${'x'.repeat(4090)}%C3%BC`);
  });
});

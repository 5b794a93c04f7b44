import { deepEqual, equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type ErrorCode, StoreError } from '#src/domain/errors.ts';
import { failureJson, failureOf, failureOfStatus, grpcStatusOf } from '#src/transports/http/errors.ts';

describe('failureOf', () => {
  const table: Record<ErrorCode, string> = {
    'invalid-argument': '400 invalid_argument 3',
    unauthenticated: '401 unauthenticated 16',
    'limit-exceeded': '429 resource_exhausted 8',
    'too-large': '422 resource_exhausted 8',
    'not-found': '404 not_found 5',
    stale: '409 aborted 10',
    'not-leader': '503 unavailable 14',
    unavailable: '503 unavailable 14',
    'deadline-exceeded': '504 deadline_exceeded 4',
    aborted: '499 canceled 1',
    unimplemented: '501 unimplemented 12',
    corrupted: '500 data_loss 15',
  };
  for (const [code, expected] of Object.entries(table)) {
    test(`${code} is ${expected}`, () => {
      const failure = failureOf(new StoreError(code as ErrorCode, 'text'));

      equal(`${failure.status} ${failure.code} ${grpcStatusOf(failure.code)}`, expected);
      equal(failure.message, 'text');
    });
  }

  test('a bug is an internal error that says nothing about itself', () => {
    const failure = { status: 500, code: 'internal', message: 'internal error' };

    deepEqual(failureOf(new TypeError('secret')), failure);
    deepEqual(failureOf('secret'), failure);
  });
});

describe('failureOfStatus', () => {
  for (const [status, code] of [
    [400, 'invalid_argument'],
    [401, 'unauthenticated'],
    [404, 'unimplemented'],
    [408, 'unknown'],
    [413, 'invalid_argument'],
    [422, 'unknown'],
    [429, 'resource_exhausted'],
    [500, 'unknown'],
    [503, 'unavailable'],
    [504, 'deadline_exceeded'],
  ] as const) {
    test(`${status} is ${code}`, () => {
      deepEqual(failureOfStatus(status, 'x'), { status, code, message: 'x' });
    });
  }
});

describe('failureJson', () => {
  test('has code and message, without a message that is empty', () => {
    equal(
      failureJson({ status: 400, code: 'invalid_argument', message: 'a "b"' }),
      '{"code":"invalid_argument","message":"a \\"b\\""}',
    );
    equal(failureJson({ status: 500, code: 'unknown', message: '' }), '{"code":"unknown"}');
  });
});

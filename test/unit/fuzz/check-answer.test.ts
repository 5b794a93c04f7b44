import { equal, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { checkAnswer } from '../../fuzz/check-answer.ts';

describe('checkAnswer', () => {
  const verdict = (status: number, message = '', grpcStatus?: number) => checkAnswer({ status, grpcStatus, message });

  test('takes success, and refusals that name what is wrong', () => {
    equal(verdict(200), 'accepted');
    equal(verdict(200, '', 0), 'accepted');
    equal(verdict(422, 'line 1 has no number'), 'refused');
    equal(verdict(200, 'no profile', 3), 'refused');
  });

  test('takes no failure of the server', () => {
    for (const status of [500, 503, 504, 0]) throws(() => verdict(status, 'something'), /AssertionError/);
    for (const status of [2, 13, 14, 15]) throws(() => verdict(200, 'something', status), /AssertionError/);
  });

  test('takes no refusal without a reason', () => {
    for (const message of ['', 'internal error', 'undefined is wrong', 'x'.repeat(9000)]) {
      throws(() => verdict(400, message), /AssertionError/);
    }
  });
});

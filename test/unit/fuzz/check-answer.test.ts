import { equal, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { checkAnswer } from '../../fuzz/check-answer.ts';
import type { Payload } from '../../fuzz/payload.ts';

const payload: Payload = { decoder: 'x', protocol: 'http', path: '/ingest', headers: {}, body: Buffer.of() };
const otlp: Payload = { ...payload, path: '/v1development/profiles' };

describe('checkAnswer', () => {
  const verdict = (status: number, message = '', grpcStatus?: number, of = payload) =>
    checkAnswer(of, { status, grpcStatus, message });

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

  test('takes the 500 of OTLP for a profile that cannot be converted alone', () => {
    equal(verdict(500, 'the OTLP profile cannot be converted: it has no type', undefined, otlp), 'refused');
    throws(() => verdict(500, 'the OTLP profile cannot be converted: it has no type'), /AssertionError/);
    throws(() => verdict(500, 'internal error', undefined, otlp), /AssertionError/);
  });

  test('takes no refusal without a reason', () => {
    for (const message of ['', 'internal error', 'undefined is wrong', 'x'.repeat(9000)]) {
      throws(() => verdict(400, message), /AssertionError/);
    }
  });
});

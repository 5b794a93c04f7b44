import { throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { StoreError } from '#src/domain/errors.ts';
import { FirstFailure } from '#src/services/distributor/first-failure.ts';

function noted(...failures: readonly (readonly [index: number, error: unknown])[]): () => void {
  const failure = new FirstFailure();
  for (const [index, error] of failures) failure.note(index, error);
  return () => failure.throwIfAny();
}

const refused = (message: string): StoreError => new StoreError('invalid-argument', message);

describe('FirstFailure', () => {
  test('is none where none was noted', () => {
    noted()();
  });

  test('is that of the first profile, whenever it came', () => {
    throws(noted([2, refused('c')], [0, refused('a')], [1, refused('b')]), /a/);
    throws(noted([2, new TypeError('c')], [1, new TypeError('b')]), /b/);
  });

  test('is what it helps to send again for, rather than a refusal that came first', () => {
    const late = (message: string) => new StoreError('unavailable', message);
    throws(noted([0, refused('a')], [2, late('c')], [1, late('b')]), { code: 'unavailable', message: 'b' });
    throws(noted([1, new StoreError('limit-exceeded', 'b')], [0, refused('a')]), { code: 'limit-exceeded' });
    throws(noted([0, new TypeError('x is undefined')], [1, late('b')]), { code: 'unavailable' });
  });

  test('is a bug only where nothing better is known', () => {
    throws(noted([0, new TypeError('x is undefined')], [1, refused('too many samples')]), /too many samples/);
  });
});

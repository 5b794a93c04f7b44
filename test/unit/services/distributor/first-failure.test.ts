import { throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { NEVER_FITS, StoreError } from '#src/domain/errors.ts';
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

  test('is no rate limit that it never helps to wait for, where something else may be stored later', () => {
    const never = new StoreError('limit-exceeded', 'never', { [NEVER_FITS]: true });
    throws(noted([0, never], [1, new StoreError('unavailable', 'later')]), { code: 'unavailable' });
    throws(noted([1, never], [0, refused('a')]), { code: 'invalid-argument' });
    throws(noted([0, never], [1, refused('a')]), { code: 'limit-exceeded' });
  });

  test('is a bug only where nothing better is known', () => {
    throws(noted([0, new TypeError('x is undefined')], [1, refused('too many samples')]), /too many samples/);
  });
});

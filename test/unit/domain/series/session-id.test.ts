import { equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { withSessionReduced } from '#src/domain/series/session-id.ts';
import { labelList, labelText } from '../../../fixtures/labels.ts';

describe('withSessionReduced', () => {
  const reduced = (id: string, max: number): string =>
    labelText(withSessionReduced(labelList({ a: '1', __session_id__: id }), max));

  test('removes the label where no sessions are allowed', () => {
    equal(reduced('00000000000000ff', 0), 'a=1');
  });

  test('folds an id, lowest byte first, into as many values as are allowed', () => {
    equal(reduced('0d00000000000000', 10), 'a=1, __session_id__=0300000000000000');
    equal(reduced('00000000000000ff', 7), `a=1, __session_id__=${hexOf(0xff00000000000000n % 7n)}`);
    equal(reduced('FFFFFFFFFFFFFFFF', 10), `a=1, __session_id__=${hexOf((2n ** 64n - 1n) % 10n)}`);
  });

  test('removes what is no id', () => {
    for (const id of ['1', '0d0000000000000', '0d0000000000000x', '0d000000000000000']) equal(reduced(id, 10), 'a=1');
  });
});

function hexOf(small: bigint): string {
  return `0${small}00000000000000`;
}

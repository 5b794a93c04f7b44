import { deepEqual } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { choiceOf } from '#src/ui/choice.js';

describe('choiceOf', () => {
  test('what is wanted is chosen', () => {
    deepEqual(choiceOf(['a', 'b', 'c'], 'b', 'c'), { offered: ['a', 'b', 'c'], chosen: 'b' });
  });

  test('what is wanted stays chosen though there is none of it', () => {
    deepEqual(choiceOf(['a', 'b'], 'gone', 'b'), { offered: ['gone', 'a', 'b'], chosen: 'gone' });
    deepEqual(choiceOf([], 'gone', undefined), { offered: ['gone'], chosen: 'gone' });
  });

  test('where nothing is wanted it is the likely one, if there is such, or the first', () => {
    deepEqual(choiceOf(['a', 'b'], '', 'b'), { offered: ['a', 'b'], chosen: 'b' });
    deepEqual(choiceOf(['a', 'b'], '', 'c'), { offered: ['a', 'b'], chosen: 'a' });
    deepEqual(choiceOf(['a', 'b'], '', undefined), { offered: ['a', 'b'], chosen: 'a' });
    deepEqual(choiceOf([], '', 'c'), { offered: [], chosen: '' });
  });
});

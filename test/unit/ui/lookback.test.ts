import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { lookbackOf } from '#src/ui/lookback.js';

test('lookbackOf finds the lookback among the reasons why an answer is not whole', () => {
  equal(lookbackOf('max-query-lookback=7d'), '7d');
  equal(lookbackOf('missing-objects=3, max-query-lookback=1h30m'), '1h30m');
  equal(lookbackOf('missing-objects=3'), '');
  equal(lookbackOf(''), '');
});

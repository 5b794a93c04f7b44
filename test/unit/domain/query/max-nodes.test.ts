import { equal, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { exportMaxNodes, validateDiffMaxNodes, validateMaxNodes } from '#src/domain/query/max-nodes.ts';

const limits = { nodesDefault: 8192, nodesMax: 1_048_576 };

describe('validateMaxNodes', () => {
  test('gives the default when nothing or 0 is asked for', () => {
    equal(validateMaxNodes(undefined, limits), 8192);
    equal(validateMaxNodes(0, limits), 8192);
  });

  test('takes what is asked for up to the limit', () => {
    equal(validateMaxNodes(1, limits), 1);
    equal(validateMaxNodes(1_048_576, limits), 1_048_576);
  });

  test('refuses more than the limit, and less than nothing', () => {
    throws(() => validateMaxNodes(1_048_577, limits), {
      code: 'invalid-argument',
      message: /--querier.max-flamegraph-nodes-max: limit 1048576, actual 1048577$/,
    });
    throws(() => validateMaxNodes(-1, limits), { code: 'invalid-argument' });
  });

  test('takes any number where there is no limit', () => {
    const unlimited = { nodesDefault: 0, nodesMax: 0 };
    equal(validateMaxNodes(2 ** 40, unlimited), 2 ** 40);
    equal(validateMaxNodes(-1, unlimited), 0);
    equal(validateMaxNodes(undefined, unlimited), 0);
  });
});

test('a difference takes the larger of both sides, and the default only when neither asks', () => {
  equal(validateDiffMaxNodes(4, undefined, limits), 4);
  equal(validateDiffMaxNodes(4, 9, limits), 9);
  equal(validateDiffMaxNodes(undefined, -2, limits), 8192);
  throws(() => validateDiffMaxNodes(1_048_577, 1, limits), { code: 'invalid-argument' });
});

test('an exported profile is whole unless asked for less', () => {
  equal(exportMaxNodes(undefined), 0);
  equal(exportMaxNodes(-1), 0);
  equal(exportMaxNodes(2_000_000), 2_000_000);
});

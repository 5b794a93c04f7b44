import { deepEqual, equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { familiesMax } from '#src/domain/block/block-format.ts';
import { TypeFamilies } from '#src/domain/block/type-families.ts';

describe('TypeFamilies', () => {
  test('numbers lists of types by first use, and tells order and length apart', () => {
    const families = new TypeFamilies();
    const lists = [[1, 2], [2, 1], [1], [1, 2, 3], [1, 2], [1]];

    deepEqual(
      lists.map((types) => families.find(types)),
      [0, 1, 2, 3, 0, 2],
    );
    equal(families.count, 4);
  });

  test('lets a column without a type fit any, and learn it', () => {
    const families = new TypeFamilies();

    equal(families.find([1, 0, 3]), 0);
    equal(families.find([0, 2, 0]), 0);
    equal(families.find([1, 4, 3]), 1);
    equal(families.find([1, 2, 3]), 0);
  });

  test('has one family for all late ones', () => {
    const families = new TypeFamilies();
    for (let type = 1; type <= familiesMax; type++) equal(families.find([type]), type - 1);
    equal(families.count, familiesMax);

    equal(families.find([familiesMax + 1]), familiesMax);
    equal(families.find([familiesMax + 2, 1]), familiesMax);
    equal(families.find([5]), 4);
    equal(families.count, familiesMax + 1);
  });
});

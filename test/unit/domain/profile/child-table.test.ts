import { deepEqual, equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ChildTable } from '#src/domain/profile/child-table.ts';
import { Random } from '../../../fixtures/random.ts';

const seed = Number(process.env['SEED'] ?? 1);

describe('ChildTable', () => {
  test('has only the root at first', () => {
    deepEqual(new ChildTable().columns(), { parent: Int32Array.of(-1), name: Uint32Array.of(0) });
  });

  test(`finds all children while a large tree grows (seed ${seed})`, () => {
    const random = new Random(seed);
    const table = new ChildTable();
    for (let row = 1; row < 70_000; row++) {
      equal(table.childOf(row >> 2, row & 3), row);
      const known = random.int(1, row);
      equal(table.childOf(known >> 2, known & 3), known);
    }
  });

  // Sizes around those at which the columns and the slots grow.
  for (const count of [1, 62, 63, 64, 65, 126, 127, 128, 129, 5_000]) {
    test(`agrees with a map of pairs on ${count} children (seed ${seed})`, () => {
      const random = new Random(seed + count);
      const table = new ChildTable();
      const rows = new Map<string, number>();
      while (rows.size < count) {
        const parent = random.int(0, table.length - 1);
        const name = random.int(0, 9);
        const expected = rows.get(`${parent} ${name}`) ?? rows.size + 1;
        equal(table.childOf(parent, name), expected);
        rows.set(`${parent} ${name}`, expected);
      }
      const { parent, name } = table.columns();
      for (const [key, row] of rows) equal(`${parent[row]} ${name[row]}`, key);
    });
  }
});

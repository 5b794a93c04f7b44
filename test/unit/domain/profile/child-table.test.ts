import { deepEqual, equal, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RowSlots } from '#src/domain/model/row-slots.ts';
import { ChildTable, childHash } from '#src/domain/profile/child-table.ts';
import { testSecret } from '../../../fixtures/hash-secret.ts';
import { Random } from '../../../fixtures/random.ts';

const seed = Number(process.env['SEED'] ?? 1);

describe('ChildTable', () => {
  test('has only the root at first', () => {
    deepEqual(new ChildTable(testSecret).columns(), { parent: Int32Array.of(-1), name: Uint32Array.of(0) });
  });

  test(`finds all children while a large tree grows (seed ${seed})`, () => {
    const random = new Random(seed);
    const table = new ChildTable(testSecret);
    for (let row = 1; row < 70_000; row++) {
      equal(table.childOf(row >> 2, row & 3), row);
      const known = random.int(1, row);
      equal(table.childOf(known >> 2, known & 3), known);
    }
  });

  test('has children that were chosen to meet, for another secret, spread', (context) => {
    const slotOf = (hash: number): number => hash & 0xffff;
    const chosen: (readonly [parent: number, name: number])[] = [];
    for (let parent = 0; parent < 512; parent++) {
      for (let name = 0; name < 1024; name++) {
        if (slotOf(childHash([1, 2], parent, name)) < 64) chosen.push([parent, name]);
      }
    }
    ok(chosen.length > 400, `${chosen.length} chosen`);
    for (const secret of [[1, 3], [2, 2], testSecret] as const) {
      const add = context.mock.method(RowSlots.prototype, 'add');
      const table = new ChildTable(secret);
      for (const [parent, name] of chosen) table.childOf(parent, name);

      const slots = new Set(add.mock.calls.map(({ arguments: [, hash] }) => slotOf(hash)));
      add.mock.restore();
      ok(slots.size > 0.95 * chosen.length, `${slots.size} slots of ${chosen.length} children`);
    }
  });

  // Sizes around those at which the columns and the slots grow.
  for (const count of [1, 62, 63, 64, 65, 126, 127, 128, 129, 5_000]) {
    test(`agrees with a map of pairs on ${count} children (seed ${seed})`, () => {
      const random = new Random(seed + count);
      const table = new ChildTable(testSecret);
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

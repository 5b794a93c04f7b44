import { deepEqual, equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { NameTable, namesOf, nameText, ranksOfNames, rowOfName, selectNames } from '#src/domain/profile/name-table.ts';

describe('NameTable', () => {
  test('gives equal names one number, across sources', () => {
    const table = new NameTable();
    deepEqual([...table.internAll(namesOf(['b', 'a', 'b']))], [0, 1, 0]);
    deepEqual([...table.internAll(namesOf(['é', 'a', '']))], [2, 1, 3]);
    const names = table.toByteStrings();
    deepEqual(
      [0, 1, 2, 3].map((i) => nameText(names, i)),
      ['b', 'a', 'é', ''],
    );
  });

  test('tells names apart that are not valid UTF-8', () => {
    const table = new NameTable();
    equal(table.intern(Uint8Array.of(0xff)), 0);
    equal(table.intern(Uint8Array.of(0xfe)), 1);
    equal(table.find(Uint8Array.of(0xff)), 0);
    equal(table.find(Uint8Array.of(0xfd)), -1);
  });
});

describe('ranksOfNames', () => {
  test('orders by bytes, where UTF-16 orders otherwise', () => {
    deepEqual([...ranksOfNames(namesOf(['😀', '\uffee', 'ab', 'a', '']))], [4, 3, 2, 1, 0]);
  });

  test('leaves sorted names as they are', () => {
    deepEqual([...ranksOfNames(namesOf(['', 'a', 'ab', 'b']))], [0, 1, 2, 3]);
  });
});

test('rowOfName finds a whole name, not a prefix', () => {
  const names = namesOf(['others', 'othe', 'other', '']);
  equal(rowOfName(names, 'other'), 2);
  equal(rowOfName(names, ''), 3);
  equal(rowOfName(names, 'total'), -1);
});

test('selectNames works on names that lie inside of a larger buffer', () => {
  const { bytes, offsets } = namesOf(['x', 'yy', 'zzz']);
  const selected = selectNames({ bytes, offsets: offsets.subarray(1) }, Uint32Array.of(1, 0));
  deepEqual(
    [0, 1].map((i) => nameText(selected, i)),
    ['zzz', 'yy'],
  );
});

import { deepEqual, equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runSteps } from '#src/domain/model/steps.ts';
import {
  NameTable,
  namesOf,
  nameText,
  PICTURED_BYTES_MAX,
  ranksOfNames,
  rowOfName,
  selectNames,
} from '#src/domain/profile/name-table.ts';
import { Random } from '../../../fixtures/random.ts';
import { textWorkOf } from '../../../fixtures/text-work.ts';

const seed = Number(process.env['SEED'] ?? 1);

describe('NameTable', () => {
  test('gives equal names one number, across sources', () => {
    const table = new NameTable();
    deepEqual([...runSteps(table.internAll(namesOf(['b', 'a', 'b'])))], [0, 1, 0]);
    deepEqual([...runSteps(table.internAll(namesOf(['é', 'a', ''])))], [2, 1, 3]);
    const names = table.toByteStrings();
    deepEqual(
      [0, 1, 2, 3].map((i) => nameText(names, i)),
      ['b', 'a', 'é', ''],
    );
  });

  test('takes texts for their bytes', () => {
    const table = new NameTable();
    const texts = ['a', '', 'é', '\u00e9\u0000', '😀', 'a\u007fb', '\ud83d', '\ufffd', 'é'];

    const numbers = texts.map((text) => table.internText(text));

    deepEqual(numbers, [0, 1, 2, 3, 4, 5, 6, 6, 2]);
    for (const [i, text] of texts.entries()) equal(table.intern(Buffer.from(text)), numbers[i]);
    // What would be the same text if bytes were characters is another one.
    equal(table.internText('Ã©'), 7);
    equal(table.intern(Uint8Array.of(0xe9)), 8);
    deepEqual([...table.bytesOf(4)], [...Buffer.from('😀')]);
    equal(table.sizeBytes, [...table.toByteStrings().bytes].length);
  });

  test('tells long names of one length apart, by short keys', () => {
    const table = new NameTable();
    const texts = [PICTURED_BYTES_MAX - 1, PICTURED_BYTES_MAX, PICTURED_BYTES_MAX + 1, 100_000].flatMap((length) =>
      ['a', 'b', 'a'].map((last) => 'x'.repeat(length - 1) + last),
    );
    const numbers = texts.map((_, i) => 2 * Math.floor(i / 3) + (i % 3 === 1 ? 1 : 0));

    const { longestKey } = textWorkOf(() => {
      deepEqual(
        texts.map((text) => table.intern(Buffer.from(text))),
        numbers,
      );
      deepEqual(
        texts.map((text) => table.internText(text)),
        numbers,
      );
      deepEqual(
        texts.map((text) => table.find(Buffer.from(text))),
        numbers,
      );
    });

    equal(longestKey, PICTURED_BYTES_MAX);
    equal(table.find(Buffer.alloc(100_000, 'x')), -1);
    equal(table.length, 8);
  });

  test('tells names apart that are not valid UTF-8', () => {
    const table = new NameTable();
    equal(table.intern(Uint8Array.of(0xff)), 0);
    equal(table.intern(Uint8Array.of(0xfe)), 1);
    equal(table.find(Uint8Array.of(0xff)), 0);
    equal(table.find(Uint8Array.of(0xfd)), -1);
  });
});

test('NameTable copies names out in their order, from wherever they came', () => {
  const table = new NameTable();
  runSteps(table.internAll(namesOf(['a', 'b', 'c'])));
  table.intern(Buffer.from('d'));
  runSteps(table.internAll(namesOf(['b', 'e', '', 'a', 'f'])));

  const names = table.toByteStrings();

  deepEqual(
    Array.from({ length: table.length }, (_, i) => nameText(names, i)),
    ['a', 'b', 'c', 'd', 'e', '', 'f'],
  );
});

describe('ranksOfNames', () => {
  test('orders by bytes, where UTF-16 orders otherwise', () => {
    deepEqual([...runSteps(ranksOfNames(namesOf(['😀', '\uffee', 'ab', 'a', ''])))], [4, 3, 2, 1, 0]);
  });

  test('leaves sorted names as they are', () => {
    deepEqual([...runSteps(ranksOfNames(namesOf(['', 'a', 'ab', 'b'])))], [0, 1, 2, 3]);
  });

  // Around the length of a run, which is sorted in one step, and around two and three of them.
  for (const count of [4095, 4096, 4097, 8191, 8193, 12_289, 20_000]) {
    test(`sorts ${count} names (seed ${seed})`, () => {
      const random = new Random(seed);
      const texts = Array.from({ length: count }, (_, i) => `${random.int(0, 99)}.${i}`);

      const ranks = runSteps(ranksOfNames(namesOf(texts)));

      const sorted = texts.map((_, row) => row).sort((a, b) => (texts[a] < texts[b] ? -1 : 1));
      const expected = new Uint32Array(count);
      for (const [rank, row] of sorted.entries()) expected[row] = rank;
      deepEqual(ranks, expected);
    });
  }
});

test('rowOfName finds a whole name, not a prefix', () => {
  const names = namesOf(['others', 'othe', 'other', '']);
  equal(rowOfName(names, 'other'), 2);
  equal(rowOfName(names, ''), 3);
  equal(rowOfName(names, 'total'), -1);
});

test('selectNames works on names that lie inside of a larger buffer', () => {
  const { bytes, offsets } = namesOf(['x', 'yy', 'zzz']);
  const selected = runSteps(selectNames({ bytes, offsets: offsets.subarray(1) }, Uint32Array.of(1, 0)));
  deepEqual(
    [0, 1].map((i) => nameText(selected, i)),
    ['zzz', 'yy'],
  );
});

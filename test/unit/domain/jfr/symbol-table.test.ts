import { equal, ok, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SymbolTable } from '#src/domain/jfr/symbol-table.ts';
import { MemoryBudget } from '#src/domain/model/memory-budget.ts';
import { Random, runSeed } from '../../../fixtures/random.ts';

const seed = runSeed();

function tableOf({ limitBytes = 1 << 30, secret = 7 } = {}): SymbolTable {
  return new SymbolTable({ secret: [1, secret], memory: new MemoryBudget(limitBytes, () => new Error('full')) });
}

function textOf(table: SymbolTable, symbol: number): string {
  const target = Buffer.alloc(table.bytesOf(symbol) + 2);
  equal(table.writeTo(target, 1, symbol), target.length - 1);
  return target.toString('utf8', 1, target.length - 1);
}

/** From the middle of other bytes, as in a recording. */
function plain(table: SymbolTable, text: string): number {
  const bytes = Buffer.from(`$${text}$o`);
  return table.internPlain(bytes, 1, bytes.length - 3);
}

describe('SymbolTable', () => {
  test(`agrees with a map of texts, through every growth (seed ${seed})`, () => {
    const random = new Random(seed);
    const table = tableOf({ secret: random.int(0, 2 ** 31) });
    const numbers = new Map<string, number>();
    const texts: string[] = [];
    for (let i = 0; i < 30_000; i++) {
      const known = random.chance(0.3) ? random.pick(texts.length > 0 ? texts : ['']) : undefined;
      const length = random.chance(0.001) ? random.int(0, 9000) : random.int(0, 12);
      const text = known ?? Array.from({ length }, () => random.pick(['a', 'b', '.', '\0', '$', 'o'])).join('');
      const looked = random.chance(0.5) ? plain(table, text) : -1;
      const number = looked === -1 ? table.intern(text) : looked;
      equal(number, numbers.get(text) ?? numbers.size, JSON.stringify(text));
      if (number === numbers.size) texts.push(text);
      numbers.set(text, number);
    }
    for (const [number, text] of texts.entries()) equal(textOf(table, number), text);
  });

  test('takes nothing for plain that may be something else', () => {
    const table = tableOf();
    for (const text of [
      'größe',
      'A$$B',
      '$$',
      'a.so',
      '/tmp/a (deleted)',
      'jdk/internal/reflect/GeneratedMethodAccessor1',
    ]) {
      equal(plain(table, text), -1, text);
      equal(textOf(table, table.intern(text)), text);
    }
    for (const text of ['', 'A$B$', 'a.soo', 'jdk/internal/reflect/X', '1']) ok(plain(table, text) >= 0, text);
  });

  test('joins symbols, and takes the rest of one', () => {
    const table = tableOf();
    const [first, second] = [table.intern('größe'), table.intern('a.b.c')];

    equal(table.lastPointOf(first), -1);
    equal(table.lastPointOf(second), 3);
    equal(table.internJoined(first, second, 3), table.intern('größe.a.b'));
    equal(table.internRest(second, 4), table.intern('c'));
    equal(table.internJoined(table.intern(''), second, 0), table.intern('.'));
    equal(table.lastPointOf(table.intern('.')), 0);
    equal(table.internRest(table.intern('a.'), 2), table.intern(''));
  });

  test('grows within its memory', () => {
    const long = tableOf({ limitBytes: 1 << 20 });
    throws(() => long.intern('x'.repeat(1 << 20)), { message: 'full' });
    const many = tableOf({ limitBytes: 1 << 20 });
    throws(
      () => {
        for (let i = 0; ; i++) many.intern(String(i));
      },
      { message: 'full' },
    );
    equal(textOf(many, many.intern('7')), '7');
  });
});

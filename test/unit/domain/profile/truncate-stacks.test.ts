import { deepEqual, equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runSteps } from '#src/domain/model/steps.ts';
import { nameText } from '#src/domain/profile/name-table.ts';
import { otherLocation, truncateStacks } from '#src/domain/profile/truncate-stacks.ts';
import type { SymbolColumns } from '#src/domain/symbols/symbol-columns.ts';
import { testSecret } from '../../../fixtures/hash-secret.ts';
import { Random } from '../../../fixtures/random.ts';
import { shop, stacksOf } from './folded-tree.ts';
import { symbolsOf } from './symbols-of.ts';

const seed = Number(process.env['SEED'] ?? 1);

describe('truncateStacks', () => {
  test('keeps the first location below the threshold and cuts what is behind it', () => {
    deepEqual(cut(stacksOf(shop), 4), {
      'main;io;other': 13n,
      'main;work': 20n,
      'main;work;parse': 40n,
      'main;work;parse;alloc': 25n,
      other: 2n,
    });
    deepEqual(cut(stacksOf(shop), 2), {
      'main;io;other': 13n,
      'main;work': 20n,
      'main;work;parse': 40n,
      'main;work;parse;other': 25n,
      other: 2n,
    });
  });

  test('leaves stacks alone without a limit', () => {
    const { symbols, value } = symbolsOf([[['main', '0x10'], 3n]]);
    equal(runSteps(truncateStacks(symbols, value, 0, testSecret)).value, value);
  });

  test('counts functions, not locations', () => {
    deepEqual(
      cut(
        [
          [['main<<a<<b'], 5n],
          [['main<<a<<b', 'c'], 1n],
        ],
        3,
      ),
      { 'main<<a<<b': 5n, 'main<<a<<b;c': 1n },
    );
    deepEqual(
      cut(
        [
          [['main<<a<<b'], 5n],
          [['main<<a<<b', 'c', 'd'], 1n],
        ],
        3,
      ),
      {
        'main<<a<<b': 5n,
        'main<<a<<b;c;other': 1n,
      },
    );
  });

  test('keeps frames without functions above a function that weighs enough', () => {
    deepEqual(
      cut(
        [
          [['0x10', 'main', '0x20'], 5n],
          [['0x10', 'main', '0x20', 'a', 'b'], 1n],
        ],
        1,
      ),
      {
        '0x10;main;0x20': 5n,
        '0x10;main;0x20;a;other': 1n,
      },
    );
  });

  test('leaves only the stub of a stack without functions', () => {
    deepEqual(
      cut(
        [
          [['0x10', '0x20'], 5n],
          [['main'], 1n],
        ],
        100,
      ),
      { other: 5n, main: 1n },
    );
  });

  test('does not let stacks without value take a place', () => {
    deepEqual(
      cut(
        [
          [['a', 'b'], 2n],
          [['c', 'd', 'e'], 0n],
          [['a', 'f', 'g'], 1n],
        ],
        4,
      ),
      { 'a;b': 2n, 'a;f;g': 1n },
    );
  });

  test(`agrees with a version that looks at whole stacks (seed ${seed})`, () => {
    const random = new Random(seed);
    const frames = ['a', 'b', 'c<<d', 'e', '0x1', 'other', 'a<<b<<c'];
    for (let round = 0; round < 200; round++) {
      const stacks = Array.from({ length: random.int(0, 40) }, () => {
        const stack = Array.from({ length: random.int(1, 6) }, () => random.pick(frames));
        return [stack, BigInt(random.int(1, 20))] as [string[], bigint];
      });
      const maxNodes = random.int(1, 30);
      deepEqual(cut(stacks, maxNodes), cutPlain(stacks, maxNodes));
    }
  });
});

function cut(stacks: Parameters<typeof symbolsOf>[0], maxNodes: number): Record<string, bigint> {
  const { symbols, value } = symbolsOf(stacks);
  const result = runSteps(truncateStacks(symbols, value, maxNodes, testSecret));
  const sums: Record<string, bigint> = {};
  for (let i = 1; i < result.value.length; i++) {
    if (result.value[i] === 0n) continue;
    const path: string[] = [];
    for (let row = i; row > 0; row = result.parent[row]) path.unshift(locationText(symbols, result.location[row]));
    // A real frame "other" and the stub read alike, so they are added up here as they are in the plain version.
    sums[path.join(';')] = (sums[path.join(';')] ?? 0n) + result.value[i];
  }
  return sums;
}

function locationText(symbols: SymbolColumns, location: number): string {
  if (location === otherLocation(symbols)) return 'other';
  const { lineOffsets, lineFunction, address } = symbols.locations;
  const names: string[] = [];
  for (let i = lineOffsets[location + 1] - 1; i >= lineOffsets[location]; i--) {
    names.push(nameText(symbols.strings, symbols.functions.name[lineFunction[i]]));
  }
  return names.length > 0 ? names.join('<<') : `0x${address[location].toString(16)}`;
}

function cutPlain(stacks: readonly [string[], bigint][], maxNodes: number): Record<string, bigint> {
  const functionsIn = (frame: string) => (frame.startsWith('0x') ? [] : frame.split('<<'));
  const totals = new Map<string, bigint>();
  for (const [frames, value] of stacks) {
    const functions = frames.flatMap(functionsIn);
    for (let i = 1; i <= functions.length; i++) {
      const path = functions.slice(0, i).join(';');
      totals.set(path, (totals.get(path) ?? 0n) + value);
    }
  }
  const sorted = [...totals.values()].sort((a, b) => (a < b ? 1 : a > b ? -1 : 0));
  const min = sorted.length <= maxNodes ? 0n : sorted[maxNodes - 1];

  const sums: Record<string, bigint> = {};
  for (const [frames, value] of stacks) {
    const functions = frames.flatMap(functionsIn);
    const weighty = functions.filter((_, i) => totals.get(functions.slice(0, i + 1).join(';'))! >= min).length;
    let path = frames;
    if (weighty === 0) path = ['other'];
    else if (weighty < functions.length) {
      let covered = 0;
      let kept = 0;
      while (covered < weighty + 1) covered += functionsIn(frames[kept++]).length;
      path = kept < frames.length ? [...frames.slice(0, kept), 'other'] : frames;
    }
    sums[path.join(';')] = (sums[path.join(';')] ?? 0n) + value;
  }
  return sums;
}

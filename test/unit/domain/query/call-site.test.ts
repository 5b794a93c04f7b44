import { deepEqual, equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runSteps } from '#src/domain/model/steps.ts';
import { matchesCallSite, nodesAtCallSite, stacksAtCallSite } from '#src/domain/query/call-site.ts';
import { Random } from '../../../fixtures/random.ts';
import { symbolsOf } from '../profile/symbols-of.ts';

const seed = Number(process.env['SEED'] ?? 1);
const mappings = [{ file: '/bin/app' }];

describe('stacksAtCallSite', () => {
  const stacks = ['main', 'main;work', 'main;work;parse', 'main;io', 'gc', 'main;outer<<inner;leaf', '0x10;main'];
  const { symbols, value } = symbolsOf(
    stacks.map((stack, i) => [stack.split(';'), BigInt(i + 1)]),
    { mappings },
  );
  const selected = (...callSite: string[]) => {
    const marks = stacksAtCallSite(symbols, callSite);
    return stacks.filter((_, i) => marks[value.indexOf(BigInt(i + 1))] === 1);
  };

  test('selects stacks that begin with the call site', () => {
    deepEqual(selected('main', 'work'), ['main;work', 'main;work;parse']);
    deepEqual(selected('work'), []);
    deepEqual(selected('main', 'nope'), []);
    deepEqual(selected(), stacks);
  });

  test('counts inlined functions as positions, and may end between them', () => {
    deepEqual(selected('main', 'outer'), ['main;outer<<inner;leaf']);
    deepEqual(selected('main', 'outer', 'inner', 'leaf'), ['main;outer<<inner;leaf']);
    deepEqual(selected('main', 'inner'), []);
  });

  test('knows frames without functions by the names that graphs show', () => {
    deepEqual(selected('app+0x10', 'main'), ['0x10;main']);
  });
});

test(`stacksAtCallSite agrees with matchesCallSite (seed ${seed})`, () => {
  const random = new Random(seed);
  const frames = ['a', 'b', 'a<<b', 'b<<b<<a', '0x1', ''];
  for (let round = 0; round < 200; round++) {
    const stacks = Array.from({ length: random.int(1, 20) }, () =>
      Array.from({ length: random.int(1, 5) }, () => random.pick(frames)),
    );
    const callSite = Array.from({ length: random.int(0, 3) }, () => random.pick(['a', 'b', 'app+0x1', '', 'z']));
    for (const stack of stacks) {
      const { symbols, value } = symbolsOf([...stacks.map((other) => [other, 0n] as const), [stack, 1n]], { mappings });
      const names = stack.flatMap((frame) => (frame === '0x1' ? ['app+0x1'] : frame.split('<<')));
      const selected = stacksAtCallSite(symbols, callSite)[value.indexOf(1n)] === 1;
      equal(selected, matchesCallSite(names, callSite), `${names} at ${callSite}`);
    }
  }
});

test(`nodesAtCallSite agrees with matchesCallSite (seed ${seed})`, () => {
  const random = new Random(seed);
  const names = ['', 'a', 'b', 'c'];
  for (let round = 0; round < 200; round++) {
    const rows = random.int(1, 30);
    const parent = Int32Array.from({ length: rows }, (_, row) => (row === 0 ? -1 : random.int(0, row - 1)));
    const name = Uint32Array.from({ length: rows }, (_, row) => (row === 0 ? 0 : random.int(0, names.length - 1)));
    const callSite = Array.from({ length: random.int(0, 3) }, () => random.pick([...names, 'nobody']));

    const wanted = callSite.map((one) => names.indexOf(one));
    const selected = runSteps(nodesAtCallSite({ parent, name }, wanted));

    const pathOf = (row: number): string[] => (row === 0 ? [] : [...pathOf(parent[row]), names[name[row]]]);
    for (let row = 0; row < rows; row++) {
      equal(selected[row] === 1, matchesCallSite(pathOf(row), callSite), `${pathOf(row)} at ${callSite}`);
    }
  }
});

import { deepEqual, equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { repairGoProfile } from '#src/domain/pprof/go-repair.ts';
import { mayHaveTruncatedStacks, repairTruncatedStacks } from '#src/domain/pprof/go-truncated-stacks.ts';
import { withoutTypeParameters } from '#src/domain/pprof/go-type-parameters.ts';
import { plainPprof } from '../../../fixtures/pprof-builder.ts';

describe('withoutTypeParameters', () => {
  for (const [name, expected] of [
    ['slices.Sort[go.shape.[]int]', 'slices.Sort'],
    ['slices.Sort[go.shape.int].func1', 'slices.Sort.func1'],
    ['m[go.shape.map[string][]int,go.shape.int].Get[go.shape.string]', 'm.Get'],
    ['pkg.Map[int]', 'pkg.Map[int]'],
    ['pkg.Map[int,go.shape.int]', 'pkg.Map[int,go.shape.int]'],
    ['walk[go.shape.string', 'walk[go.shape.string'],
    ['a[go.shape.int]b[go.shape.[]int', 'ab[go.shape.[]int'],
    ['[go.shape.int]', ''],
    ['', ''],
  ] as const) {
    test(`makes ${JSON.stringify(expected)} of ${JSON.stringify(name)}`, () => {
      equal(withoutTypeParameters(name), expected);
    });
  }
});

describe('mayHaveTruncatedStacks', () => {
  test('looks at heap profiles that go to just below the limit of the runtime', () => {
    equal(mayHaveTruncatedStacks(['alloc_space'], [5, 27]), false);
    equal(mayHaveTruncatedStacks(['alloc_space'], [5, 28]), true);
    equal(mayHaveTruncatedStacks(['alloc_space'], [28, 32]), true);
    equal(mayHaveTruncatedStacks(['alloc_space'], [28, 33]), false);
  });

  test('looks at CPU profiles that go deep', () => {
    equal(mayHaveTruncatedStacks(['samples', 'cpu'], [59]), false);
    equal(mayHaveTruncatedStacks(['samples', 'cpu'], [60, 200]), true);
  });

  test('looks at no other profile', () => {
    equal(mayHaveTruncatedStacks(['contentions', 'delay'], [30, 60]), false);
    equal(mayHaveTruncatedStacks(['cpu'], []), false);
  });
});

/** Rows from `first` down to `last`, leaf first: a stack whose root is `last`. */
function stack(first: number, last: number): number[] {
  return Array.from({ length: first - last + 1 }, (_, i) => first - i);
}

describe('repairTruncatedStacks', () => {
  test('gives a cut stack the frames that another one has at its root', () => {
    const whole = stack(40, 0);
    const cut = stack(60, 5);

    deepEqual(repairTruncatedStacks([whole, cut]), [whole, stack(60, 0)]);
  });

  test('gives them to every stack of a group, wherever it stands', () => {
    const others = [[100, ...stack(50, 5)], stack(40, 0), [101, ...stack(50, 5)]];

    deepEqual(repairTruncatedStacks(others), [[100, ...stack(50, 0)], stack(40, 0), [101, ...stack(50, 0)]]);
  });

  test('follows stacks that are cut themselves', () => {
    const stacks = [stack(60, 15), stack(50, 8), stack(40, 0)];

    deepEqual(repairTruncatedStacks(stacks), [stack(60, 0), stack(50, 0), stack(40, 0)]);
  });

  test('leaves stacks alone that are short, whole, or too far from any other', () => {
    const stacks = [stack(22, 0), stack(140, 100), stack(40, 0), stack(60, 9)];

    deepEqual(repairTruncatedStacks(stacks), stacks);
  });

  test('takes the window that is furthest from its root', () => {
    const cut = stack(60, 8);
    const three = [...stack(40, 8), ...stack(103, 101)];
    const six = [...stack(40, 8), ...stack(206, 201)];

    deepEqual(repairTruncatedStacks([three, cut, six])[1], [...cut, ...stack(206, 201)]);
    deepEqual(repairTruncatedStacks([six, cut, three])[1], [...cut, ...stack(206, 201)]);
  });

  test('changes nothing at all when some stacks continue each other for ever', () => {
    const ring = (start: number): number[] => Array.from({ length: 30 }, (_, i) => 1000 + ((start + i) % 30));
    const stacks = [stack(40, 0), stack(60, 5), ...Array.from({ length: 30 }, (_, start) => ring(start))];

    deepEqual(repairTruncatedStacks(stacks), stacks);
  });
});

describe('repairGoProfile', () => {
  test('finds the missing frames of stacks whose names differ only in type parameters', () => {
    const names = (shape: string, first: number, last: number): string =>
      Array.from({ length: last - first + 1 }, (_, i) => `f${first + i}[go.shape.${shape}]`).join(';');
    const profile = plainPprof({
      types: ['cpu/nanoseconds'],
      samples: [
        { stack: names('int', 0, 63), v: [1] },
        { stack: `${names('string', 4, 67)};leaf`, v: [2] },
      ],
    });

    const repaired = repairGoProfile(profile);

    deepEqual(
      repaired.samples.map(({ locationIds }) => locationIds.length),
      [64, 69],
    );
    equal(repaired.samples[1]?.locationIds.at(-1), repaired.samples[0]?.locationIds.at(-1));
  });

  test('changes no profile that needs nothing', () => {
    const profile = plainPprof({ samples: [{ stack: 'main;f[int]', v: [1] }] });

    deepEqual(repairGoProfile(profile), profile);
  });
});

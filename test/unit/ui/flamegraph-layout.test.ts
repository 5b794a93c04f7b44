import { deepEqual, equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  layoutOf,
  neighbour,
  placeAt,
  placeOf,
  shareOf,
  spanOf,
  topFunctions,
  valueText,
} from '#src/ui/flamegraph-layout.js';

// total ─┬─ a ─┬─ b      a = 1, a;b = 3, a;c = 2, d;c = 4
//        │     └─ c
//        └─ d ─── c
const graph = {
  names: ['total', 'a', 'c', 'b', 'd'],
  levels: [
    { values: ['0', '10', '0', '0'] },
    { values: ['0', '6', '1', '1', '0', '4', '0', '4'] },
    { values: ['1', '3', '3', '3', '0', '2', '2', '2', '0', '4', '4', '2'] },
  ],
  total: '10',
  maxSelf: '4',
};
const layout = layoutOf(graph);

describe('layoutOf', () => {
  test('places boxes by the distances between them', () => {
    deepEqual(
      layout.rows.map(({ name, left, right, self, parent }) => ({ name, left, right, self, parent })),
      [
        { name: ['total'], left: [0], right: [1], self: [0], parent: [-1] },
        { name: ['a', 'd'], left: [0, 0.6], right: [0.6, 1], self: [1, 0], parent: [0, 0] },
        { name: ['b', 'c', 'c'], left: [0.1, 0.4, 0.6], right: [0.4, 0.6, 1], self: [3, 2, 4], parent: [0, 0, 1] },
      ],
    );
  });

  test('no data is no rows', () => {
    deepEqual(layoutOf({ names: ['total'], levels: [{ values: ['0', '0', '0', '0'] }] }).rows, []);
    deepEqual(layoutOf({ names: [], levels: [] }).rows, []);
  });

  test('equal stacks have equal paths, others have others', () => {
    const paths = layout.rows.flatMap((row) => row.path);
    equal(new Set(paths).size, paths.length);
    deepEqual(
      layoutOf(graph).rows.flatMap((row) => row.path),
      paths,
    );
  });
});

describe('placeAt', () => {
  const whole = { left: 0, right: 1 };

  test('finds the box under a point', () => {
    deepEqual(placeAt(layout, whole, 1, 0.59), { depth: 1, index: 0 });
    deepEqual(placeAt(layout, whole, 1, 0.61), { depth: 1, index: 1 });
  });

  test('finds nothing beside boxes and below the graph', () => {
    equal(placeAt(layout, whole, 2, 0.05), undefined);
    equal(placeAt(layout, whole, 3, 0.5), undefined);
    equal(placeAt(layout, whole, -1, 0.5), undefined);
    equal(placeAt(layout, whole, 0, 1), undefined);
  });

  test('looks at what is seen', () => {
    const view = spanOf(layout, { depth: 1, index: 1 });
    deepEqual(placeAt(layout, view, 2, 0.01), { depth: 2, index: 2 });
    deepEqual(placeAt(layout, view, 0, 0.99), { depth: 0, index: 0 });
  });
});

test('placeOf finds a path again', () => {
  deepEqual(placeOf(layout, layout.rows[2]?.path[2] ?? ''), { depth: 2, index: 2 });
  equal(placeOf(layout, 'nowhere'), undefined);
});

describe('neighbour', () => {
  const from = (depth: number, index: number, direction: 'up' | 'down' | 'left' | 'right') =>
    neighbour(layout, { depth, index }, direction);

  test('goes down to the widest callee and up to the caller', () => {
    deepEqual(from(0, 0, 'down'), { depth: 1, index: 0 });
    deepEqual(from(1, 0, 'down'), { depth: 2, index: 0 });
    deepEqual(from(1, 1, 'down'), { depth: 2, index: 2 });
    deepEqual(from(2, 2, 'up'), { depth: 1, index: 1 });
  });

  test('stays where the graph ends', () => {
    deepEqual(from(0, 0, 'up'), { depth: 0, index: 0 });
    deepEqual(from(2, 1, 'down'), { depth: 2, index: 1 });
    deepEqual(from(1, 0, 'left'), { depth: 1, index: 0 });
    deepEqual(from(1, 1, 'right'), { depth: 1, index: 1 });
  });
});

test('shareOf counts what is below a match once', () => {
  equal(
    shareOf(layout, (name) => name === 'c'),
    0.6,
  );
  equal(
    shareOf(layout, (name) => name === 'a' || name === 'b'),
    0.6,
  );
  equal(
    shareOf(layout, () => true),
    1,
  );
  equal(
    shareOf(layoutOf({ names: [], levels: [] }), () => true),
    0,
  );
});

test('topFunctions sums own values over all stacks', () => {
  deepEqual(topFunctions(layout, 2), [
    { name: 'c', self: 6 },
    { name: 'b', self: 3 },
  ]);
});

test('valueText writes values as a person reads them', () => {
  equal(valueText(1_500_000_000, 'nanoseconds'), '1.5 s');
  equal(valueText(5.4e12, 'nanoseconds'), '1.5 h');
  equal(valueText(999, 'nanoseconds'), '999 ns');
  equal(valueText(12 << 20, 'bytes'), '12 MiB');
  equal(valueText(3_210, 'samples'), '3.21 k');
  equal(valueText(0, 'count'), '0');
});

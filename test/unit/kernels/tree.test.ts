import { deepEqual, equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Arena } from '#src/kernels/instance.ts';
import { takeTree } from '#src/kernels/symbol-space.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { Random } from '../../fixtures/random.ts';

describe('tree', () => {
  for (const n of [0, 1, 15, 16, 17, 63, 64, 65, 100_000]) {
    test(`agrees with a Map on ${n} insertions`, (t) => {
      const seed = Number(process.env['SEED'] ?? n);
      t.diagnostic(`seed ${seed}`);
      const random = new Random(seed);
      const kernels = testKernels();
      const { treeChild } = kernels.exports;
      const tree = kernels.exports.treeNew(Arena.head, 8, 0) >>> 0;
      const rows = new Map<string, number>();
      const nodes: [parent: number, key: number][] = [[-1, 0]];
      for (let i = 0; i < n; i++) {
        const parent = random.int(0, nodes.length - 1);
        const key = random.int(0, 20);
        const known = rows.get(`${parent} ${key}`);
        if (known === undefined) nodes.push([parent, key]);
        rows.set(`${parent} ${key}`, known ?? nodes.length - 1);

        equal(treeChild(tree, parent, key) >>> 0, rows.get(`${parent} ${key}`));
      }

      const columns = takeTree(kernels, tree);
      deepEqual(
        [...columns.parent],
        nodes.map(([parent]) => parent),
      );
      deepEqual(
        [...columns.key],
        nodes.map(([, key]) => key),
      );
    });
  }
});

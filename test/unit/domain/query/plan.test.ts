import { deepEqual, equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { BlockMeta, DatasetMeta } from '#src/domain/block/block-meta.ts';
import { planQuery } from '#src/domain/query/plan.ts';

const MIB = 1 << 20;

/** Datasets of a size, all with the same symbol space unless `symbolsAt` says where theirs is. */
function blockOf(id: number, ...datasets: readonly { sizeBytes: number; symbolsAt?: number }[]): BlockMeta {
  const metas = datasets.map(
    ({ sizeBytes, symbolsAt = 0 }): DatasetMeta => ({
      ...{ tenant: 'a', service: 's', minTimeMs: 0, maxTimeMs: 0, headBytes: 1, labels: [] },
      range: { offset: 100 * MIB, sizeBytes },
      symbols: { offset: symbolsAt, sizeBytes: MIB },
    }),
  );
  return {
    ...{ id: `${id}`, shard: 1, tenant: '', level: 0, minTimeMs: 0, maxTimeMs: 0, sizeBytes: 1 },
    datasets: metas,
  };
}

function idsOf(plan: ReturnType<typeof planQuery>): string[] {
  return plan.map(({ blocks }) => blocks.map(({ id }) => id).join(' '));
}

describe('planQuery', () => {
  test('plans nothing for no blocks', () => deepEqual(planQuery([]), []));

  test('reads blocks in their order, about 4 MiB with their symbols at a time', () => {
    const blocks = [1, 2, 3, 4, 5].map((id) => blockOf(id, { sizeBytes: MIB }));

    deepEqual(idsOf(planQuery(blocks)), ['1 2', '3 4', '5']);
  });

  test('counts a symbol space once for all datasets that share it', () => {
    const shared = [1, 2].map((id) => blockOf(id, { sizeBytes: MIB / 2 }, { sizeBytes: MIB / 2 }));
    const apart = [1, 2].map((id) => blockOf(id, { sizeBytes: MIB / 2 }, { sizeBytes: MIB / 2, symbolsAt: 50 * MIB }));

    deepEqual(idsOf(planQuery(shared)), ['1 2']);
    deepEqual(idsOf(planQuery(apart)), ['1', '2']);
  });

  test('gives a block that is larger than a node a node of its own', () => {
    const blocks = [blockOf(1, { sizeBytes: 1 }), blockOf(2, { sizeBytes: 80 * MIB }), blockOf(3, { sizeBytes: 1 })];

    deepEqual(idsOf(planQuery(blocks)), ['1', '2', '3']);
  });

  test('reads at most 64 blocks at a time, however small', () => {
    const blocks = Array.from({ length: 130 }, (_, id) => blockOf(id));

    const plan = planQuery(blocks);

    deepEqual(
      plan.map((node) => node.blocks.length),
      [64, 64, 2],
    );
    equal(plan.flatMap((node) => node.blocks).length, 130);
  });
});

import { deepEqual, equal, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SLOT_COUNT, Slot } from '#src/domain/jfr/event-kinds.ts';
import { emptySnapshot } from '#src/domain/jfr/labels-snapshot.ts';
import { SampleLabels } from '#src/domain/jfr/sample-labels.ts';
import { SampleSums } from '#src/domain/jfr/sample-sums.ts';
import { ValueSlots } from '#src/domain/jfr/value-plan.ts';
import { MemoryBudget } from '#src/domain/model/memory-budget.ts';
import { jfrChunk } from '../../../fixtures/jfr-builder.ts';
import { convert, totalsOf, uploadOf } from './converted.ts';

function tablesWithin(limitBytes: number) {
  const memory = new MemoryBudget(limitBytes, () => new Error('full'));
  const means = { secret: [1, 2], memory } as const;
  return { labels: new SampleLabels(emptySnapshot, means), sums: new SampleSums(means), memory };
}

describe('labels of samples', () => {
  test('with a span of its own each, as time of both kinds, take 200 bytes a sample at most', () => {
    const { labels, sums, memory } = tablesWithin(128 << 20);
    const slots = new ValueSlots(SLOT_COUNT);
    let worst = 0;
    for (let i = 1; i <= 600_000; i++) {
      slots.low[Slot.spanId] = Math.imul(i, 0x9e37_79b1);
      slots.high[Slot.spanId] = i;
      const set = labels.setOf(slots);
      for (const family of [0, 1]) sums.add(family, 1, set, 1, 0, 0);
      if (i > 10_000) worst = Math.max(worst, memory.takenBytes / i);
    }
    ok(worst <= 200, `${worst} bytes`);
  });

  test('are the empty set where events name spans and contexts that nobody sent', () => {
    const { labels } = tablesWithin(1 << 20);
    const slots = new ValueSlots(SLOT_COUNT);
    equal(labels.setOf(slots), 0);
    slots.low[Slot.contextId] = 5;
    slots.high[Slot.spanName] = 7;
    equal(labels.setOf(slots), 0);
    slots.high[Slot.traceIdHigh] = -1;
    const set = labels.setOf(slots);
    ok(set > 0);
    slots.low[Slot.contextId] = 6;
    equal(labels.setOf(slots), set);
  });

  test('take no recording over its bound that has a span for each sample', () => {
    // Above a power of two tables have just grown.
    const count = 2 ** 17 + 100;
    const samples = Array.from({ length: count }, (_, i) => ({
      ...{ event: 'jdk.ExecutionSample', stack: `A.m${i % 100}` },
      spanId: (BigInt(i + 1) * 0x9e37_79b9_7f4a_7c15n) & 0x7fff_ffff_ffff_ffffn,
    }));
    const [profile] = convert(uploadOf(jfrChunk({ events: samples })));

    deepEqual(profile && totalsOf(profile), [BigInt(count) * 10_000_000n]);
  });
});

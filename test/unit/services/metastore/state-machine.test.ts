import { deepEqual, equal, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { BlockMeta } from '#src/domain/block/block-meta.ts';
import { encodeAddBlock } from '#src/services/metastore/command.ts';
import { StateMachine } from '#src/services/metastore/state-machine.ts';
import { Random, runSeed } from '../../../fixtures/random.ts';
import { randomBlock, TENANTS } from './random-blocks.ts';

describe('StateMachine', () => {
  const seed = runSeed();
  test(`makes the same rows and the same answers of the same log, wherever it starts (seed ${seed})`, () => {
    const random = new Random(seed);
    const blocks = Array.from({ length: 200 }, () => randomBlock(random));
    const log = Array.from({ length: 300 }, () => encodeAddBlock(random.pick(blocks)));

    const one = replay(new StateMachine(), log);
    const other = replay(new StateMachine(), log);
    const half = replay(new StateMachine(), log.slice(0, 150));
    const restored = new StateMachine();
    restored.restore(
      150,
      [...half.rows].map(([key, value]) => ({ key: Buffer.from(key, 'hex'), value })),
    );
    const continued = replay(restored, log.slice(150));

    deepEqual(bytesOf(other.rows), bytesOf(one.rows));
    deepEqual(bytesOf(new Map([...half.rows, ...continued.rows])), bytesOf(one.rows));
    deepEqual(everything(other.machine), everything(one.machine));
    deepEqual(everything(continued.machine), everything(one.machine));
    equal(continued.machine.applied, 300);
  });

  test('adds a block once, however often it is told', () => {
    const machine = new StateMachine();
    const block = randomBlock(new Random(1));
    equal(machine.apply(1, encodeAddBlock(block)).outcome, 'added');

    const again = machine.apply(2, encodeAddBlock({ ...block, shard: block.shard + 1 }));

    deepEqual(again, { outcome: 'known', changes: [] });
    deepEqual(everything(machine), [block]);
    equal(machine.applied, 2);
  });

  test('stops at a command that it does not know, and does not step over it', () => {
    const machine = new StateMachine();
    const command = Buffer.from(encodeAddBlock(randomBlock(new Random(1))));
    command[1] = 99;
    throws(() => machine.apply(1, command), { code: 'unimplemented' });
    equal(machine.applied, 0);
  });

  test('refuses to leave out an entry or to apply one twice', () => {
    const machine = new StateMachine();
    const command = encodeAddBlock(randomBlock(new Random(1)));
    throws(() => machine.apply(2, command), /applying 2 after 0/);
    machine.apply(1, command);
    throws(() => machine.apply(1, command), /applying 1 after 1/);
  });
});

function replay(machine: StateMachine, log: readonly Uint8Array[]) {
  const rows = new Map<string, Uint8Array>();
  for (const command of log) {
    for (const { key, value } of machine.apply(machine.applied + 1, command).changes) {
      if (value) rows.set(Buffer.from(key).toString('hex'), value);
    }
  }
  return { machine, rows };
}

function bytesOf(rows: ReadonlyMap<string, Uint8Array>): string[] {
  return [...rows].map(([key, value]) => `${key} ${Buffer.from(value).toString('hex')}`).sort();
}

function everything({ index }: StateMachine): BlockMeta[] {
  const found = index.findBlocks({ tenants: TENANTS, startMs: 0, endMs: Number.MAX_SAFE_INTEGER, matchers: [] });
  return found.map((block) => index.blockMetaOf(block));
}

import { runSteps } from '#src/domain/model/steps.ts';
import type { FlameGraph } from '#src/domain/profile/flame-layout.ts';
import type { FunctionTree } from '#src/domain/profile/function-tree.ts';
import { functionTreeTotals } from '#src/domain/profile/function-tree-totals.ts';
import { namesOf, nameText } from '#src/domain/profile/name-table.ts';
import type { Random } from '../../../fixtures/random.ts';

/** Stacks and their values, root first. */
export type Stacks = readonly (readonly [frames: readonly string[], value: bigint])[];

/** Stacks from folded text: `main;work 20`, one per line. */
export function stacksOf(text: string): Stacks {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.map((line) => {
    const [, frames, value] = /^\s*(.*?)\s+(\d+)\s*$/.exec(line) as unknown as [string, string, string];
    return [frames.split(';'), BigInt(value)];
  });
}

export function treeOf(stacks: Stacks): FunctionTree {
  const names: string[] = [];
  const parent = [-1];
  const name = [0];
  const self = [0n];
  const rows = new Map<string, number>();
  for (const [frames, value] of stacks) {
    let row = 0;
    for (const frame of frames) {
      if (!names.includes(frame)) names.push(frame);
      const key = `${row} ${frame}`;
      if (!rows.has(key)) {
        rows.set(key, parent.push(row) - 1);
        name.push(names.indexOf(frame));
        self.push(0n);
      }
      row = rows.get(key) as number;
    }
    self[row] += value;
  }
  return {
    parent: Int32Array.from(parent),
    name: Uint32Array.from(name),
    self: BigInt64Array.from(self),
    names: namesOf(names),
  };
}

export function foldedTree(text: string): FunctionTree {
  return treeOf(stacksOf(text));
}

/** `path total/self` of every node, sorted: a tree without its row numbers. */
export function pathsOf(tree: FunctionTree): string[] {
  const total = runSteps(functionTreeTotals(tree));
  const path: string[] = [''];
  const lines: string[] = [];
  for (let i = 1; i < tree.parent.length; i++) {
    const name = nameText(tree.names, tree.name[i]);
    path[i] = tree.parent[i] === 0 ? name : `${path[tree.parent[i]]};${name}`;
    lines.push(`${path[i]} ${total[i]}/${tree.self[i]}`);
  }
  return lines.sort();
}

/** Every level as its numbers. */
export function levelsOf({ bars, barWidth, levelOffsets }: FlameGraph): number[][] {
  const levels: number[][] = [];
  for (let i = 0; i + 1 < levelOffsets.length; i++) {
    levels.push(Array.from(bars.subarray(levelOffsets[i] * barWidth, levelOffsets[i + 1] * barWidth), Number));
  }
  return levels;
}

export function namesIn({ names }: Pick<FlameGraph, 'names'>): string[] {
  return Array.from({ length: names.offsets.length - 1 }, (_, i) => nameText(names, i));
}

/** Some stacks over few names, among them those that folding treats in its own way. */
export function randomStacks(random: Random, count: number): Stacks {
  const choices = ['a', 'b', 'c', 'd', 'other', 'total', '', 'é', '😀', 'main', 'work'];
  return Array.from({ length: count }, () => {
    const frames = Array.from({ length: random.int(1, 7) }, () => random.pick(choices));
    return [frames, BigInt(random.int(1, 30))] as const;
  });
}

/** The example of a busy program that many tests share. */
export const shop = `
  main;work;parse        40
  main;work;parse;alloc  25
  main;work              20
  main;io;read           10
  main;io;write           3
  gc                      2
`;

export const shopLater = `
  main;work;parse        10
  main;work;parse;alloc  60
  main;work              20
  main;net                5
`;

import type { HashSecret } from '#src/domain/model/hash-secret.ts';
import { addSaturatedAt } from '#src/domain/model/saturated-sum.ts';
import { STEP_ROWS, type Steps } from '#src/domain/model/steps.ts';
import type { SymbolColumns } from '#src/domain/symbols/symbol-columns.ts';
import { ChildTable } from './child-table.ts';
import { functionTreeTotals } from './function-tree-totals.ts';
import { minTotal } from './truncate.ts';

/**
 * Stacks with a value each, as a tree of locations. Location number `otherLocation` stands for what was cut off.
 *
 * @shapes    all [n]; row 0 is the root
 * @invariant as the stacks of SymbolColumns, but for the number of the stub
 */
export type StackValues = {
  readonly parent: Int32Array;
  readonly location: Uint32Array;
  readonly value: BigInt64Array;
};

/** The number of the stub that replaces what is cut off: one more than there are locations. */
export function otherLocation(symbols: SymbolColumns): number {
  return symbols.locations.mapping.length;
}

/**
 * Cuts stacks to those parts that weigh enough, for an exported profile of about `maxNodes` functions in its tree.
 *
 * The threshold is that of the tree of functions: two functions of one name in different files are two. The location
 * with the first function below it is kept, what is further towards the leaf becomes one stub:
 *
 *     main  work  parse  alloc                     main  work  parse  other
 *                 ----- below the threshold   =>
 *
 * Of a stack with no function above the threshold, or none at all, only the stub is left.
 *
 * @param  value  per stack; those of 0 are no sample
 * @param  maxNodes 0: cut nothing
 * @shapes value BigInt64Array[stacks]
 */
export function* truncateStacks(
  symbols: SymbolColumns,
  value: BigInt64Array,
  maxNodes: number,
  secret: HashSecret,
): Steps<StackValues> {
  const { parent, location } = symbols.stacks;
  if (maxNodes < 1) return { parent, location, value };
  const used = stacksWithValue(parent, value);
  const { firstNode, lastNode, total } = yield* functionNodesOf(symbols, value, used, secret);
  const min = yield* minTotal(total.subarray(1), maxNodes);
  const other = otherLocation(symbols);

  const open = 0; // Every function so far weighs enough.
  const lastKept = 1; // The location holds the first one that does not.
  const closed = 2; // The stub is behind it.
  const state = new Uint8Array(parent.length);
  const kept = new ChildTable(secret);
  const keptRow = new Uint32Array(parent.length);
  const sampleRow = new Uint32Array(parent.length);
  for (let i = 1; i < parent.length; i++) {
    if (i % STEP_ROWS === 0) yield;
    if (used[i] === 0) continue;
    const p = parent[i];
    if (state[p] === closed) {
      state[i] = closed;
      keptRow[i] = keptRow[p];
    } else if (state[p] === lastKept) {
      state[i] = closed;
      keptRow[i] = kept.childOf(keptRow[p], other);
    } else if (lastNode[p] === 0 && firstNode[i] !== 0 && total[firstNode[i]] < min) {
      state[i] = closed;
      keptRow[i] = kept.childOf(0, other);
    } else {
      state[i] = lastNode[i] === 0 || total[lastNode[i]] >= min ? open : lastKept;
      keptRow[i] = kept.childOf(keptRow[p], location[i]);
    }
    sampleRow[i] = lastNode[i] === 0 ? kept.childOf(0, other) : keptRow[i];
  }

  const keptValue = new BigInt64Array(kept.length);
  for (let i = 1; i < parent.length; i++) {
    if (used[i] === 1) addSaturatedAt(keptValue, sampleRow[i], value[i]);
  }
  const columns = kept.columns();
  return { parent: columns.parent, location: columns.name, value: keptValue };
}

/** 1 for stacks that have a value, or that one with a value goes through. */
export function stacksWithValue(parent: Int32Array, value: BigInt64Array): Uint8Array {
  const used = new Uint8Array(parent.length);
  for (let i = parent.length - 1; i > 0; i--) {
    if (value[i] > 0n) used[i] = 1;
    if (used[i] === 1 && parent[i] > 0) used[parent[i]] = 1;
  }
  return used;
}

/** @shapes firstNode, lastNode Uint32Array[stacks]; total BigInt64Array[nodes] */
type FunctionNodes = {
  readonly firstNode: Uint32Array;
  readonly lastNode: Uint32Array;
  readonly total: BigInt64Array;
};

/**
 * The tree of functions of the stacks, and where in it each stack is: `firstNode` and `lastNode` of a stack are those
 * of its own location, outermost and innermost, and where the caller's ended when the location has no lines.
 */
function* functionNodesOf(
  symbols: SymbolColumns,
  value: BigInt64Array,
  used: Uint8Array,
  secret: HashSecret,
): Steps<FunctionNodes> {
  const { parent, location } = symbols.stacks;
  const { lineOffsets, lineFunction } = symbols.locations;
  const nodes = new ChildTable(secret);
  const firstNode = new Uint32Array(parent.length);
  const lastNode = new Uint32Array(parent.length);
  for (let i = 1; i < parent.length; i++) {
    if (i % STEP_ROWS === 0) yield;
    if (used[i] === 0) continue;
    let node = lastNode[parent[i]];
    firstNode[i] = node;
    const first = lineOffsets[location[i]];
    for (let end = lineOffsets[location[i] + 1], line = end - 1; line >= first; line--) {
      node = nodes.childOf(node, lineFunction[line]);
      if (line === end - 1) firstNode[i] = node;
    }
    lastNode[i] = node;
  }
  const self = new BigInt64Array(nodes.length);
  for (let i = 1; i < parent.length; i++) {
    if (value[i] > 0n) addSaturatedAt(self, lastNode[i], value[i]);
  }
  return { firstNode, lastNode, total: yield* functionTreeTotals({ parent: nodes.columns().parent, self }) };
}

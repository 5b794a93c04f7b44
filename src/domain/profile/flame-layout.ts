import { halvesOf } from '#src/domain/model/halves.ts';
import { addSaturated, addSaturatedAt } from '#src/domain/model/saturated-sum.ts';
import { inSteps, LEVEL_ROWS, levelsInSteps, STEP_ROWS, type Steps } from '#src/domain/model/steps.ts';
import type { ByteStrings } from '#src/domain/symbols/symbol-columns.ts';
import { functionTreeTotals } from './function-tree-totals.ts';
import type { LevelOrder } from './level-order.ts';
import { nameCount, namesOf, otherName, selectNames } from './name-table.ts';

/**
 * A flame graph as its answer shows it.
 *
 * Every bar is a group of `barWidth` numbers, left to right in its level. For one tree (barWidth 4):
 *
 *     dx  total  self  name        dx: distance from the right edge of the bar before, or from 0
 *
 * for a difference of two (barWidth 7): `dx total self` of the left tree, the same of the right one, then the name.
 * Level 0 is one bar, the root.
 *
 * @shapes levelOffsets Uint32Array[levels + 1], in bars; bars BigInt64Array[barWidth * count of bars]
 */
export type FlameGraph = {
  readonly names: ByteStrings;
  readonly barWidth: 4 | 7;
  readonly levelOffsets: Uint32Array;
  readonly bars: BigInt64Array;
  readonly total: bigint;
  readonly maxSelf: bigint;
};

/** The values of one tree on the nodes of a `LevelOrder`. @shapes self, total BigInt64Array[n] */
export type Side = { readonly self: BigInt64Array; readonly total: BigInt64Array };

/** @param row of each node in the tree that `self` belongs to, -1 for those that it does not have */
export function* sideOf(parent: Int32Array, row: Int32Array, self: BigInt64Array): Steps<Side> {
  const ordered = new BigInt64Array(row.length);
  yield* inSteps(0, row.length, (start, end) => {
    for (let i = start; i < end; i++) if (row[i] >= 0) ordered[i] = self[row[i]];
  });
  return { self: ordered, total: yield* functionTreeTotals({ parent, self: ordered }) };
}

/** @returns 1 for nodes whose total is `min` at least */
export function* reaching(total: BigInt64Array, min: bigint): Steps<Uint8Array> {
  const reaches = new Uint8Array(total.length);
  yield* inSteps(0, total.length, (start, end) => {
    for (let i = start; i < end; i++) if (total[i] >= min) reaches[i] = 1;
  });
  return reaches;
}

/** What becomes a flame graph. */
export type FlameNodes = Pick<LevelOrder, 'parent' | 'name'> & {
  readonly names: ByteStrings;
  /** One, or the left and the right one. */
  readonly sides: readonly Side[];
  /** 1 for nodes that become bars, if the one that they are called by does; the others go into a bar "other" of their siblings. */
  readonly kept: Uint8Array;
  /** The name that shares number 0 with the root; -1: none. */
  readonly rootName: number;
  /** The name "other"; -1: none. */
  readonly otherName: number;
};

/**
 * Lays nodes out as bars. The bar "other" stands at the right end of its siblings.
 *
 * Names are numbered as a walk meets them: depth first, the last sibling first. The order is visible in the bytes of
 * the answer, so it stays.
 *
 * @cost O(n); every pass goes through its columns from one end to the other
 */
export function* layFlames(nodes: FlameNodes): Steps<FlameGraph> {
  const { sides } = nodes;
  const folded: BigInt64Array[] = [];
  for (const side of sides) folded.push(yield* foldedValues(nodes, side));
  const barWidth = sides.length === 1 ? 4 : 7;
  const bars = yield* barsOf(nodes, folded);
  const values = new BigInt64Array(bars.node.length * barWidth);
  let maxSelf = 0n;
  for (const [i, side] of sides.entries()) {
    const place = { values, barWidth, column: i * 3 };
    const most = yield* writeValues(place, bars, side, folded[i]);
    if (most > maxSelf) maxSelf = most;
  }
  const names = yield* writeNames({ values, barWidth, column: barWidth - 1 }, bars, nodes);
  const total = sides.reduce((sum, side) => addSaturated(sum, side.total[0]), 0n);
  return { names, barWidth, levelOffsets: bars.levelOffsets, bars: values, total, maxSelf };
}

/**
 * The bars from left to right, level by level. `node` is the number of the node, or ~node for the bar "other" among the
 * children of the node.
 *
 * @shapes node Int32Array[m], parent Int32Array[m] (bars), levelOffsets Uint32Array[levels + 1]
 */
type Bars = { readonly node: Int32Array; readonly parent: Int32Array; readonly levelOffsets: Uint32Array };

/** By node: the sum of the children that become no bars of their own. */
function* foldedValues({ parent, kept }: FlameNodes, { total }: Side): Steps<BigInt64Array> {
  const folded = new BigInt64Array(parent.length);
  yield* inSteps(1, parent.length, (start, end) => {
    for (let i = start; i < end; i++) if (kept[i] === 0) addSaturatedAt(folded, parent[i], total[i]);
  });
  return folded;
}

function* barsOf({ parent, kept }: FlameNodes, folded: readonly BigInt64Array[]): Steps<Bars> {
  const n = parent.length;
  // Every bar "other" has a node that is none, so there are no more bars than nodes.
  const bars = { node: new Int32Array(n), parent: new Int32Array(n).fill(-1), count: 1, nextNode: 1 };
  const levelOffsets = [0];
  let done = 0;
  for (let start = 0; start < bars.count; ) {
    const end = bars.count; // Of this level: what comes behind is called by it.
    levelOffsets.push(end);
    for (; start < end; ) {
      const to = Math.min(start + STEP_ROWS, end);
      addBarsBelow(bars, parent, kept, folded, start, to);
      done += to - start + LEVEL_ROWS;
      start = to;
      if (done < STEP_ROWS) continue;
      done = 0;
      yield;
    }
  }
  return {
    node: bars.node.subarray(0, bars.count),
    parent: bars.parent.subarray(0, bars.count),
    levelOffsets: Uint32Array.from(levelOffsets),
  };
}

/** Bars while they are added. Nodes before `nextNode` have been looked at. */
type GrowingBars = { readonly node: Int32Array; readonly parent: Int32Array; count: number; nextNode: number };

function addBarsBelow(
  bars: GrowingBars,
  parent: Int32Array,
  kept: Uint8Array,
  [first, second = first]: readonly BigInt64Array[],
  start: number,
  end: number,
): void {
  let next = bars.count;
  let child = bars.nextNode;
  for (let bar = start; bar < end; bar++) {
    const own = bars.node[bar];
    if (own < 0) continue;
    // Nodes of whose callers no bar was made are passed over.
    while (child < parent.length && parent[child] < own) child++;
    for (; child < parent.length && parent[child] === own; child++) {
      if (kept[child] === 0) continue;
      bars.parent[next] = bar;
      bars.node[next++] = child;
    }
    if (first[own] === 0n && second[own] === 0n) continue;
    bars.parent[next] = bar;
    bars.node[next++] = ~own;
  }
  bars.count = next;
  bars.nextNode = child;
}

/** Where a column of all bars goes. */
type Place = { readonly values: BigInt64Array; readonly barWidth: number; readonly column: number };

/** Writes distance, total and own value of every bar. @returns the largest own value */
function* writeValues(place: Place, bars: Bars, side: Side, folded: BigInt64Array): Steps<bigint> {
  const { values, column } = place;
  const { levelOffsets } = bars;
  const next = new BigInt64Array(bars.node.length);
  next[0] = side.self[0];
  values[column + 1] = side.total[0];
  values[column + 2] = side.self[0];
  let maxSelf = side.self[0];
  yield* levelsInSteps(levelOffsets, 1, (start, end, level) => {
    const right = start === levelOffsets[level] ? 0n : next[bars.parent[start - 1]];
    const most = writeBars(place, bars, side, folded, next, right, start, end);
    if (most > maxSelf) maxSelf = most;
  });
  return maxSelf;
}

/**
 * @param next   of every bar, where its next child begins
 * @param right  the right edge of the bar before, 0 when there is none
 */
function writeBars(
  { values, barWidth, column }: Place,
  { node, parent }: Bars,
  { self, total }: Side,
  folded: BigInt64Array,
  next: BigInt64Array,
  right: bigint,
  start: number,
  end: number,
): bigint {
  let edge = right;
  let maxSelf = 0n;
  for (let bar = start; bar < end; bar++) {
    const own = node[bar];
    const isOther = own < 0;
    const left = next[parent[bar]];
    const value = isOther ? folded[~own] : total[own];
    const ownValue = isOther ? value : self[own];
    addSaturatedAt(next, parent[bar], value);
    next[bar] = left;
    if (!isOther) addSaturatedAt(next, bar, ownValue);
    const at = bar * barWidth + column;
    values[at] = BigInt.asIntN(64, left - edge);
    values[at + 1] = value;
    values[at + 2] = ownValue;
    if (ownValue > maxSelf) maxSelf = ownValue;
    edge = next[parent[bar]];
  }
  return maxSelf;
}

/** Writes the number of the name of every bar. @returns the names by their numbers */
function* writeNames({ values, barWidth, column }: Place, bars: Bars, nodes: FlameNodes): Steps<ByteStrings> {
  const { names, name, rootName, otherName: otherRow } = nodes;
  const { node } = bars;
  const count = nameCount(names);
  // "other" has a row of its own behind the others, when nothing is called so.
  const other = otherRow >= 0 ? otherRow : count;
  const rowOf = (bar: number): number => (node[bar] < 0 ? other : name[node[bar]]);

  const place = yield* placesOnWalk(bars);
  const rowAtPlace = new Uint32Array(node.length);
  yield* inSteps(1, node.length, (start, end) => {
    for (let bar = start; bar < end; bar++) rowAtPlace[place[bar]] = rowOf(bar);
  });
  const numberOf = new Int32Array(count + 1).fill(-1);
  if (rootName >= 0) numberOf[rootName] = 0;
  const rows = new Uint32Array(count + 2); // By number. Number 0 is the root.
  let numbered = 1;
  yield* inSteps(1, node.length, (start, end) => {
    for (let at = start; at < end; at++) {
      const row = rowAtPlace[at];
      if (numberOf[row] >= 0) continue;
      numberOf[row] = numbered;
      rows[numbered++] = row;
    }
  });
  const halves = halvesOf(values);
  yield* inSteps(1, node.length, (start, end) => {
    for (let bar = start; bar < end; bar++) halves[2 * (bar * barWidth + column)] = numberOf[rowOf(bar)];
  });
  return yield* shownNames(names, rows.subarray(0, numbered));
}

/** The place of every bar on a walk that goes depth first, the last sibling first. */
function* placesOnWalk({ parent }: Bars): Steps<Uint32Array> {
  const size = new Uint32Array(parent.length).fill(1);
  for (let bar = parent.length - 1; bar > 0; bar--) size[parent[bar]] += size[bar];
  yield;
  const place = new Uint32Array(parent.length);
  // What is to the right of a bar, and below it, comes before it.
  const endOf = size.slice();
  yield* inSteps(1, parent.length, (from, to) => {
    for (let bar = from; bar < to; bar++) {
      endOf[parent[bar]] -= size[bar];
      place[bar] = endOf[parent[bar]];
      endOf[bar] += place[bar];
    }
  });
  return place;
}

/** @param rows by number; the first one is the root, and a row behind the last name is "other" */
function shownNames(names: ByteStrings, rows: Uint32Array): Steps<ByteStrings> {
  const count = nameCount(names);
  // The root and a folded "other" are the two that need not be among the names.
  const end = names.offsets[count];
  const extra = namesOf(['total', otherName]);
  const bytes = new Uint8Array(end + extra.bytes.length);
  bytes.set(names.bytes.subarray(0, end));
  bytes.set(extra.bytes, end);
  const offsets = new Uint32Array(count + 3);
  offsets.set(names.offsets);
  offsets[count + 1] = end + extra.offsets[1];
  offsets[count + 2] = bytes.length;
  rows[0] = count;
  for (let i = 1; i < rows.length; i++) if (rows[i] === count) rows[i] = count + 1;
  return selectNames({ bytes, offsets }, rows);
}

// @ts-check
// Flame graphs as the API sends them, turned into boxes. Pure: no page, no canvas.

/**
 * As in the answer of SelectMergeStacktraces. Each level is a list of boxes from left to right, four numbers each:
 * distance from the end of the box before it, total, self, name.
 *
 * @typedef {{ names: string[], levels: { values?: (string | number)[] }[], total?: string | number }} FlameGraph
 *
 * The boxes of one depth, as columns from left to right. `left` and `right` are shares of the whole graph: 0 is its left
 * edge, 1 its right edge. `parent` is a position in the row above, -1 if there is none. `path` is the same for the same
 * stack of names in every graph, so that a place in one can be found again in another.
 * @typedef {{ left: number[], right: number[], total: number[], self: number[], name: string[], parent: number[],
 *   path: string[] }} Row
 *
 * @typedef {{ rows: Row[], total: number }} Layout
 * @typedef {{ depth: number, index: number }} Place
 * @typedef {{ left: number, right: number }} Span
 */

/** @param {FlameGraph} graph @returns {Layout} @cost O(n) */
export function layoutOf(graph) {
  const total = Number(graph.total ?? 0);
  /** @type {Row[]} */
  const rows = [];
  if (total <= 0) return { rows, total: 0 };

  for (const { values = [] } of graph.levels) {
    const above = rows.at(-1);
    /** @type {Row} */
    const row = { left: [], right: [], total: [], self: [], name: [], parent: [], path: [] };
    let end = 0;
    let parent = 0;
    for (let i = 0; i + 3 < values.length; i += 4) {
      const start = end + Number(values[i]);
      end = start + Number(values[i + 1]);
      const left = start / total;
      // Boxes and their parents are both sorted, so one walk along the row above meets every parent.
      while (above !== undefined && parent + 1 < above.left.length && above.left[parent + 1] <= left) parent++;
      const name = graph.names[Number(values[i + 3])] ?? '?';
      row.left.push(left);
      row.right.push(end / total);
      row.total.push(Number(values[i + 1]));
      row.self.push(Number(values[i + 2]));
      row.name.push(name);
      row.parent.push(above === undefined ? -1 : parent);
      row.path.push(hash(above === undefined ? '' : above.path[parent], name));
    }
    if (row.left.length === 0) break;
    rows.push(row);
  }
  return { rows, total };
}

/** The part of the graph that is seen when a box fills the width. @param {Layout} layout @param {Place} place @returns {Span} */
export function spanOf(layout, { depth, index }) {
  const row = layout.rows[depth];
  return { left: row.left[index], right: row.right[index] };
}

/**
 * The box under a point, if there is one.
 *
 * @param {Layout} layout @param {Span} view @param {number} depth
 * @param {number} x a share of the width that is seen
 * @returns {Place | undefined}
 */
export function placeAt(layout, view, depth, x) {
  const row = layout.rows[depth];
  if (row === undefined) return undefined;
  const index = firstAfter(row.left, view.left + x * (view.right - view.left)) - 1;
  return index >= 0 && view.left + x * (view.right - view.left) < row.right[index] ? { depth, index } : undefined;
}

/** The place with this path. @param {Layout} layout @param {string} path @returns {Place | undefined} */
export function placeOf(layout, path) {
  for (let depth = 0; depth < layout.rows.length; depth++) {
    const index = layout.rows[depth].path.indexOf(path);
    if (index >= 0) return { depth, index };
  }
  return undefined;
}

/**
 * Where an arrow key leads: up to the caller, down to the widest callee, left and right along the row.
 *
 * @param {Layout} layout @param {Place} place @param {'up' | 'down' | 'left' | 'right'} direction
 * @returns {Place} the same place where the graph ends
 */
export function neighbour(layout, place, direction) {
  const { depth, index } = place;
  const row = layout.rows[depth];
  if (direction === 'left') return { depth, index: Math.max(0, index - 1) };
  if (direction === 'right') return { depth, index: Math.min(row.left.length - 1, index + 1) };
  if (direction === 'up') return depth === 0 ? place : { depth: depth - 1, index: row.parent[index] };

  const below = layout.rows[depth + 1];
  let widest = -1;
  for (let i = 0; below !== undefined && i < below.parent.length; i++) {
    if (below.parent[i] === index && (widest < 0 || below.total[i] > below.total[widest])) widest = i;
  }
  return widest < 0 ? place : { depth: depth + 1, index: widest };
}

/**
 * The share of the whole that is spent in boxes whose name matches, or below them.
 *
 * @param {Layout} layout @param {(name: string) => boolean} matches
 */
export function shareOf(layout, matches) {
  let sum = 0;
  /** @type {boolean[]} whether a box or one above it matches, so that it is not counted twice */
  let counted = [];
  for (const row of layout.rows) {
    const above = counted;
    counted = row.name.map((name, i) => {
      if (above[row.parent[i]]) return true;
      if (!matches(name)) return false;
      sum += row.total[i];
      return true;
    });
  }
  return layout.total === 0 ? 0 : sum / layout.total;
}

/**
 * The functions with the largest self values.
 *
 * @param {Layout} layout @param {number} count @returns {{ name: string, self: number }[]}
 */
export function topFunctions(layout, count) {
  /** @type {Map<string, number>} */
  const selfOf = new Map();
  for (const row of layout.rows) {
    for (let i = 0; i < row.name.length; i++) selfOf.set(row.name[i], (selfOf.get(row.name[i]) ?? 0) + row.self[i]);
  }
  const list = [...selfOf].map(([name, self]) => ({ name, self })).filter(({ self }) => self > 0);
  return list.sort((a, b) => b.self - a.self || (a.name < b.name ? -1 : 1)).slice(0, count);
}

const NANOSECONDS = /** @type {const} */ ([
  ['h', 3.6e12],
  ['min', 6e10],
  ['s', 1e9],
  ['ms', 1e6],
  ['µs', 1e3],
  ['ns', 1],
]);
const BYTES = /** @type {const} */ ([
  ['GiB', 2 ** 30],
  ['MiB', 2 ** 20],
  ['KiB', 2 ** 10],
  ['B', 1],
]);
const COUNT = /** @type {const} */ ([
  ['G', 1e9],
  ['M', 1e6],
  ['k', 1e3],
  ['', 1],
]);

/** A value as a person reads it: `1.5 s`, `12 MiB`, `3.2 k`. @param {number} value @param {string} unit of the sample type */
export function valueText(value, unit) {
  const scales = unit === 'nanoseconds' ? NANOSECONDS : unit === 'bytes' ? BYTES : COUNT;
  const [name, size] = scales.find(([, least]) => value >= least) ?? scales[scales.length - 1];
  const text = Number((value / size).toPrecision(3)).toString();
  return name === '' ? text : `${text} ${name}`;
}

/** Position of the first number that is greater. @param {number[]} sorted @param {number} value */
function firstAfter(sorted, value) {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** FNV-1a of a path and one more name. @param {string} path @param {string} name */
function hash(path, name) {
  let h = 0x811c9dc5;
  for (const character of `${path};${name}`) h = Math.imul(h ^ (character.codePointAt(0) ?? 0), 0x01000193);
  return (h >>> 0).toString(16).padStart(8, '0');
}

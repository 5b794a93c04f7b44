import { inSteps, STEP_ROWS, type Steps } from '#src/domain/model/steps.ts';
import { nameCount, nameText, ranksOfNames, selectNames, sortedRows } from '#src/domain/profile/name-table.ts';
import type { ByteStrings } from '#src/domain/symbols/symbol-columns.ts';
import { flagsOf, type LabelSetColumns, LabelSetTable } from './label-set-table.ts';

/** Which names a client is shown: those that are not `[a-zA-Z_][a-zA-Z0-9_]*` only if it says that it knows such. */
export type ShownNames = 'all' | 'legacy';

const LEGACY_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** Names as an answer has them: those that are shown, sorted by their bytes. */
export function* shownNames(names: ByteStrings, shown: ShownNames): Steps<ByteStrings> {
  const order = yield* inOrder(names);
  if (shown === 'all') return yield* selectNames(names, order);
  const flags = yield* legacyFlags(names);
  return yield* selectNames(
    names,
    order.filter((row) => flags[row] === 1),
  );
}

/**
 * Label sets as an answer has them: with the names that are shown, sorted label by label, the name before the value.
 * Sets that differ only in what is not shown become one.
 */
export function* shownLabelSets(all: LabelSetColumns, shown: ShownNames): Steps<LabelSetColumns> {
  if (shown === 'all') return yield* sortedLabelSets(all);
  const table = new LabelSetTable();
  yield* table.addColumns(all, yield* legacyFlags(all.strings));
  return yield* sortedLabelSets(yield* table.take());
}

function* legacyFlags(strings: ByteStrings): Steps<Uint8Array> {
  return yield* flagsOf(strings, (row) => LEGACY_NAME.test(nameText(strings, row)));
}

function* sortedLabelSets(sets: LabelSetColumns): Steps<LabelSetColumns> {
  const { strings, ends, name, value } = sets;
  const rank = yield* ranksOfNames(strings);
  const startOf = (set: number): number => (set === 0 ? 0 : ends[set - 1]);
  const compare = (a: number, b: number): number => {
    const [aStart, bStart] = [startOf(a), startOf(b)];
    const [aLength, bLength] = [ends[a] - aStart, ends[b] - bStart];
    for (let i = 0; i < Math.min(aLength, bLength); i++) {
      const [ai, bi] = [aStart + i, bStart + i];
      const order = rank[name[ai]] - rank[name[bi]] || rank[value[ai]] - rank[value[bi]];
      if (order !== 0) return order;
    }
    return aLength - bLength;
  };
  const order = yield* sortedRows(
    ends.map((_, set) => set),
    compare,
  );
  const sorted = {
    ends: new Uint32Array(ends.length),
    name: new Uint32Array(name.length),
    value: new Uint32Array(value.length),
  };
  let to = 0;
  yield* inSteps(
    0,
    order.length,
    (start, end) => {
      for (let place = start; place < end; place++) {
        const set = order[place];
        sorted.name.set(name.subarray(startOf(set), ends[set]), to);
        sorted.value.set(value.subarray(startOf(set), ends[set]), to);
        to += ends[set] - startOf(set);
        sorted.ends[place] = to;
      }
    },
    STEP_ROWS / 4,
  );
  return { ...sets, ...sorted };
}

/** @returns the rows of the names, sorted by their bytes */
function* inOrder(names: ByteStrings): Steps<Uint32Array> {
  const rank = yield* ranksOfNames(names);
  const order = new Uint32Array(nameCount(names));
  for (let row = 0; row < order.length; row++) order[rank[row]] = row;
  return order;
}

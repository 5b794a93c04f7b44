import { inSteps, type Steps } from '#src/domain/model/steps.ts';
import { NameTable, nameBytes } from '#src/domain/profile/name-table.ts';
import type { SymbolColumns } from '#src/domain/symbols/symbol-columns.ts';
import { frameName } from './frame-names.ts';

/**
 * Whether a stack is selected by a call site: its functions, from the root, begin with those of the call site.
 *
 * The definition, and what stacksAtCallSite is tested against. Selected stacks keep all their frames.
 *
 * @param names of the frames of a stack, root first, inlined ones expanded
 */
export function matchesCallSite(names: readonly string[], callSite: readonly string[]): boolean {
  return names.length >= callSite.length && callSite.every((name, i) => name === names[i]);
}

/**
 * Which stacks of a symbol space a call site selects: the plain twin of `BlockStacks.keepCallSite`. Frames are compared by the names that a flame graph shows, so
 * that what a person clicks on there selects what they see.
 *
 * @param  callSite function names, root first; none: every stack
 * @shapes Uint8Array[stacks], 1 where the stack is selected
 * @cost   O(stacks + locations), one forward pass: a stack continues where the stack that called it stopped
 */
export function stacksAtCallSite(symbols: SymbolColumns, callSite: readonly string[]): Uint8Array {
  const { parent, location } = symbols.stacks;
  const wanted = new NameTable();
  const wantedNumber = callSite.map((name) => wanted.intern(Buffer.from(name)));
  const functionNumber = Int32Array.from(symbols.functions.name, (row) => wanted.find(nameBytes(symbols.strings, row)));

  // How many names of the call site the stack has matched so far, or -1 when one was different.
  const matched = new Int32Array(parent.length);
  for (let i = 1; i < parent.length; i++) matched[i] = continued(matched[parent[i]], location[i]);
  const selected = new Uint8Array(parent.length);
  for (let i = 0; i < selected.length; i++) selected[i] = matched[i] === callSite.length ? 1 : 0;
  return selected;

  function continued(before: number, atLocation: number): number {
    const { lineOffsets, lineFunction } = symbols.locations;
    const first = lineOffsets[atLocation];
    const end = lineOffsets[atLocation + 1];
    let count = before;
    if (count < 0 || count === callSite.length) return count;
    if (first === end) return wantedNumber[count] === wanted.find(frameName(symbols, atLocation)) ? count + 1 : -1;
    // Lines are innermost first; a stack is read from the root.
    for (let line = end - 1; line >= first && count < callSite.length; line--) {
      if (functionNumber[lineFunction[line]] !== wantedNumber[count]) return -1;
      count++;
    }
    return count;
  }
}

/**
 * Which nodes of a function tree a call site selects: the same stacktraces as `stacksAtCallSite`, folded.
 *
 * @param  callSite names as rows, root first; -1 for one that the tree does not have
 * @shapes parent, name [nodes]; Uint8Array[nodes], 1 where the node is selected
 * @cost   O(nodes)
 */
export function* nodesAtCallSite(
  { parent, name }: { readonly parent: Int32Array; readonly name: Uint32Array },
  callSite: ArrayLike<number>,
): Steps<Uint8Array> {
  // How many names of the call site the path to a node has matched so far, or -1 when one was different.
  const matched = new Int32Array(parent.length);
  const selected = new Uint8Array(parent.length);
  selected[0] = callSite.length === 0 ? 1 : 0;
  yield* inSteps(1, parent.length, (start, end) => {
    for (let node = start; node < end; node++) {
      const before = matched[parent[node]];
      const ends = before < 0 || before === callSite.length;
      matched[node] = ends ? before : name[node] === callSite[before] ? before + 1 : -1;
      selected[node] = matched[node] === callSite.length ? 1 : 0;
    }
  });
  return selected;
}

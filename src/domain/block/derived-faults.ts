import { LabelName, valueOf } from '#src/domain/model/labels.ts';
import { addSaturated, addSaturatedAt } from '#src/domain/model/saturated-sum.ts';
import { NameTable, nameBytes } from '#src/domain/profile/name-table.ts';
import { frameName } from '#src/domain/query/frame-names.ts';
import type { StackColumns, SymbolColumns } from '#src/domain/symbols/symbol-columns.ts';
import { Section } from './block-format.ts';
import { type ColumnFault, faultIn } from './column-fault.ts';
import { type DatasetColumns, type FamilySamples, familyOfRun, firstRuns } from './dataset-columns.ts';
import { type FoldedStacks, type SpaceColumns, symbolsOfFamily } from './space-columns.ts';
import { type TypeColumns, typeColumnsOf } from './type-columns.ts';

// Where columns that were computed from others do not say what those say. Queries answer from them without a look at
// the others, and checksums do not show what a wrong writer wrote. Who reads an object for a query does not pay for
// these checks.

/**
 * Where a sampled stack is folded to a node that does not spell its names. The limit of the fault is the node that does,
 * -1 for none.
 *
 * @cost O(stacks + nodes)
 */
export function foldedNamesFault(space: SpaceColumns): ColumnFault | undefined {
  const firstFolded = space.families.findIndex(({ folded }) => folded !== undefined);
  if (firstFolded === -1) return undefined;
  const paths = new NamePaths(space, symbolsOfFamily(space, firstFolded));
  for (const [family, { stacks, sampledStacks, folded }] of space.families.entries()) {
    if (folded === undefined) continue;
    const ofStacks = paths.ofStacks(stacks);
    const ofNodes = paths.ofNodes(folded);
    const row = sampledStacks.findIndex((stack, i) => ofStacks[stack] !== ofNodes[folded.node[i]]);
    if (row === -1) continue;
    const problem = 'node does not spell the names of its stack';
    const limit = ofNodes.indexOf(ofStacks[sampledStacks[row]]);
    return { section: Section.foldedStacks, family, problem, row, value: folded.node[row], limit };
  }
  return undefined;
}

/** Numbers for lists of names: equal ones for equal lists. */
class NamePaths {
  readonly #names = new NameTable();
  readonly #numbers = new Map<string, number>();
  /** By row of the names, which may be there twice. */
  readonly #nameOf: readonly number[];
  /** By location: what it adds to the list, outermost first. */
  readonly #namesOfLocation: readonly (readonly number[])[];

  constructor({ names }: SpaceColumns, symbols: SymbolColumns) {
    const nameCount = names.offsets.length - 1;
    this.#nameOf = Array.from({ length: nameCount }, (_, row) => this.#names.intern(nameBytes(names, row)));
    const { lineOffsets, lineFunction, mapping } = symbols.locations;
    this.#namesOfLocation = Array.from(mapping, (_, location) => {
      const lines = lineFunction.subarray(lineOffsets[location], lineOffsets[location + 1]);
      if (lines.length === 0) return [this.#names.intern(frameName(symbols, location))];
      return Array.from(lines, (of) => this.#nameOf[symbols.functions.name[of]]).reverse();
    });
  }

  ofStacks({ parent, location }: StackColumns): number[] {
    const paths = [0];
    for (let row = 1; row < parent.length; row++) {
      const names = this.#namesOfLocation[location[row]];
      paths.push(names.reduce((path, name) => this.#longer(path, name), paths[parent[row]]));
    }
    return paths;
  }

  ofNodes({ parent, name }: FoldedStacks): number[] {
    const paths = [0];
    for (let row = 1; row < parent.length; row++) paths.push(this.#longer(paths[parent[row]], this.#nameOf[name[row]]));
    return paths;
  }

  #longer(path: number, name: number): number {
    const key = `${path} ${name}`;
    const number = this.#numbers.get(key) ?? this.#numbers.size + 1;
    this.#numbers.set(key, number);
    return number;
  }
}

/** Where the total of a profile, or one of a function tree, is not the sum of the samples. @cost O(samples) */
export function sumFault(columns: DatasetColumns, space: SpaceColumns): ColumnFault | undefined {
  const fault = profileTotalFault(columns);
  if (fault !== undefined) return fault;
  for (const [family, samples] of columns.families.entries()) {
    const folded = space.families[family]?.folded;
    if (folded === undefined) continue;
    const inFamily = faultIn(totalsFault(samples, folded), family);
    if (inFamily !== undefined) return inFamily;
  }
  return undefined;
}

function profileTotalFault({ profiles, families }: DatasetColumns): ColumnFault | undefined {
  const firstRunOf = firstRuns(families);
  for (let row = 0; row < profiles.run.length; row++) {
    const family = familyOfRun(firstRunOf, profiles.run[row]);
    const { sampleOffsets, values } = families[family];
    const run = profiles.run[row] - firstRunOf[family];
    const own = values[profiles.column[row]].subarray(sampleOffsets[run], sampleOffsets[run + 1]);
    const limit = own.reduce(addSaturated, 0n);
    const value = profiles.total[row];
    if (value === limit) continue;
    return { section: Section.profiles, problem: 'total is not the sum of the samples', row, value, limit };
  }
  return undefined;
}

function totalsFault({ stack, values, totals = [] }: FamilySamples, folded: FoldedStacks): ColumnFault | undefined {
  const section = Section.totals;
  for (const [column, { node, value }] of totals.entries()) {
    const sums = new BigInt64Array(folded.parent.length);
    for (let i = 0; i < stack.length; i++) addSaturatedAt(sums, folded.node[stack[i]], values[column][i]);
    for (let row = 0; row < node.length; row++) {
      const limit = sums[node[row]];
      sums[node[row]] = 0n;
      if (value[row] === limit) continue;
      return { section, column, problem: 'total is not the sum of the samples', row, value: value[row], limit };
    }
    const missing = sums.findIndex((sum) => sum !== 0n);
    if (missing === -1) continue;
    const row = node.filter((other) => other < missing).length;
    return { section, column, problem: 'a node with samples has no total', row, value: 0n, limit: sums[missing] };
  }
  return undefined;
}

/** Where the types are not those of the profiles whose values are in the columns. @cost O(profiles) */
export function typeRowsFault(types: TypeColumns, columns: DatasetColumns): ColumnFault | undefined {
  const expected = typeColumnsOf(columns);
  const { series, profiles, families } = columns;
  const section = Section.types;
  for (const name of ['family', 'column'] as const) {
    const row = expected[name].findIndex((value, i) => types[name][i] !== value);
    if (row === -1 && types[name].length === expected[name].length) continue;
    const at = row === -1 ? expected[name].length : row;
    const problem = `${name} is not that of the next value column with totals`;
    return { section, problem, row: at, value: types[name][at] ?? -1, limit: expected[name][at] ?? -1 };
  }
  const typeOf = (row: number): string => valueOf(series[row], LabelName.profileType) ?? '';
  const rowOf = new Map(Array.from(types.family, (family, row) => [`${family} ${types.column[row]}`, row]));
  const firstRunOf = firstRuns(families);
  for (let i = 0; i < profiles.run.length; i++) {
    const row = rowOf.get(`${familyOfRun(firstRunOf, profiles.run[i])} ${profiles.column[i]}`);
    if (row === undefined || typeOf(types.series[row]) === typeOf(profiles.series[i])) continue;
    const problem = 'series has another type than a profile in the value column';
    return { section, problem, row, value: types.series[row], limit: profiles.series[i] };
  }
  return undefined;
}

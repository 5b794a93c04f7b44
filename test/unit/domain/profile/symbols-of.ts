import { ChildTable } from '#src/domain/profile/child-table.ts';
import { namesOf } from '#src/domain/profile/name-table.ts';
import type { SymbolColumns } from '#src/domain/symbols/symbol-columns.ts';
import { testSecret } from '../../../fixtures/hash-secret.ts';

export type Line = {
  readonly name: string;
  readonly file?: string;
  readonly line?: number;
  readonly startLine?: number;
};

/** A location: its lines outermost first, which is how a stack reads. None: a frame that has only an address. */
export type Frame = { readonly lines: readonly Line[]; readonly mapping?: number; readonly address?: number };

export type MappingText = {
  readonly file: string;
  readonly buildId?: string;
  readonly start?: number;
  readonly limit?: number;
  readonly offset?: number;
};

/** A frame from text: `main`, or `outer<<inner` with an inlined function, or `0x2a` without any. */
export function frameOf(text: string): Frame {
  if (/^0x[0-9a-f]+$/.test(text)) return { lines: [], address: Number(text), mapping: 1 };
  return { lines: text.split('<<').map((name) => ({ name })), mapping: 1 };
}

/**
 * The symbols of stacks, root first, and the value of each stack. A symbol that is named twice is stored twice when
 * `repeat` is set, as two symbol spaces laid side by side would have it.
 */
export function symbolsOf(
  stacks: readonly (readonly [frames: readonly (string | Frame)[], value: bigint])[],
  { mappings = [{ file: '/bin/app' }], repeat = false }: { mappings?: readonly MappingText[]; repeat?: boolean } = {},
): { symbols: SymbolColumns; value: BigInt64Array } {
  const strings = new Rows<string>(repeat, ['']);
  const functions = new Rows<{ name: number; filename: number; startLine: number }>(repeat, [
    { name: 0, filename: 0, startLine: 0 },
  ]);
  const locations = new Rows<Frame & { functions: number[] }>(repeat, [{ lines: [], functions: [] }]);
  const table = new ChildTable(testSecret);
  const values = new Map<number, bigint>();
  for (const [frames, value] of stacks) {
    let row = 0;
    for (const frame of frames.map((item) => (typeof item === 'string' ? frameOf(item) : item))) {
      const ids = frame.lines.map(({ name, file = '', startLine = 0 }) =>
        functions.rowOf({ name: strings.rowOf(name), filename: strings.rowOf(file), startLine }),
      );
      row = table.childOf(row, locations.rowOf({ ...frame, functions: ids }));
    }
    values.set(row, (values.get(row) ?? 0n) + value);
  }

  const { parent, name } = table.columns();
  const value = BigInt64Array.from({ length: parent.length }, (_, i) => values.get(i) ?? 0n);
  const all = [{ file: '' }, ...mappings] as MappingText[];
  const files = all.map(({ file }) => strings.rowOf(file));
  const buildIds = all.map(({ buildId = '' }) => strings.rowOf(buildId));
  const lineOffsets = [0];
  for (const { functions: ids } of locations.rows) lineOffsets.push((lineOffsets.at(-1) ?? 0) + ids.length);
  const symbols: SymbolColumns = {
    strings: namesOf(strings.rows),
    functions: {
      name: Uint32Array.from(functions.rows, (row) => row.name),
      systemName: Uint32Array.from(functions.rows, (row) => row.name),
      filename: Uint32Array.from(functions.rows, (row) => row.filename),
      startLine: BigInt64Array.from(functions.rows, (row) => BigInt(row.startLine)),
    },
    mappings: {
      memoryStart: BigUint64Array.from(all, (mapping) => BigInt(mapping.start ?? 0)),
      memoryLimit: BigUint64Array.from(all, (mapping) => BigInt(mapping.limit ?? 0)),
      fileOffset: BigUint64Array.from(all, (mapping) => BigInt(mapping.offset ?? 0)),
      filename: Uint32Array.from(files),
      buildId: Uint32Array.from(buildIds),
      flags: Uint8Array.from(all, (_, i) => (i === 0 ? 0 : 1)),
    },
    locations: {
      mapping: Uint32Array.from(locations.rows, (row) => row.mapping ?? 0),
      address: BigUint64Array.from(locations.rows, (row) => BigInt(row.address ?? 0)),
      folded: new Uint8Array(locations.rows.length),
      lineOffsets: Uint32Array.from(lineOffsets),
      lineFunction: Uint32Array.from(locations.rows.flatMap((row) => [...row.functions].reverse())),
      line: BigInt64Array.from(
        locations.rows.flatMap((row) => [...row.lines].reverse().map(({ line = 0 }) => BigInt(line))),
      ),
    },
    stacks: { parent, location: name },
  };
  return { symbols, value };
}

class Rows<Row> {
  readonly rows: Row[];
  readonly #repeat: boolean;
  readonly #known = new Map<string, number>();

  constructor(repeat: boolean, rows: Row[]) {
    this.rows = rows;
    this.#repeat = repeat;
    this.#known.set(JSON.stringify(rows[0]), 0);
  }

  rowOf(row: Row): number {
    const key = JSON.stringify(row);
    const known = this.#known.get(key);
    if (known !== undefined && (known === 0 || !this.#repeat)) return known;
    this.#known.set(key, this.rows.length);
    return this.rows.push(row) - 1;
  }
}

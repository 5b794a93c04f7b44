import { NameTable, nameBytes } from '#src/domain/profile/name-table.ts';
import { madeUpName } from '#src/domain/query/frame-names.ts';
import type { ByteStrings, StackColumns } from '#src/domain/symbols/symbol-columns.ts';
import type { FamilyColumns, SpaceColumns } from './space-columns.ts';

/** A function, a mapping and a location with everything spelled out; strings as Latin-1, which is one-to-one. */
type PlainFunction = { name: string; system: string; file: string; startLine: bigint };
type PlainMapping = { start: bigint; limit: bigint; offset: bigint; file: string; build: string; flags: number };
type PlainLocation = {
  mapping: PlainMapping | undefined;
  address: bigint;
  folded: number;
  lines: { fn: PlainFunction | undefined; line: bigint }[];
};

/** The stacktraces of a family, depth first. */
export type PlainTable = {
  readonly stacks: StackColumns;
  readonly sampledStacks: Uint32Array;
  /** The place of a stacktrace among the sampled ones. */
  placeOf(path: readonly string[]): number;
};

type Node = { readonly children: Map<string, Node>; sampled: boolean; row: number };

/**
 * Symbols of several spaces, put together to one: the plain version of what the kernels do for a merge. A location is
 * known by a key, a stacktrace by the keys of its locations, root first.
 */
export class PlainSpace {
  readonly #locations = new Map<string, PlainLocation>();
  readonly #names = new NameTable();
  readonly #texts = new NameTable();
  readonly #functionRows = new Map<string, number>();
  readonly #functions: PlainFunction[] = [];
  readonly #mappingRows = new Map<string, number>();
  readonly #mappings: PlainMapping[] = [];
  readonly #locationRows = new Map<string, number>();
  readonly #locationList: PlainLocation[] = [];

  constructor() {
    for (const table of [this.#names, this.#texts]) table.intern(new Uint8Array(0));
  }

  /** By family: each sampled stack as a path of keys. */
  pathsOf(space: SpaceColumns): string[][][] {
    const keys = Array.from(space.locations.mapping, (_, row) => this.#keyOf(space, row));
    return space.families.map(({ stacks, sampledStacks }) => {
      const paths: string[][] = [[]];
      for (let row = 1; row < stacks.parent.length; row++) {
        paths.push([...paths[stacks.parent[row]], keys[stacks.location[row]]]);
      }
      return Array.from(sampledStacks, (row) => paths[row]);
    });
  }

  /** Numbers stacktraces depth first, children in the order of first use, and interns their locations on the way. */
  tableOf(samples: readonly { readonly path: readonly string[] }[]): PlainTable {
    const root: Node = { children: new Map(), sampled: false, row: 0 };
    for (const { path } of samples) {
      let node = root;
      for (const key of path) {
        let child = node.children.get(key);
        if (child === undefined) {
          child = { children: new Map(), sampled: false, row: 0 };
          node.children.set(key, child);
        }
        node = child;
      }
      node.sampled = true;
    }
    const parent = [-1];
    const location = [0];
    const sampled = root.sampled ? [0] : [];
    const visit = (node: Node): void => {
      for (const [key, child] of node.children) {
        child.row = parent.push(node.row) - 1;
        location.push(this.#internLocation(key));
        if (child.sampled) sampled.push(child.row);
        visit(child);
      }
    };
    visit(root);
    const placeOf = (path: readonly string[]): number => {
      let node: Node | undefined = root;
      for (const key of path) node = node?.children.get(key);
      return sampled.indexOf(node?.row ?? -1);
    };
    return {
      stacks: { parent: Int32Array.from(parent), location: Uint32Array.from(location) },
      sampledStacks: Uint32Array.from(sampled),
      placeOf,
    };
  }

  /** Adds the function trees. Names for frames without any come behind all others. @order after all tables */
  foldedFamilies(tables: readonly PlainTable[]): FamilyColumns[] {
    const made = this.#locationList.map(({ lines, mapping, address }) =>
      lines.length > 0 ? 0 : this.#names.intern(madeUpName(address, placeOfMapping(mapping))),
    );
    return tables.map(({ stacks, sampledStacks }) => {
      const parent = [-1];
      const name = [0];
      const known = new Map<string, number>();
      const child = (above: number, key: number): number => {
        let row = known.get(`${above} ${key}`);
        if (row === undefined) {
          row = parent.push(above) - 1;
          name.push(key);
          known.set(`${above} ${key}`, row);
        }
        return row;
      };
      const nodes = [0];
      for (let row = 1; row < stacks.parent.length; row++) {
        let node = nodes[stacks.parent[row]];
        const { lines } = this.#locationList[stacks.location[row] - 1];
        if (lines.length === 0) node = child(node, made[stacks.location[row] - 1]);
        for (const { fn } of lines.toReversed()) node = child(node, this.#names.find(bytesOf(fn?.name ?? '')));
        nodes.push(node);
      }
      const folded = {
        parent: Int32Array.from(parent),
        name: Uint32Array.from(name),
        node: Uint32Array.from(sampledStacks, (row) => nodes[row]),
      };
      return { stacks, sampledStacks, folded };
    });
  }

  /** @order after everything was interned */
  columns(): Omit<SpaceColumns, 'families'> {
    const functions: (PlainFunction | undefined)[] = [undefined, ...this.#functions];
    const mappings: (PlainMapping | undefined)[] = [undefined, ...this.#mappings];
    const locations: (PlainLocation | undefined)[] = [undefined, ...this.#locationList];
    const name = (text = ''): number => this.#names.find(bytesOf(text));
    const text = (of = ''): number => this.#texts.find(bytesOf(of));
    const lineOffsets = new Uint32Array(locations.length + 1);
    for (const [row, of] of locations.entries()) lineOffsets[row + 1] = lineOffsets[row] + (of?.lines.length ?? 0);
    const lines = locations.flatMap((of) => of?.lines ?? []);
    return {
      names: this.#names.toByteStrings(),
      texts: this.#texts.toByteStrings(),
      functions: {
        name: Uint32Array.from(functions, (of) => name(of?.name)),
        systemName: Uint32Array.from(functions, (of) => name(of?.system)),
        filename: Uint32Array.from(functions, (of) => text(of?.file)),
        startLine: BigInt64Array.from(functions, (of) => of?.startLine ?? 0n),
      },
      mappings: {
        memoryStart: BigUint64Array.from(mappings, (of) => of?.start ?? 0n),
        memoryLimit: BigUint64Array.from(mappings, (of) => of?.limit ?? 0n),
        fileOffset: BigUint64Array.from(mappings, (of) => of?.offset ?? 0n),
        filename: Uint32Array.from(mappings, (of) => text(of?.file)),
        buildId: Uint32Array.from(mappings, (of) => text(of?.build)),
        flags: Uint8Array.from(mappings, (of) => of?.flags ?? 0),
      },
      locations: {
        mapping: Uint32Array.from(locations, (of) => this.#mappingRows.get(keyOf(of?.mapping)) ?? 0),
        address: BigUint64Array.from(locations, (of) => of?.address ?? 0n),
        folded: Uint8Array.from(locations, (of) => of?.folded ?? 0),
        lineOffsets,
        lineFunction: Uint32Array.from(lines, ({ fn }) => this.#functionRows.get(keyOf(fn)) ?? 0),
        line: BigInt64Array.from(lines, ({ line }) => line),
      },
    };
  }

  #keyOf({ names, texts, functions, mappings, locations }: SpaceColumns, row: number): string {
    const name = (of: number): string => latin1(names, of);
    const text = (of: number): string => latin1(texts, of);
    const m = locations.mapping[row];
    const location: PlainLocation = {
      mapping:
        m === 0
          ? undefined
          : {
              start: mappings.memoryStart[m],
              limit: mappings.memoryLimit[m],
              offset: mappings.fileOffset[m],
              file: text(mappings.filename[m]),
              build: text(mappings.buildId[m]),
              flags: mappings.flags[m],
            },
      address: locations.address[row],
      folded: locations.folded[row],
      lines: Array.from(
        locations.lineFunction.subarray(locations.lineOffsets[row], locations.lineOffsets[row + 1]),
      ).map((fn, i) => ({
        fn:
          fn === 0
            ? undefined
            : {
                name: name(functions.name[fn]),
                system: name(functions.systemName[fn]),
                file: text(functions.filename[fn]),
                startLine: functions.startLine[fn],
              },
        line: locations.line[locations.lineOffsets[row] + i],
      })),
    };
    const key = keyOf(location);
    this.#locations.set(key, location);
    return key;
  }

  #internLocation(key: string): number {
    const known = this.#locationRows.get(key);
    if (known !== undefined) return known;
    const location = this.#locations.get(key);
    if (location === undefined) throw new RangeError('a location that no source has');
    this.#internMapping(location.mapping);
    for (const { fn } of location.lines) this.#internFunction(fn);
    const row = this.#locationList.push(location);
    this.#locationRows.set(key, row);
    return row;
  }

  #internMapping(mapping: PlainMapping | undefined): void {
    const key = keyOf(mapping);
    if (mapping === undefined || this.#mappingRows.has(key)) return;
    for (const text of [mapping.file, mapping.build]) this.#texts.intern(bytesOf(text));
    this.#mappingRows.set(key, this.#mappings.push(mapping));
  }

  #internFunction(fn: PlainFunction | undefined): void {
    const key = keyOf(fn);
    if (fn === undefined || this.#functionRows.has(key)) return;
    for (const name of [fn.name, fn.system]) this.#names.intern(bytesOf(name));
    this.#texts.intern(bytesOf(fn.file));
    this.#functionRows.set(key, this.#functions.push(fn));
  }
}

function placeOfMapping(mapping: PlainMapping | undefined): Parameters<typeof madeUpName>[1] {
  if (mapping === undefined) return { file: '', memoryStart: 0n, fileOffset: 0n, known: false };
  const file = Buffer.from(mapping.file, 'latin1').toString();
  return { file, memoryStart: mapping.start, fileOffset: mapping.offset, known: true };
}

function latin1(strings: ByteStrings, row: number): string {
  return Buffer.from(nameBytes(strings, row)).toString('latin1');
}

function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}

function keyOf(value: unknown): string {
  return JSON.stringify(value, (_, field: unknown) => (typeof field === 'bigint' ? `${field}n` : field)) ?? '';
}

import { NameTable } from '#src/domain/profile/name-table.ts';
import type { KernelInstance } from './instance.ts';
import type { StringRows } from './read-space.ts';

/** The functions of a call site, and which names of a symbol space they are. Made once per space, for all families. */
export class CallSiteNames {
  /** By place in the call site, root first: a number for its name. Equal names have one number. */
  readonly wanted: Int32Array;
  /** By row of the names of the space: the number of its name, -1 for one that is not in the call site. */
  readonly numberOfRow: Int32Array;
  /** By place in the call site: the row of its name, -1 when the space does not have it. */
  readonly row: Int32Array;
  readonly #numbers = new NameTable();

  /**
   * @param names  of the space, in scratch
   * @cost  O(names), and a text for each that is as long as one of the call site
   */
  constructor(kernels: KernelInstance, { rows, at, length }: StringRows, callSite: readonly string[]) {
    const texts = callSite.map((name) => Buffer.from(name));
    this.wanted = Int32Array.from(texts, (text) => this.#numbers.intern(text));
    this.numberOfRow = new Int32Array(rows).fill(-1);
    const lengths = new Set(texts.map((text) => text.length));
    const rowOfNumber = new Int32Array(this.#numbers.length).fill(-1);
    const [u8, u32] = [kernels.u8(), kernels.u32()];
    for (let row = rows - 1; row >= 0; row--) {
      const bytes = u32[(length >>> 2) + row];
      if (!lengths.has(bytes)) continue;
      const start = u32[(at >>> 2) + row];
      const number = this.#numbers.find(u8.subarray(start, start + bytes));
      this.numberOfRow[row] = number;
      if (number >= 0) rowOfNumber[number] = row;
    }
    this.row = this.wanted.map((number) => rowOfNumber[number]);
  }

  get length(): number {
    return this.wanted.length;
  }

  /** The number of a name that is not among those of the space, -1 when it is not in the call site. */
  numberOf(name: Uint8Array): number {
    return this.#numbers.find(name);
  }
}

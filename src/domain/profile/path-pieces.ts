import { addSaturatedAt } from '#src/domain/model/saturated-sum.ts';
import { byWork, inSteps, STEP_ROWS, type Steps } from '#src/domain/model/steps.ts';

/**
 * Divides the rows of a tree that have a value into pieces that follow each other, so that the paths of a piece come to
 * a bounded weight together: what is made of one is bounded as well, however large the tree is.
 *
 *     row     1  2  3  4  5  6         parent of 2, 3: 1; of 5, 6: 4; weight 1 each
 *     value      x  x     x  x
 *     pieces  '-----'  '-----'         of weight 3: rows 1 2 3, and 4 5 6
 */
export class PathPieces {
  readonly #parent: Int32Array;
  readonly #weight: (row: number) => number;
  /** By row: the last piece that has it on a path. */
  readonly #piece: Uint32Array;
  #count = 0;
  /** What the last piece may still weigh. */
  #left = 0;

  /** @param parent  of a row a row before, −1 of row 0 */
  constructor(parent: Int32Array, weight: (row: number) => number) {
    this.#parent = parent;
    this.#weight = weight;
    this.#piece = new Uint32Array(parent.length);
  }

  /**
   * Moves values to where their paths weigh at most so much: what is too deep is shown as its caller. What has no caller
   * that is light enough moves to row 0, which is in no piece.
   *
   * @cost O(rows)
   */
  *shorten(value: BigInt64Array, weightMax: number): Steps<void> {
    const n = value.length;
    const depth = new Float64Array(n);
    const shown = new Uint32Array(n);
    yield* inSteps(1, n, (from, to) => this.#shortenRows(value, weightMax, depth, shown, from, to));
  }

  #shortenRows(
    value: BigInt64Array,
    weightMax: number,
    depth: Float64Array,
    shown: Uint32Array,
    from: number,
    to: number,
  ): void {
    for (let row = from; row < to; row++) {
      const parent = this.#parent[row];
      depth[row] = depth[parent] + this.#weight(row);
      shown[row] = depth[row] <= weightMax ? row : shown[parent];
      if (shown[row] === row || value[row] === 0n) continue;
      addSaturatedAt(value, shown[row], value[row]);
      value[row] = 0n;
    }
  }

  /**
   * @param start  first row of the piece, 1 or more
   * @returns      behind its last row; `start` when its first path alone is too heavy
   * @cost  O(rows of the piece and of their paths)
   */
  *end(start: number, value: BigInt64Array, weightMax: number): Steps<number> {
    this.#count++;
    this.#left = weightMax;
    let end = value.length;
    yield* byWork(start, value.length, (from) => {
      const to = Math.min(from + STEP_ROWS, value.length);
      const fits = this.#takeRows(value, from, to);
      if (fits === to) return to;
      end = fits;
      return value.length;
    });
    return end;
  }

  /** Takes paths into the piece while it has room. @returns behind the last row that was taken */
  #takeRows(value: BigInt64Array, from: number, to: number): number {
    const piece = this.#count;
    for (let row = from; row < to; row++) {
      if (value[row] === 0n) continue;
      for (let at = row; at > 0 && this.#piece[at] !== piece; at = this.#parent[at]) {
        this.#piece[at] = piece;
        this.#left -= this.#weight(at);
      }
      if (this.#left < 0) return row;
    }
    return to;
  }
}

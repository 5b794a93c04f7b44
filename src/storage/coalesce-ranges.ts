import type { ByteRange } from '#src/domain/block/block-meta.ts';
import type { Bytes } from '#src/domain/model/units.ts';

/** Ranges that are read in one request. */
export type RangeRun = ByteRange & {
  /** Positions in the list of wanted ranges, by offset. They do not overlap. */
  readonly members: readonly number[];
};

/**
 * Joins ranges that lie near each other, because a request costs more than the few bytes between them.
 *
 *     wanted    [2]      [0][3]                       [1]
 *     runs      '------------'      gap too wide      '-'
 *
 * Ranges that overlap go to runs of their own, so that every byte of a run belongs to one range or to none. Empty
 * ranges are in no run.
 *
 * @param gapBytesMax the widest gap that is read and thrown away
 * @returns runs by offset
 * @cost O(n log n)
 */
export function coalesceRanges(ranges: readonly ByteRange[], gapBytesMax: Bytes): RangeRun[] {
  const byOffset = ranges
    .map((_, position) => position)
    .filter((position) => rangeAt(ranges, position).sizeBytes > 0)
    .sort((a, b) => rangeAt(ranges, a).offset - rangeAt(ranges, b).offset || a - b);

  const runs: { offset: Bytes; sizeBytes: Bytes; members: number[] }[] = [];
  for (const position of byOffset) {
    const { offset, sizeBytes } = rangeAt(ranges, position);
    const run = runs.at(-1);
    const gapBytes = run === undefined ? -1 : offset - (run.offset + run.sizeBytes);
    if (run === undefined || gapBytes < 0 || gapBytes > gapBytesMax) {
      runs.push({ offset, sizeBytes, members: [position] });
    } else {
      run.members.push(position);
      run.sizeBytes = offset + sizeBytes - run.offset;
    }
  }
  return runs;
}

function rangeAt(ranges: readonly ByteRange[], position: number): ByteRange {
  return ranges[position] as ByteRange; // Positions come from the list itself.
}

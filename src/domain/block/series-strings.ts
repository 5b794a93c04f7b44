import { compareUtf8, type Labels } from '#src/domain/model/labels.ts';
import type { ByteStrings } from '#src/domain/symbols/symbol-columns.ts';

/**
 * The distinct names and values of some label sets, sorted, with the row of each.
 *
 * Sorted, so that the same series always give the same bytes, and neighbours share prefixes.
 */
export function seriesStrings(series: readonly Labels[]): {
  readonly strings: ByteStrings;
  readonly rowOf: ReadonlyMap<string, number>;
} {
  const distinct = new Set<string>();
  for (const labels of series) {
    for (const { name, value } of labels) distinct.add(name).add(value);
  }
  const texts = [...distinct].sort(compareUtf8);
  const encoded = texts.map((text) => Buffer.from(text));
  const offsets = new Uint32Array(texts.length + 1);
  for (const [i, { length }] of encoded.entries()) offsets[i + 1] = offsets[i] + length;
  return {
    strings: { bytes: new Uint8Array(Buffer.concat(encoded)), offsets },
    rowOf: new Map(texts.map((text, row) => [text, row])),
  };
}

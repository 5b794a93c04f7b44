import { compareUtf8, type Labels } from '#src/domain/model/labels.ts';

/**
 * The distinct names and values of some label sets, sorted, with the row of each.
 *
 * Sorted, so that the same series always give the same bytes, and neighbours share prefixes.
 */
export function seriesStrings(series: readonly Labels[]): {
  readonly strings: readonly string[];
  readonly rowOf: ReadonlyMap<string, number>;
} {
  const distinct = new Set<string>();
  for (const labels of series) {
    for (const { name, value } of labels) distinct.add(name).add(value);
  }
  const strings = [...distinct].sort(compareUtf8);
  return { strings, rowOf: new Map(strings.map((text, row) => [text, row])) };
}

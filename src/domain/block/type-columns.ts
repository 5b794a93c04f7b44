import { type DatasetColumns, familyOfRun, firstRuns } from './dataset-columns.ts';

/**
 * Which value columns of which families belong to a profile type: one row per family and column, with a series of
 * that type. With it a query finds the totals of a type without its profiles.
 *
 * @shapes    all [n]
 * @invariant family rises, and within a family column strictly
 */
export type TypeColumns = { readonly family: Uint32Array; readonly column: Uint32Array; readonly series: Uint32Array };

/** Of a segment. */
export const noTypes: TypeColumns = {
  family: new Uint32Array(0),
  column: new Uint32Array(0),
  series: new Uint32Array(0),
};

/** Only where each column of a family has one profile type, which totals need. @cost O(profiles) */
export function typeColumnsOf({ profiles, families }: DatasetColumns): TypeColumns {
  const seriesOf = new Map<number, number>();
  const firstRunOf = firstRuns(families);
  for (let i = 0; i < profiles.run.length; i++) {
    const family = familyOfRun(firstRunOf, profiles.run[i]);
    const key = family * 256 + profiles.column[i];
    if (families[family].totals !== undefined && !seriesOf.has(key)) seriesOf.set(key, profiles.series[i]);
  }
  const keys = [...seriesOf.keys()].sort((a, b) => a - b);
  return {
    family: Uint32Array.from(keys, (key) => key >> 8),
    column: Uint32Array.from(keys, (key) => key & 255),
    series: Uint32Array.from(keys, (key) => seriesOf.get(key) ?? 0),
  };
}

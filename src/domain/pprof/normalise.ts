import { addSaturated } from '#src/domain/model/saturated-sum.ts';
import { completeLocations } from './complete-locations.ts';
import type { PlainLabel, PlainMapping, PlainProfile, PlainSample } from './plain-profile.ts';

/**
 * Brings a valid profile into the form that is stored.
 *
 * Numeric labels go. Samples go that have a negative value, only zeros, or a location that does not exist. Equal samples
 * become one. Mappings that have function names lose their addresses, and so do their locations: equal programs then
 * share their symbols wherever they were loaded.
 *
 * What no sample refers to any more stays in the tables: nothing looks at it when symbols are stored, because they are
 * found from the samples.
 *
 * @order  after `validateProfile` and, for Go, `repairGoProfile`
 * @source the write-path reference, "pprof: normalisation order"
 */
export function normaliseProfile(profile: PlainProfile): PlainProfile {
  const mappings = new Map(profile.mappings.map((mapping) => [mapping.id, mapping]));
  // A location that refers to mapping 0 has none, also where one has that id.
  mappings.delete(0n);
  const locations = new Map(profile.locations.map((location) => [location.id, location]));
  const isComplete = completeLocations(profile);
  const storable = (id: bigint): boolean => {
    const location = locations.get(id);
    return location !== undefined && isComplete(location);
  };
  const samples = profile.samples
    .map((sample) => ({ ...sample, labels: sample.labels.filter(({ str }) => str !== 0n) }))
    .filter(({ values }) => values.every((value) => value >= 0n) && values.some((value) => value > 0n))
    .filter(({ locationIds }) => locationIds.every(storable));
  return {
    ...profile,
    samples: withEqualSamplesMerged(samples),
    mappings: profile.mappings.map(withoutAddresses),
    locations: profile.locations.map((location) =>
      mappings.get(location.mappingId)?.hasFunctions === true ? { ...location, address: 0n } : location,
    ),
  };
}

function withoutAddresses(mapping: PlainMapping): PlainMapping {
  return mapping.hasFunctions ? { ...mapping, memoryStart: 0n, memoryLimit: 0n, fileOffset: 0n } : mapping;
}

/** Equal are samples with the same locations and the same labels, in any order. The first one keeps its place. */
function withEqualSamplesMerged(samples: readonly PlainSample[]): PlainSample[] {
  const merged = new Map<string, PlainSample>();
  for (const sample of samples) {
    const key = `${sample.locationIds.join()} ${labelKey(sample.labels)}`;
    const before = merged.get(key);
    if (before === undefined) {
      merged.set(key, sample);
      continue;
    }
    const values = before.values.map((value, i) => addSaturated(value, sample.values[i] ?? 0n));
    merged.set(key, { ...before, values });
  }
  return [...merged.values()];
}

function labelKey(labels: readonly PlainLabel[]): string {
  return labels
    .map(({ key, str }) => `${key}=${str}`)
    .sort()
    .join();
}

import type { PlainLocation, PlainProfile } from './plain-profile.ts';

/**
 * Tells which locations of a profile are complete: they say where they are, and everything that they refer to is there.
 * Samples with others are not stored.
 *
 * @source the write-path reference, "pprof: normalisation order", step 6
 */
export function completeLocations(
  profile: Pick<PlainProfile, 'mappings' | 'functions'>,
): (location: PlainLocation) => boolean {
  const mappingIds = new Set(profile.mappings.map(({ id }) => id));
  const functionIds = new Set(profile.functions.map(({ id }) => id));
  return ({ address, lines, mappingId }) => {
    if (lines.length === 0 && address === 0n) return false;
    if (mappingId !== 0n && !mappingIds.has(mappingId)) return false;
    return lines.every(({ functionId }) => functionIds.has(functionId));
  };
}

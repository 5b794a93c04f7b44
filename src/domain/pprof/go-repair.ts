import { completeLocations } from './complete-locations.ts';
import { mayHaveTruncatedStacks, repairTruncatedStacks } from './go-truncated-stacks.ts';
import { withoutTypeParameters } from './go-type-parameters.ts';
import { entryOf } from './map-entry.ts';
import { type PlainProfile, plainStringFrom, textAt } from './plain-profile.ts';

/**
 * Mends what the Go runtime and compiler do to a profile: names with the shapes of type parameters, and stacks that
 * were cut at a fixed depth.
 *
 * @order after `validateProfile`: references into the string table are good
 * @source the write-path reference, "Go repair"
 */
export function repairGoProfile(profile: PlainProfile): PlainProfile {
  return withWholeStacks(withEqualLocations(withoutShapes(profile)));
}

function withoutShapes(profile: PlainProfile): PlainProfile {
  const strings = profile.strings.map((string) => {
    const short = withoutTypeParameters(string.text ?? '');
    return short === string.text ? string : plainStringFrom(short);
  });
  return { ...profile, strings };
}

/**
 * Gives locations that mean the same the same id: names that lost their type parameters may have become equal, and
 * whole stacks are found by comparing locations. Incomplete ones keep theirs, because samples that have one are lost
 * later, and others must not be lost with them. An id that nobody has becomes 0, which nobody may
 * have.
 */
function withEqualLocations(profile: PlainProfile): PlainProfile {
  const functionRows = new Map<bigint, number>();
  const firstFunction = new Map<string, number>();
  profile.functions.forEach(({ id, name, systemName, filename, startLine }, row) => {
    const texts = [textAt(profile, name), textAt(profile, systemName), textAt(profile, filename)];
    functionRows.set(
      id,
      entryOf(firstFunction, JSON.stringify([...texts, String(startLine)]), () => row),
    );
  });
  const isComplete = completeLocations(profile);
  const sameLocation = new Map<bigint, bigint>();
  const firstLocation = new Map<string, bigint>();
  // Of locations with one id only the last one is there.
  for (const location of new Map(profile.locations.map((each) => [each.id, each])).values()) {
    const { id, mappingId, address, lines, folded } = location;
    const frames = lines.map(({ functionId, line }) => `${functionRows.get(functionId)}:${line}`);
    const key = `${mappingId} ${address} ${folded} ${frames.join()}`;
    sameLocation.set(id, isComplete(location) ? entryOf(firstLocation, key, () => id) : id);
  }
  const samples = profile.samples.map((sample) => ({
    ...sample,
    locationIds: sample.locationIds.map((id) => sameLocation.get(id) ?? 0n),
  }));
  return { ...profile, samples };
}

function withWholeStacks(profile: PlainProfile): PlainProfile {
  const typeNames = profile.sampleTypes.map(({ type }) => textAt(profile, type));
  const depths = profile.samples.map(({ locationIds }) => locationIds.length);
  if (!mayHaveTruncatedStacks(typeNames, depths)) return profile;

  const ids: bigint[] = [];
  const rows = new Map<bigint, number>();
  const rowOf = (id: bigint): number => {
    const known = rows.get(id);
    if (known !== undefined) return known;
    rows.set(id, ids.length);
    return ids.push(id) - 1;
  };
  const stacks = profile.samples.map(({ locationIds }) => locationIds.map(rowOf));
  const whole = repairTruncatedStacks(stacks);
  const samples = profile.samples.map(
    (sample, index) =>
      whole[index] === stacks[index]
        ? sample
        : { ...sample, locationIds: (whole[index] ?? []).map((row) => ids[row] as bigint) }, // Rows are indices of ids.
  );
  return { ...profile, samples };
}

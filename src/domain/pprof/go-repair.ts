import { mayHaveTruncatedStacks, repairTruncatedStacks } from './go-truncated-stacks.ts';
import { withoutTypeParameters } from './go-type-parameters.ts';
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
 * whole stacks are found by comparing locations.
 */
function withEqualLocations(profile: PlainProfile): PlainProfile {
  const functionIds = new Map<bigint, bigint>();
  const firstFunction = new Map<string, bigint>();
  for (const { id, name, systemName, filename, startLine } of profile.functions) {
    const texts = [textAt(profile, name), textAt(profile, systemName), textAt(profile, filename)];
    functionIds.set(id, firstOf(firstFunction, JSON.stringify([...texts, String(startLine)]), id));
  }
  const locationIds = new Map<bigint, bigint>();
  const firstLocation = new Map<string, bigint>();
  for (const { id, mappingId, address, lines, folded } of profile.locations) {
    const frames = lines.map(({ functionId, line }) => `${functionIds.get(functionId) ?? 'none'}:${line}`);
    locationIds.set(id, firstOf(firstLocation, `${mappingId} ${address} ${folded} ${frames.join()}`, id));
  }
  const samples = profile.samples.map((sample) => ({
    ...sample,
    locationIds: sample.locationIds.map((id) => locationIds.get(id) ?? id),
  }));
  return { ...profile, samples };
}

/** @returns the id that was first seen with this key */
function firstOf(known: Map<string, bigint>, key: string, id: bigint): bigint {
  const first = known.get(key);
  if (first !== undefined) return first;
  known.set(key, id);
  return id;
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

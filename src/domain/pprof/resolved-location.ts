import { type VersionInfo, versionedBuildId } from '#src/domain/series/version-info.ts';
import {
  type PlainFunction,
  type PlainLocation,
  type PlainMapping,
  type PlainProfile,
  textAt,
} from './plain-profile.ts';

/** A location with everything that it refers to, so that locations of different profiles can be compared. */
export type ResolvedLocation = {
  /** undefined: none. */
  readonly mapping: ResolvedMapping | undefined;
  readonly address: bigint;
  readonly folded: boolean;
  /** Innermost inlined frame first. */
  readonly lines: readonly ResolvedLine[];
};

export type ResolvedMapping = {
  readonly memoryStart: bigint;
  readonly memoryLimit: bigint;
  readonly fileOffset: bigint;
  readonly filename: string;
  readonly buildId: string;
  readonly hasFunctions: boolean;
  readonly hasFilenames: boolean;
  readonly hasLineNumbers: boolean;
  readonly hasInlineFrames: boolean;
};

export type ResolvedLine = {
  readonly line: bigint;
  readonly name: string;
  readonly systemName: string;
  readonly filename: string;
  readonly startLine: bigint;
};

/** What a location without a mapping gets when there is version information to carry. */
const STUB_MAPPING: Omit<ResolvedMapping, 'buildId'> = {
  memoryStart: 0n,
  memoryLimit: 0n,
  fileOffset: 0n,
  filename: '',
  hasFunctions: false,
  hasFilenames: false,
  hasLineNumbers: false,
  hasInlineFrames: false,
};

/**
 * The locations of a normalised profile, by id.
 *
 * @param version  goes into the build id of every mapping
 * @returns        only locations that are complete. The last one of an id counts
 */
export function resolveLocations(
  profile: PlainProfile,
  version: VersionInfo | undefined,
): Map<bigint, ResolvedLocation> {
  const functions = new Map(profile.functions.map((fn) => [fn.id, fn]));
  const mappings = new Map(profile.mappings.map((mapping) => [mapping.id, resolvedMapping(profile, mapping, version)]));
  const stub = version === undefined ? undefined : { ...STUB_MAPPING, buildId: versionedBuildId(version, '') };
  const resolved = new Map<bigint, ResolvedLocation>();
  for (const location of profile.locations) {
    const lines = resolvedLines(profile, location, functions);
    const mapping = location.mappingId === 0n ? stub : mappings.get(location.mappingId);
    const complete = lines !== undefined && (location.mappingId === 0n || mapping !== undefined);
    if (!complete) {
      resolved.delete(location.id);
      continue;
    }
    resolved.set(location.id, { mapping, address: location.address, folded: location.folded, lines });
  }
  return resolved;
}

function resolvedMapping(
  profile: PlainProfile,
  mapping: PlainMapping,
  version: VersionInfo | undefined,
): ResolvedMapping {
  const { id: _, filename, buildId, ...rest } = mapping;
  const build = textAt(profile, buildId);
  return {
    ...rest,
    filename: textAt(profile, filename),
    buildId: version === undefined ? build : versionedBuildId(version, build),
  };
}

function resolvedLines(
  profile: PlainProfile,
  location: PlainLocation,
  functions: ReadonlyMap<bigint, PlainFunction>,
): ResolvedLine[] | undefined {
  const lines: ResolvedLine[] = [];
  for (const { functionId, line } of location.lines) {
    const fn = functions.get(functionId);
    if (fn === undefined) return undefined;
    const name = textAt(profile, fn.name);
    const systemName = textAt(profile, fn.systemName);
    lines.push({ line, name, systemName, filename: textAt(profile, fn.filename), startLine: fn.startLine });
  }
  return lines;
}

/** Equal for equal locations, and only for those. */
export function locationKey({ mapping, address, folded, lines }: ResolvedLocation): string {
  return JSON.stringify([mapping, address, folded, lines], (_, value: unknown) =>
    typeof value === 'bigint' ? `${value}n` : value,
  );
}

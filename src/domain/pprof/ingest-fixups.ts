import type { UnixNanos } from '#src/domain/model/units.ts';
import type { IngestOptions } from './ingest-options.ts';
import { type PlainFunction, type PlainProfile, plainStringFrom, textAt } from './plain-profile.ts';

/** Agents whose function names mean little without their file. */
const SCRIPT_SPIES: ReadonlySet<string> = new Set(['pyspy', 'rbspy', 'scripting']);

const YEAR_1971_NANOS = 31_536_000n * 1_000_000_000n;

/**
 * Mends what certain agents get wrong in the pprofs that they send to `/ingest`.
 *
 * @order  before `validateProfile`: ids and types may be invalid without it. Nothing is checked here, so references
 *         that lead nowhere are left as they are
 * @source the write-path reference, "/ingest: pprof"
 */
export function withIngestFixups(profile: PlainProfile, ingest: IngestOptions): PlainProfile {
  let mended: PlainProfile = { ...profile, timeNanos: ingestTime(profile.timeNanos, ingest.fromNanos) };
  if (SCRIPT_SPIES.has(ingest.spyName)) mended = withFileNames(mended, ingest.spyName === 'pyspy');
  if (isDotnet(ingest)) mended = withUnderscores(withFunctionIds(mended));
  return mended;
}

/** Whether any of the fix-ups but the time may change a profile. Kernels decode the others. */
export function needsPlainFixups(ingest: IngestOptions): boolean {
  return SCRIPT_SPIES.has(ingest.spyName) || isDotnet(ingest);
}

/** A time in 1970 is none, or one in micro- or milliseconds: the request knows better. */
export function ingestTime(timeNanos: UnixNanos, fromNanos: UnixNanos): UnixNanos {
  return timeNanos >= 0n && timeNanos < YEAR_1971_NANOS ? fromNanos : timeNanos;
}

/** Old .NET agents do not name themselves; a dash in a sample type does it for them. */
function isDotnet({ spyName, displayNames }: IngestOptions): boolean {
  if (spyName === 'dotnetspy') return true;
  return spyName === 'unknown' && displayNames !== undefined && Object.hasOwn(displayNames, 'inuse-space');
}

/**
 * Puts the file in front of every function name: `work` of `app/work.py` becomes `app/work.py work`. Functions that
 * get the same name become one.
 *
 * @param keepAbsolute  py-spy gives absolute paths to what is not part of the program; those names stay
 */
function withFileNames(profile: PlainProfile, keepAbsolute: boolean): PlainProfile {
  const functions = new Map(profile.functions.map((fn) => [fn.id, fn]));
  const strings = [...profile.strings];
  const added: PlainFunction[] = [];
  const idOfName = new Map<string, bigint>();
  let largestId = profile.functions.reduce((largest, { id }) => (id > largest ? id : largest), 0n);

  const renamed = (functionId: bigint): bigint => {
    const fn = functions.get(functionId);
    if (fn === undefined) return functionId;
    const file = textAt(profile, fn.filename);
    if (keepAbsolute && file.startsWith('/')) return functionId;
    const name = `${file} ${textAt(profile, fn.name)}`;
    const known = idOfName.get(name);
    if (known !== undefined) return known;
    largestId += 1n;
    idOfName.set(name, largestId);
    added.push({ ...fn, id: largestId, name: BigInt(strings.push(plainStringFrom(name)) - 1) });
    return largestId;
  };
  const locations = profile.locations.map((location) => ({
    ...location,
    lines: location.lines.map((line) => ({ ...line, functionId: renamed(line.functionId) })),
  }));
  return { ...profile, locations, strings, functions: [...profile.functions, ...added] };
}

/** Functions without ids were written in the order of their locations, whose ids their lines use. */
function withFunctionIds(profile: PlainProfile): PlainProfile {
  const { functions, locations } = profile;
  if (functions.length !== locations.length || functions.some(({ id }) => id !== 0n)) return profile;
  return { ...profile, functions: functions.map((fn, row) => ({ ...fn, id: locations[row]?.id ?? 0n })) };
}

function withUnderscores(profile: PlainProfile): PlainProfile {
  const strings = [...profile.strings];
  const sampleTypes = profile.sampleTypes.map((sampleType) => {
    const name = textAt(profile, sampleType.type);
    if (!name.includes('-')) return sampleType;
    return { ...sampleType, type: BigInt(strings.push(plainStringFrom(name.replaceAll('-', '_'))) - 1) };
  });
  return { ...profile, sampleTypes, strings };
}

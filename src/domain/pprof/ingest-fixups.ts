import type { Bytes, UnixNanos } from '#src/domain/model/units.ts';
import type { IngestOptions, ProfileLimits } from './ingest-options.ts';
import { entryOf } from './map-entry.ts';
import { type PlainFunction, type PlainProfile, plainStringOf, textAt } from './plain-profile.ts';
import { tooManyFixupNameBytes } from './profile-errors.ts';
import { checkSampleTypeCount } from './type-limit.ts';
import { characterStart } from './utf8-cut.ts';

/**
 * What is mended in the names of an agent's profiles: function names that mean little without their file, all or those of
 * relative files alone, or the sample types and ids of old .NET agents.
 */
export type NameFixup = 'files' | 'relative-files' | 'dotnet';

const YEAR_1971_NANOS = 31_536_000n * 1_000_000_000n;

/**
 * Bytes of the names that fix-ups put together, each cut to `max_profile_symbol_value_length` first.
 *
 * A few bytes name a function, and may name a file of a megabyte that thousands of others have as well. 4 MiB of functions
 * of files with paths of 100 bytes get some 10 MiB of names.
 */
export const fixupNameBytesMax: Bytes = 16 << 20;

export type FixupLimits = Pick<ProfileLimits, 'maxProfileSymbolValueLength'>;

/**
 * Mends what certain agents get wrong in the pprofs that they send to `/ingest`.
 *
 * @order  before `validateProfile`: ids and types may be invalid without it. Only what a fix-up would multiply is checked
 *         here, so references that lead nowhere are left as they are
 * @throws StoreError 'invalid-argument' as `withNameFixups`
 * @source the write-path reference, "/ingest: pprof"
 */
export function withIngestFixups(profile: PlainProfile, ingest: IngestOptions, limits: FixupLimits): PlainProfile {
  const mended = withNameFixups(profile, ingest, limits);
  return { ...mended, timeNanos: ingestTime(profile.timeNanos, ingest.fromNanos) };
}

/**
 * The fix-ups of names alone, which look at sample types, locations, functions and strings and at nothing else.
 *
 * @throws StoreError 'invalid-argument' when the names take more than `fixupNameBytesMax`, or there are too many sample
 *         types
 * @cost   O(profile + `fixupNameBytesMax`)
 */
export function withNameFixups(profile: PlainProfile, ingest: IngestOptions, limits: FixupLimits): PlainProfile {
  const fixup = nameFixupOf(ingest);
  if (fixup === undefined) return profile;
  if (fixup === 'dotnet') return withUnderscores(withFunctionIds(profile));
  return withFileNames(profile, fixup === 'relative-files', limits);
}

/** Which of the fix-ups but that of the time an agent needs; undefined: none, and kernels alone decode its profiles. */
export function nameFixupOf(ingest: IngestOptions): NameFixup | undefined {
  const { spyName } = ingest;
  if (spyName === 'rbspy' || spyName === 'scripting') return 'files';
  // py-spy gives absolute paths to what is not part of the program.
  if (spyName === 'pyspy') return 'relative-files';
  return isDotnet(ingest) ? 'dotnet' : undefined;
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
 * Puts the file in front of every function name: `work` of `app/work.py` becomes `app/work.py work`. Functions with the
 * same file and name become equal to the first of them, but for their ids.
 *
 * @param keepAbsolute  functions of absolute files keep their names
 */
function withFileNames(profile: PlainProfile, keepAbsolute: boolean, limits: FixupLimits): PlainProfile {
  const symbolMax = limits.maxProfileSymbolValueLength;
  const strings = [...profile.strings];
  const firsts = new Map<string, PlainFunction>();
  let nameBytes: Bytes = 0;

  const named = (fn: PlainFunction): PlainFunction => {
    const file = bytesAt(profile, fn.filename);
    const own = bytesAt(profile, fn.name);
    const length = file.length + 1 + own.length;
    nameBytes += symbolMax > 0 ? Math.min(length, symbolMax) : length;
    if (nameBytes > fixupNameBytesMax) throw tooManyFixupNameBytes(fixupNameBytesMax, nameBytes);
    const name = strings.push(plainStringOf(joinedName(file, own, symbolMax))) - 1;
    return { ...fn, name: BigInt(name) };
  };
  const functions = profile.functions.map((fn) => {
    if (keepAbsolute && textAt(profile, fn.filename).startsWith('/')) return fn;
    return { ...entryOf(firsts, `${fn.filename} ${fn.name}`, () => named(fn)), id: fn.id };
  });
  return { ...profile, functions, strings };
}

/** The bytes of the string that a reference means, as `textAt`: none when it means none, or one that is not UTF-8. */
function bytesAt({ strings }: PlainProfile, index: bigint): Uint8Array {
  const string = strings[Number(index)];
  return string?.text === undefined ? new Uint8Array(0) : string.bytes;
}

/** The end of the file, a space and the name, as `validateProfile` cuts a string that is longer than may be. */
export function joinedName(file: Uint8Array, name: Uint8Array, bytesMax: Bytes): Uint8Array {
  const cut = bytesMax === 0 ? 0 : Math.max(0, file.length + 1 + name.length - bytesMax);
  if (cut > file.length) return name.subarray(characterStart(name, cut - file.length - 1));
  const start = characterStart(file, cut);
  const joined = Buffer.allocUnsafe(file.length - start + 1 + name.length);
  joined.set(start === 0 ? file : file.subarray(start));
  joined[file.length - start] = SPACE;
  joined.set(name, file.length - start + 1);
  return joined;
}

const SPACE = 0x20;

/** Functions without ids were written in the order of their locations, whose ids their lines use. */
function withFunctionIds(profile: PlainProfile): PlainProfile {
  const { functions, locations } = profile;
  if (functions.length !== locations.length || functions.some(({ id }) => id !== 0n)) return profile;
  return { ...profile, functions: functions.map((fn, row) => ({ ...fn, id: locations[row]?.id ?? 0n })) };
}

function withUnderscores(profile: PlainProfile): PlainProfile {
  checkSampleTypeCount(profile.sampleTypes.length);
  const strings = [...profile.strings];
  const rows = new Map<bigint, bigint>();
  const mended = (row: bigint): bigint => {
    const name = underscored(bytesAt(profile, row));
    return name === undefined ? row : BigInt(strings.push(plainStringOf(name)) - 1);
  };
  const sampleTypes = profile.sampleTypes.map((sampleType) => ({
    ...sampleType,
    type: entryOf(rows, sampleType.type, () => mended(sampleType.type)),
  }));
  return { ...profile, sampleTypes, strings };
}

/** The name with "_" for every "-"; undefined when it has none. */
export function underscored(name: Uint8Array): Uint8Array | undefined {
  return name.includes(DASH) ? name.map((byte) => (byte === DASH ? UNDERSCORE : byte)) : undefined;
}

const DASH = 0x2d;
const UNDERSCORE = 0x5f;

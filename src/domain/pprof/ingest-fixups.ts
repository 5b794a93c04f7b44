import { createHash } from 'node:crypto';
import type { Bytes, UnixNanos } from '#src/domain/model/units.ts';
import type { IngestOptions, ProfileLimits } from './ingest-options.ts';
import { type PlainFunction, type PlainProfile, type PlainString, plainStringOf, textAt } from './plain-profile.ts';
import { tooManyFixupNameBytes } from './profile-errors.ts';
import { checkSampleTypeCount } from './type-limit.ts';
import { characterStart } from './utf8-cut.ts';

/** Agents whose function names mean little without their file. */
const SCRIPT_SPIES: ReadonlySet<string> = new Set(['pyspy', 'rbspy', 'scripting']);

const YEAR_1971_NANOS = 31_536_000n * 1_000_000_000n;

/**
 * Bytes of the names that fix-ups put together, each cut to `max_profile_symbol_value_length` first.
 *
 * A few bytes name a function, and may name a file of a megabyte that thousands of others have as well. 4 MiB of functions
 * of files with paths of 100 bytes get some 10 MiB of names.
 */
export const fixupNameBytesMax: Bytes = 16 << 20;

/** Above this V8 hashes a text by its length alone, so that a Map of many such texts would compare each with all. */
const HASHED_TEXT_MAX: Bytes = 16_000;

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
  const mended = needsNameFixups(ingest) ? withNameFixups(profile, ingest, limits) : profile;
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
  if (SCRIPT_SPIES.has(ingest.spyName)) return withFileNames(profile, ingest.spyName === 'pyspy', limits);
  return isDotnet(ingest) ? withUnderscores(withFunctionIds(profile)) : profile;
}

/** Whether any of the fix-ups but the time may change a profile. Kernels alone decode the others. */
export function needsNameFixups(ingest: IngestOptions): boolean {
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
function withFileNames(profile: PlainProfile, keepAbsolute: boolean, limits: FixupLimits): PlainProfile {
  const functions = new Map(profile.functions.map((fn) => [fn.id, fn]));
  const strings = [...profile.strings];
  const added: PlainFunction[] = [];
  const newIds = new Map<bigint, bigint>();
  const idOfRows = new Map<string, bigint>();
  const idOfName = new Map<string, bigint>();
  let largestId = profile.functions.reduce((largest, { id }) => (id > largest ? id : largest), 0n);
  let nameBytes: Bytes = 0;

  const ofName = (fn: PlainFunction): bigint => {
    const file = bytesAt(profile, fn.filename);
    const own = bytesAt(profile, fn.name);
    const symbolMax = limits.maxProfileSymbolValueLength;
    const length = file.length + 1 + own.length;
    nameBytes += symbolMax > 0 ? Math.min(length, symbolMax) : length;
    if (nameBytes > fixupNameBytesMax) throw tooManyFixupNameBytes(fixupNameBytesMax, nameBytes);
    const name = plainStringOf(joined(file, own, symbolMax));
    const key = textKey(name);
    const known = idOfName.get(key);
    if (known !== undefined) return known;
    largestId += 1n;
    idOfName.set(key, largestId);
    added.push({ ...fn, id: largestId, name: BigInt(strings.push(name) - 1) });
    return largestId;
  };
  const ofRows = (functionId: bigint): bigint => {
    const fn = functions.get(functionId);
    if (fn === undefined) return functionId;
    if (keepAbsolute && textAt(profile, fn.filename).startsWith('/')) return functionId;
    return entryOf(idOfRows, `${fn.filename} ${fn.name}`, () => ofName(fn));
  };
  const locations = profile.locations.map((location) => ({
    ...location,
    lines: location.lines.map((line) => ({
      ...line,
      functionId: entryOf(newIds, line.functionId, () => ofRows(line.functionId)),
    })),
  }));
  return { ...profile, locations, strings, functions: [...profile.functions, ...added] };
}

/** The bytes of the string that a reference means, as `textAt`: none when it means none, or one that is not UTF-8. */
function bytesAt({ strings }: PlainProfile, index: bigint): Uint8Array {
  const string = strings[Number(index)];
  return string?.text === undefined ? new Uint8Array(0) : string.bytes;
}

/** The end of the file, a space and the name, as `validateProfile` cuts a string that is longer than may be. */
function joined(file: Uint8Array, name: Uint8Array, bytesMax: Bytes): Uint8Array {
  const cut = bytesMax === 0 ? 0 : Math.max(0, file.length + 1 + name.length - bytesMax);
  if (cut === 0) return Buffer.concat([file, SPACE, name]);
  if (cut > file.length) return name.subarray(characterStart(name, cut - file.length - 1));
  return Buffer.concat([file.subarray(characterStart(file, cut)), SPACE, name]);
}

const SPACE = Buffer.from(' ');

/** Equal for equal texts alone, and cheap to have in a Map however long they are. */
function textKey({ bytes, text }: PlainString): string {
  if (text !== undefined && text.length <= HASHED_TEXT_MAX) return `=${text}`;
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

function entryOf<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const value = make();
  map.set(key, value);
  return value;
}

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
    const bytes = bytesAt(profile, row);
    if (!bytes.includes(DASH)) return row;
    return BigInt(strings.push(plainStringOf(bytes.map((byte) => (byte === DASH ? UNDERSCORE : byte)))) - 1);
  };
  const sampleTypes = profile.sampleTypes.map((sampleType) => ({
    ...sampleType,
    type: entryOf(rows, sampleType.type, () => mended(sampleType.type)),
  }));
  return { ...profile, sampleTypes, strings };
}

const DASH = 0x2d;
const UNDERSCORE = 0x5f;

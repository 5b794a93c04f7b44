import type { UnixMs, UnixNanos } from '#src/domain/model/units.ts';
import { checkFrames } from './frame-limits.ts';
import type { ProfileLimits } from './ingest-options.ts';
import { type PlainProfile, type PlainSample, type PlainString, plainStringOf } from './plain-profile.ts';
import {
  dashInSampleType,
  firstStringNotEmpty,
  invalidUtf8,
  noSampleType,
  outsideWindow,
  profileTooLarge,
  stringIndexOutOfRange,
  stringTooLong,
  tooManySampleLabels,
  tooManySamples,
  valueCountMismatch,
  zeroId,
} from './profile-errors.ts';
import { stringBytesMax } from './string-limit.ts';
import { checkSampleTypeCount } from './type-limit.ts';
import { characterStart } from './utf8-cut.ts';

/**
 * Checks a profile against the format and the tenant's limits, in the order in which Pyroscope does, so that the
 * first complaint about a profile with several faults is the same.
 *
 * @param sizeBytes  of the uncompressed pprof
 * @returns          the profile with its time set, deep stacks and long strings cut
 * @throws StoreError 'invalid-argument', with the reason in its details
 * @source           the write-path reference, "pprof: validation order"
 */
export function validateProfile(
  profile: PlainProfile,
  sizeBytes: number,
  limits: ProfileLimits,
  nowMs: UnixMs,
): PlainProfile {
  if (profile.sampleTypes.length === 0) throw noSampleType();
  const timeNanos = timeInWindow(profile.timeNanos, limits, nowMs);
  const { maxProfileSizeBytes, maxProfileStacktraceSamples } = limits;
  if (maxProfileSizeBytes > 0 && sizeBytes > maxProfileSizeBytes) throw profileTooLarge(maxProfileSizeBytes, sizeBytes);
  if (maxProfileStacktraceSamples > 0 && profile.samples.length > maxProfileStacktraceSamples) {
    throw tooManySamples(maxProfileStacktraceSamples, profile.samples.length);
  }
  const samples = profile.samples.map((sample) => withinDepth(sample, limits.maxProfileStacktraceDepth));
  checkLabelCounts(samples, limits.maxProfileStacktraceSampleLabels);
  const strings = profile.strings.map((string) => withinLength(string, limits.maxProfileSymbolValueLength));
  const checked = { ...profile, timeNanos, samples, strings };
  checkIds(checked);
  checkValueCounts(checked);
  if (strings[0]?.bytes.length !== 0) throw firstStringNotEmpty();
  checkStringIndices(checked);
  checkSampleTypes(checked);
  strings.forEach((string, index) => {
    const { bytes, text } = string;
    if (text === undefined) throw invalidUtf8(index, bytes);
    if (bytes.length > stringBytesMax) throw stringTooLong(index, stringBytesMax, bytes.length);
  });
  checkFrames(checked);
  checkSampleTypeCount(checked.sampleTypes.length);
  return checked;
}

/**
 * The time that a profile is stored under: its own, or now where it has none.
 *
 * @throws StoreError 'invalid-argument' when it is not strictly within the window, compared in whole milliseconds
 */
export function timeInWindow(
  timeNanos: UnixNanos,
  limits: Pick<ProfileLimits, 'rejectOlderThanMs' | 'rejectNewerThanMs'>,
  nowMs: UnixMs,
): UnixNanos {
  if (timeNanos <= 0n) return BigInt(nowMs) * 1_000_000n;
  const timeMs = Number(timeNanos / 1_000_000n);
  const { rejectOlderThanMs: olderThanMs, rejectNewerThanMs: newerThanMs } = limits;
  const tooOld = olderThanMs > 0 && timeMs <= nowMs - olderThanMs;
  const tooNew = newerThanMs > 0 && timeMs >= nowMs + newerThanMs;
  if (tooOld || tooNew) throw outsideWindow(timeMs, { nowMs, olderThanMs, newerThanMs });
  return timeNanos;
}

/**
 * @throws StoreError 'invalid-argument' for a "-": it is an operator where people write profile types
 */
export function checkSampleTypeName(name: string): void {
  if (name.includes('-')) throw dashInSampleType(name);
}

/** The root side is kept: it says where a runaway recursion came from. */
function withinDepth(sample: PlainSample, limit: number): PlainSample {
  if (limit === 0 || sample.locationIds.length <= limit) return sample;
  return { ...sample, locationIds: sample.locationIds.slice(-limit) };
}

/** Numeric labels count, although nothing is made of them. */
function checkLabelCounts(samples: readonly PlainSample[], limit: number): void {
  if (limit === 0) return;
  for (const { labels } of samples) if (labels.length > limit) throw tooManySampleLabels(limit, labels.length);
}

/** The tail is kept: the end of a long name tells more than its packages. Cut where a character starts. */
function withinLength(string: PlainString, limitBytes: number): PlainString {
  const { bytes, text } = string;
  // What is not UTF-8 is refused by name later, and must not become valid by being cut.
  if (text === undefined || limitBytes === 0 || bytes.length <= limitBytes) return string;
  return plainStringOf(bytes.subarray(characterStart(bytes, bytes.length - limitBytes)));
}

function checkIds(profile: PlainProfile): void {
  profile.locations.forEach(({ id }, row) => {
    if (id === 0n) throw zeroId('location', row);
  });
  profile.functions.forEach(({ id }, row) => {
    if (id === 0n) throw zeroId('function', row);
  });
}

function checkValueCounts(profile: PlainProfile): void {
  const typeCount = profile.sampleTypes.length;
  for (const { values } of profile.samples) {
    if (values.length !== typeCount) throw valueCountMismatch(values.length, typeCount);
  }
}

/**
 * Pyroscope does not look at negative ones, nor at units and the period type, and stores empty names for them. Here
 * they are malformed like the others: an empty name in a flame graph hides the fault from the one who can mend it.
 */
function checkStringIndices(profile: PlainProfile): void {
  const stringCount = profile.strings.length;
  const check = (what: string, index: bigint): void => {
    if (index < 0n || index >= BigInt(stringCount)) throw stringIndexOutOfRange(what, index, stringCount);
  };
  for (const { type, unit } of profile.sampleTypes) {
    check('the name of a sample type', type);
    check('the unit of a sample type', unit);
  }
  for (const { labels } of profile.samples) {
    for (const { key, str, numUnit } of labels) {
      check('the key of a sample label', key);
      check('the value of a sample label', str);
      check('the unit of a sample label', numUnit);
    }
  }
  for (const { name, systemName, filename } of profile.functions) {
    check('the name of a function', name);
    check('the system name of a function', systemName);
    check('the file name of a function', filename);
  }
  for (const { filename, buildId } of profile.mappings) {
    check('the file name of a mapping', filename);
    check('the build id of a mapping', buildId);
  }
  if (profile.periodType !== undefined) {
    check('the name of the period type', profile.periodType.type);
    check('the unit of the period type', profile.periodType.unit);
  }
}

function checkSampleTypes(profile: PlainProfile): void {
  for (const { type } of profile.sampleTypes) checkSampleTypeName(profile.strings[Number(type)]?.text ?? '');
}

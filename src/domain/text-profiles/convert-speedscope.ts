import { sizeText } from '#src/domain/model/amount-text.ts';
import { quoted } from '#src/domain/model/printable.ts';
import { STEP_ROWS, type Steps } from '#src/domain/model/steps.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import { refusal } from '#src/domain/pprof/profile-errors.ts';
import { NameTable } from '#src/domain/profile/name-table.ts';
import {
  type ConversionBounds,
  type ConversionMeans,
  type ConvertedProfile,
  maxBytesNameOf,
  type Upload,
  undecodableUpload,
} from '#src/domain/upload/upload.ts';
import { isSpanUpload, uploadLabels } from '#src/domain/upload/upload-labels.ts';
import { binaryFormat } from './binary-format.ts';
import { collectorOptions } from './convert-text.ts';
import type { Float64List } from './float64-list.ts';
import { readSpeedscope, type SpeedscopeFile, type SpeedscopeProfile } from './speedscope-reader.ts';
import { weightsByStack } from './speedscope-sums.ts';
import { StackCollector } from './stack-collector.ts';
import { type TypedApp, typedApp } from './value-kind.ts';
import { writeStacks } from './write-stacks.ts';

/** Nanoseconds of each unit of time. */
const UNIT_NANOS: ReadonlyMap<string, number> = new Map([
  ['seconds', 1e9],
  ['milliseconds', 1e6],
  ['microseconds', 1e3],
  ['nanoseconds', 1],
]);

const UNITS: ReadonlySet<string> = new Set([...UNIT_NANOS.keys(), 'bytes', 'none']);

/** Profiles of a file that are stored as one, because they are parts of one. */
type Group = {
  readonly name: string;
  readonly unit: string;
  readonly startValue: number;
  readonly parts: SpeedscopeProfile[];
};

/**
 * Converts a speedscope file: a profile for each that has a name, type, unit and start value of its own, in the order of
 * their start values, with the label `profile_name`.
 *
 * Weights are added up and scaled before they are rounded, so that fractions count; times become nanoseconds whatever the
 * sample rate is, and `none` counts samples. Pyroscope cuts weights to whole numbers first.
 *
 * @throws StoreError 'invalid-argument'
 * @source the write-path reference, "/ingest: speedscope"
 */
export function* convertSpeedscope(upload: Upload, means: ConversionMeans): Steps<readonly ConvertedProfile[]> {
  if (isSpanUpload(upload.tags)) return [];
  const binary = binaryFormat(upload.body);
  if (binary !== undefined) throw fault(`its bytes look like ${binary}`);
  const file = yield* readSpeedscope(upload.body, collectorOptions(means));
  if (file.lastFrame >= file.frameName.length) {
    throw fault(`a stack has frame ${file.lastFrame}, and there are ${file.frameName.length} frames`);
  }
  const groups = yield* groupsOf(file.profiles);
  const converted: ConvertedProfile[] = [];
  let totalBytes: Bytes = 0;
  for (const group of groups) {
    const profile = yield* convertGroup(file, group, typeOf(group, groups.length > 1, upload), upload, means);
    if (profile === undefined) continue;
    totalBytes += profile.profile.length;
    if (totalBytes > means.maxBytes) throw tooLarge(means, totalBytes);
    converted.push(profile);
  }
  return converted;
}

/** Characters of names of one step, some ten milliseconds. */
const STEP_CHARACTERS = 1 << 20;

function* groupsOf(profiles: readonly SpeedscopeProfile[]): Steps<Group[]> {
  const groups = new Map<string, Group>();
  // Texts become numbers first: a map of long ones would compare each with all others of its length.
  const texts = new NameTable();
  let characters = 0;
  for (const profile of profiles) {
    const { name, type, unit, startValue } = profile;
    if (!UNITS.has(unit)) throw fault(`profile ${quoted(name)}: its unit ${quoted(unit)} is not known`);
    const key = `${texts.internText(name)} ${texts.internText(type)} ${unit} ${startValue}`;
    const group = groups.get(key) ?? { name, unit, startValue, parts: [] };
    group.parts.push(profile);
    groups.set(key, group);
    characters += name.length + type.length;
    if (characters < STEP_CHARACTERS) continue;
    characters = 0;
    yield;
  }
  return [...groups.values()].sort((a, b) => a.startValue - b.startValue);
}

/** What a profile of a file is, and what a weight of one stands for. */
type GroupType = TypedApp & { readonly weightValue: number };

/**
 * One profile is what the name of the application says; of several, each is what its unit says. Bytes are bytes also
 * where that name says a time, or nothing.
 *
 * @throws StoreError 'invalid-argument' when weights cannot be what the name says
 */
function typeOf({ unit }: Group, isOneOfSeveral: boolean, { app, sampleRate }: Upload): GroupType {
  const unitNanos = UNIT_NANOS.get(unit);
  // The rate is about counts. Times and bytes are what they are.
  const rate = unit === 'none' ? sampleRate : TIMES_SAMPLE_RATE;
  const named = typedApp(isOneOfSeveral ? `${app}.${unit}` : app, rate);
  const typed = unit === 'bytes' && isTime(named) ? typedApp(`${named.service}.bytes`, rate) : named;
  const { kind } = typed;
  const weightUnit = unitNanos === undefined ? unit : 'nanoseconds';
  if (unit !== 'none' && kind.sampleType.unit !== weightUnit) {
    throw fault(`its weights are ${unit}, and the name ${quoted(app)} says ${kind.sampleType.unit}`);
  }
  return { ...typed, weightValue: unitNanos ?? (unit === 'none' ? Number(kind.periodNanos ?? 1n) : 1) };
}

/** What profiles of times say about how often they were sampled. */
const TIMES_SAMPLE_RATE = 100;

function isTime({ kind: { profileName } }: TypedApp): boolean {
  return profileName === 'process_cpu' || profileName === 'wall';
}

function* convertGroup(
  file: SpeedscopeFile,
  { name, parts }: Group,
  { service, kind, weightValue }: GroupType,
  upload: Upload,
  means: ConversionMeans,
): Steps<ConvertedProfile | undefined> {
  const options = collectorOptions(means);
  const sums = new StackCollector(options, file.names);
  for (const part of parts) yield* addPart(sums, part, file.frameName, weightValue);
  const profile = yield* writeStacks(sums.take(), kind, { timeNanos: upload.fromNanos, sizeLimit: options.sizeLimit });
  if (profile === undefined) return undefined;
  const labels = uploadLabels(upload, kind.profileName, service, { name: 'profile_name', value: name });
  return { labels, profile };
}

/** Stacks of one step: each is looked up, and added to. */
const STEP_STACKS = STEP_ROWS / 4;

/** Adds a profile, whose stacks are of frames, to stacks of names: frames that differ in their lines alone are one. */
function* addPart(
  sums: StackCollector,
  part: SpeedscopeProfile,
  frameName: Float64List,
  weightValue: number,
): Steps<void> {
  const weights = yield* weightsByStack(part);
  const { parent, name } = part.stacks.take();
  const rowOf = new Uint32Array(parent.length);
  for (let row = 0; row < parent.length; row++) {
    if (row > 0 && row % STEP_STACKS === 0) yield;
    if (row > 0) rowOf[row] = sums.childOf(rowOf[parent[row]], frameName.at(name[row]));
    if (weights[row] > 0) sums.add(rowOf[row], rounded(weights[row] * weightValue, part));
  }
}

function rounded(value: number, { name }: SpeedscopeProfile): bigint {
  if (value < 2 ** 63) return BigInt(Math.round(value));
  throw fault(`profile ${quoted(name)}: the weights of a stack come to ${value}, which is over 2^63 - 1`);
}

function tooLarge(bounds: ConversionBounds, actualBytes: Bytes) {
  const { maxBytes } = bounds;
  return refusal(
    'body_size_limit_exceeded',
    `the profiles of the file are together larger than ${maxBytesNameOf(bounds)}: limit ${sizeText(maxBytes)}, ` +
      `actual at least ${sizeText(actualBytes)} as pprof`,
    { limitBytes: maxBytes, actualBytes },
  );
}

function fault(what: string) {
  return undecodableUpload('speedscope', what);
}

import type { StoreError } from '#src/domain/errors.ts';
import { sizeText } from '#src/domain/model/amount-text.ts';
import { MemoryBudget } from '#src/domain/model/memory-budget.ts';
import type { Steps } from '#src/domain/model/steps.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import type { InflateSteps } from '#src/domain/pprof/gzip-fault.ts';
import { type BuiltLabel, PprofBuilder, type SizeLimit } from '#src/domain/pprof/pprof-builder.ts';
import { periodNanosOf } from '#src/domain/upload/sample-period.ts';
import {
  type ConversionBounds,
  type ConversionMeans,
  type ConvertedProfile,
  convertedSizeLimit,
  type Upload,
  undecodableUpload,
} from '#src/domain/upload/upload.ts';
import { uploadLabels } from '#src/domain/upload/upload-labels.ts';
import { FAMILIES, FAMILY_NAMES, type ProfileFamily } from './event-kinds.ts';
import { inflateFile } from './inflate-file.ts';
import { emptySnapshot, readLabelsSnapshot } from './labels-snapshot.ts';
import { type RecordingSoFar, readChunk } from './read-chunk.ts';
import { RecordedStacks } from './recorded-stacks.ts';
import { type LabelsOut, SampleLabels } from './sample-labels.ts';
import { SampleSums } from './sample-sums.ts';
import { PlannedFields } from './value-plan.ts';

/** Samples that are looked at, or locations and labels that are written, in a step. */
const STEP_RECORDS = 8192;

const LARGEST = 2n ** 63n - 1n;

/** Bytes that are written in a step, most of them of names and labels. */
const STEP_BYTES: Bytes = 1 << 20;

/** What a thread has for it. */
export type JfrMeans = {
  readonly inflate: InflateSteps;
  /** Of all tables: types and constants, stacktraces, labels (those that an agent sends too) and samples. Default: `TABLE_BYTES_MAX`. */
  readonly tableBytesMax?: Bytes;
};

/** Of any recording. */
export const TABLE_BYTES_MAX: Bytes = 128 << 20;

/**
 * Of a recording, by its size: most take less than three times as much, and those of several chunks less. Where each
 * sample has a span of its own, its 26 bytes are 76 to 200 of tables, the more where it counts as time of both kinds.
 */
const TABLE_BYTES_PER_BYTE = 8;

/** Small recordings may have as much: 400,000 samples of 10 MB, each with a span of its own. */
const TABLE_BYTES_MIN: Bytes = 64 << 20;

/**
 * Makes profiles of a recording: one for each kind of event that there is. Their time is that of the request, and the
 * times of events are not looked at.
 *
 * @throws StoreError 'invalid-argument' when the recording or the labels are malformed, or a profile would be too large
 * @cost   memory: the recording, its tables (at most 44 bytes a constant of its largest chunk and 84 a method, names and
 *         stacktraces as lists, samples as rows; together eight times the recording, or 64 MiB), and the profiles, which have
 *         limits of their own, twice while they are copied. Most take a third of that
 */
export function* convertJfr(
  upload: Upload,
  bounds: ConversionMeans,
  { inflate, tableBytesMax = TABLE_BYTES_MAX }: JfrMeans,
): Steps<readonly ConvertedProfile[]> {
  if (!upload.fromForm && upload.body[0] === 0x1f && upload.body[1] === 0x8b) {
    throw undecodableUpload(
      'jfr',
      'it is gzip, which only a file of a form may be: inflate it, or send it as part "jfr"',
    );
  }
  const recording = upload.fromForm ? yield* inflateFile('jfr', upload.body, bounds, inflate) : upload.body;
  const ofItsSize = Math.max(TABLE_BYTES_MIN, TABLE_BYTES_PER_BYTE * recording.length);
  const memory = new MemoryBudget(Math.min(tableBytesMax, ofItsSize), tablesTooLarge);
  const snapshot =
    upload.jfrLabels === undefined || upload.jfrLabels.length === 0
      ? emptySnapshot
      : yield* readLabelsSnapshot(yield* inflateFile('labels', upload.jfrLabels, bounds, inflate), memory);
  const means = { secret: bounds.secret, memory };
  const soFar: RecordingSoFar = {
    stacks: new RecordedStacks(means),
    labels: new SampleLabels(snapshot, means),
    sums: new SampleSums(means),
    means,
    planned: new PlannedFields(recording.length),
    event: '',
  };
  for (let start = 0; start < recording.length; ) start = yield* readChunk(recording, start, soFar);

  const rows = yield* rowsOfFamilies(soFar.sums);
  const event = { name: 'jfr_event', value: soFar.event };
  const profiles: ConvertedProfile[] = [];
  let leftBytes = bounds.maxBytes;
  for (const [number, name] of FAMILY_NAMES.entries()) {
    if (rows[number].length === 0) continue;
    const family: ProfileFamily = FAMILIES[name];
    const writer = new FamilyWriter(family, upload, sizeLimitOf(bounds, leftBytes), soFar);
    const profile = yield* writer.write(rows[number]);
    if (profile === undefined) continue;
    leftBytes -= profile.length;
    profiles.push({ labels: uploadLabels(upload, family.name, upload.app, event), profile });
  }
  return profiles;
}

function tablesTooLarge(limitBytes: Bytes): StoreError {
  return undecodableUpload(
    'jfr',
    `its types, constants, stacktraces, labels and samples take more memory than those of its size may: limit ${sizeText(limitBytes)}`,
  );
}

/** Of the next profile: each has its limit, and all together have one. */
function sizeLimitOf({ maxBytes, limits }: ConversionBounds, leftBytes: Bytes): SizeLimit {
  const own = convertedSizeLimit(limits);
  if (own.bytes <= leftBytes) return own;
  return { bytes: leftBytes, name: `what is left of ${sizeText(maxBytes)} for all profiles of a recording` };
}

/** The samples of each profile, in order of their first events. */
function* rowsOfFamilies(sums: SampleSums): Steps<Uint32Array[]> {
  const counts = new Uint32Array(FAMILY_NAMES.length);
  const families = new Uint8Array(sums.length);
  for (let row = 0; row < sums.length; row++) {
    if (row % STEP_RECORDS === 0) yield;
    families[row] = sums.familyOf(row);
    counts[families[row]]++;
  }
  const rows = Array.from(counts, (count) => new Uint32Array(count));
  counts.fill(0);
  for (let row = 0; row < sums.length; row++) rows[families[row]][counts[families[row]]++] = row;
  return rows;
}

/** Writes one profile. */
class FamilyWriter {
  readonly #family: ProfileFamily;
  readonly #soFar: RecordingSoFar;
  readonly #builder: PprofBuilder;
  readonly #labelsOut: LabelsOut;
  /** Of one event, where events are samples of time; 0 elsewhere, whatever the sample rate is. */
  readonly #periodNanos: bigint;
  readonly #mapping: number;
  /** Ids in the profile, by the number of the location; 0 for those that it does not have yet. */
  readonly #locationIds: Int32Array;
  /** Likewise, by the number of the function. */
  readonly #functionIds: Int32Array;
  /** Room for the ids of a stacktrace. */
  readonly #ofStack: Int32Array;
  /** Room for the name of a function. */
  #name = new Uint8Array(256);
  /** Whether there is a sample. */
  #written = false;

  constructor(family: ProfileFamily, upload: Upload, sizeLimit: SizeLimit, soFar: RecordingSoFar) {
    const { fromNanos, untilNanos, sampleRate } = upload;
    this.#family = family;
    this.#soFar = soFar;
    this.#periodNanos = family.timed && sampleRate > 0 ? periodNanosOf(sampleRate) : 0n;
    this.#builder = new PprofBuilder({
      sampleTypes: family.sampleTypes,
      timeNanos: fromNanos,
      durationNanos: untilNanos > fromNanos ? untilNanos - fromNanos : 0n,
      periodType: family.periodType,
      period: 0n,
      sizeLimit,
    });
    this.#mapping = this.#builder.mapping({ hasFunctions: true });
    this.#ofStack = new Int32Array(soFar.stacks.columns.stride);
    this.#locationIds = new Int32Array(soFar.stacks.locationCount);
    this.#labelsOut = { builder: this.#builder, textRows: new Int32Array(soFar.labels.textCount) };
    this.#functionIds = new Int32Array(soFar.stacks.functionCount);
  }

  /** @returns undefined when all values are 0 */
  *write(rows: Uint32Array): Steps<Uint8Array<ArrayBuffer> | undefined> {
    let row = 0;
    while (row < rows.length) {
      row = this.#writeRows(rows, row);
      if (row < rows.length) yield;
    }
    return this.#written ? yield* this.#builder.takeInSteps() : undefined;
  }

  /** Writes samples of one step. @returns the place of the next one among the rows */
  #writeRows(rows: Uint32Array, start: number): number {
    const { stacks, sums, labels } = this.#soFar;
    const builder = this.#builder;
    const ids = this.#locationIds;
    const ofStack = this.#ofStack;
    const { frames } = stacks;
    const stopBytes = builder.sizeBytes + STEP_BYTES;
    let at = start;
    for (let records = 0; at < rows.length && records < STEP_RECORDS && builder.sizeBytes < stopBytes; at++) {
      const row = rows[at];
      records++;
      if (!this.#takeValues(row)) continue;
      const stack = sums.stackOf(row);
      const count = stacks.countOf(stack);
      const first = stacks.firstOf(stack);
      for (let i = 0; i < count; i++) {
        const known = ids[frames[first + i]];
        ofStack[i] = known !== 0 ? known : this.#newLocation(frames[first + i]);
      }
      const labelSet = sums.labelSetOf(row);
      const ofSample = labelSet === 0 ? NO_LABELS : labels.labelsOf(labelSet, this.#labelsOut);
      builder.sampleOfValues(ofStack, count, ofSample);
      this.#written = true;
      records += count + ofSample.length;
    }
    return at;
  }

  /**
   * Brings the values of a row where the builder takes them from. A sum may be negative; such a sample goes when the profile
   * is taken in, like those of any pprof.
   *
   * @returns false when all are 0
   */
  #takeValues(row: number): boolean {
    const { words } = this.#soFar.sums;
    const at = this.#soFar.sums.valuesAt(row);
    const { values } = this.#builder;
    if (this.#family.timed) setNanos(values, words[at], words[at + 1], this.#periodNanos);
    else for (let i = 0; i < values.length; i++) values[i] = words[at + i];
    for (let i = 0; i < values.length; i++) if (values[i] !== 0) return true;
    return false;
  }

  #newLocation(location: number): number {
    const { functionId, line } = this.#soFar.stacks.functionAndLineOf(location);
    const id = this.#builder.newLineLocation(this.#mapping, this.#functionIdOf(functionId), line);
    this.#locationIds[location] = id;
    return id;
  }

  #functionIdOf(functionId: number): number {
    if (this.#functionIds[functionId] !== 0) return this.#functionIds[functionId];
    const { stacks } = this.#soFar;
    const length = stacks.functionNameBytes(functionId);
    if (length > this.#name.length) this.#name = new Uint8Array(2 * length);
    stacks.writeFunctionName(this.#name, 0, functionId);
    // No other text of the profile is looked for among these, so that all are new.
    const name = this.#builder.newBytes(this.#name, 0, length);
    const id = this.#builder.newFunction({ name, systemName: 0 });
    this.#functionIds[functionId] = id;
    return id;
  }
}

const NO_LABELS: readonly BuiltLabel[] = [];

/** A count times a period, which stops at the largest 64-bit number. */
function setNanos(values: Int32Array, countLow: number, countHigh: number, periodNanos: bigint): void {
  const product = (countHigh * 2 ** 32 + (countLow >>> 0)) * Number(periodNanos);
  if (Number.isSafeInteger(product)) {
    values[0] = product % 2 ** 32;
    values[1] = Math.floor(product / 2 ** 32);
    return;
  }
  const count = (BigInt(countHigh) << 32n) | BigInt(countLow >>> 0);
  const exact = count * periodNanos;
  const nanos = exact < LARGEST ? exact : LARGEST;
  values[0] = Number(BigInt.asIntN(32, nanos));
  values[1] = Number(BigInt.asIntN(32, nanos >> 32n));
}

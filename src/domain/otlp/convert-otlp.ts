import { StoreError } from '#src/domain/errors.ts';
import { sizeText } from '#src/domain/model/amount-text.ts';
import { quoted } from '#src/domain/model/printable.ts';
import type { Steps } from '#src/domain/model/steps.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import type { BuiltValueType, SizeLimit } from '#src/domain/pprof/pprof-builder.ts';
import { discardReasonOf, tooManySamples } from '#src/domain/pprof/profile-errors.ts';
import { foreignMessageHint } from '#src/domain/protobuf/foreign-message.ts';
import { WireReader } from '#src/domain/protobuf/wire-reader.ts';
import {
  type ConversionBounds,
  type ConvertedProfile,
  convertedSizeLimit,
  maxBytesNameOf,
} from '#src/domain/upload/upload.ts';
import type { AttributeRule } from './attribute-rules.ts';
import { Dictionary, readDictionary, STEP_BYTES } from './dictionary.ts';
import { IntList } from './int-list.ts';
import { typeTextOf } from './label-text.ts';
import { NO_DICTIONARY_HINT } from './older-layouts.ts';
import { incomplete, indexOutOfRange, notConvertible, stageOf, undecodableOtlp } from './otlp-errors.ts';
import { OTLP_BOUNDS, type OtlpBounds, PartsBudget } from './parts-budget.ts';
import { PprofParts } from './pprof-parts.ts';
import { ProfileColumns, type TypeRows } from './profile-columns.ts';
import { type RejectedProfiles, Rejections } from './rejections.ts';
import { ResourceLabels, type Span } from './resource-labels.ts';
import { SampleAttributes } from './sample-attributes.ts';
import { type StoredType, storedTypeOf } from './stored-type.ts';

export type OtlpOptions = {
  readonly rules: readonly AttributeRule[];
  readonly bounds: ConversionBounds;
  /** Default: those of `OTLP_BOUNDS`. */
  readonly parts?: OtlpBounds;
};

/** One pprof of a message. */
export type OtlpPprof = ConvertedProfile & {
  /** Which profile of the message it is of. */
  readonly source: number;
};

/** What a message holds. A profile with samples of several services is several pprofs, which stand together. */
export type ConvertedOtlp = {
  readonly profiles: readonly OtlpPprof[];
  readonly rejected: RejectedProfiles;
};

/** A profile that says nothing about its length. */
const DURATION_NANOS = 10_000_000_000n;

/** What a resource, a scope or a profile costs that has nothing in it. */
const PART_BYTES: Bytes = 1 << 10;

/** Bytes of texts that are as much work as a byte of small messages, as a power of two. */
const TEXT_BYTES_PER_BYTE_LOG2 = 6;

const INT64_MAX = 2n ** 63n - 1n;

/**
 * Converts an `ExportProfilesServiceRequest` to pprofs, each with the labels of its series. What is wrong with one profile
 * is its own fault: the others are converted all the same.
 *
 * @param message  protobuf, not compressed
 * @throws StoreError 'invalid-argument' when the message cannot be decoded, has no dictionary or no resources, or is over
 *         a bound
 * @cost   O(bytes of the message + bytes of the pprofs), both bounded
 * @source OpenTelemetry protocol 1.10, `profiles.proto`; the write-path reference, "OTLP profiles"
 */
export function* convertOtlp(message: Uint8Array, options: OtlpOptions): Steps<ConvertedOtlp> {
  const budget = new PartsBudget(boundsOf(options), options.bounds.limits);
  const hint = (): string => foreignMessageHint(message, 'proto');
  const reader = new WireReader(message, (what) => undecodableOtlp(what + hint()));
  const dictionary = new Dictionary(message, budget.memory);
  const resources: Span[] = [];
  let hasDictionary = false;
  let stop = STEP_BYTES;
  while (reader.next()) {
    if (reader.pos > stop) {
      stop = reader.pos + STEP_BYTES;
      yield;
    }
    if (reader.field === 1) resources.push(span(reader, budget));
    else if (reader.field === 2) {
      hasDictionary = true;
      const outer = reader.open();
      yield* readDictionary(reader, dictionary, budget);
      reader.close(outer);
    } else reader.skip();
  }
  if (!hasDictionary) throw incomplete(`it has no dictionary${hint() || NO_DICTIONARY_HINT}`);
  if (resources.length === 0) throw incomplete(`it has no resource profiles${hint()}`);
  const attributes = new SampleAttributes(dictionary, options.rules, budget);
  const parts = yield* PprofParts.of(dictionary, attributes, budget);
  const conversion = new Conversion({ reader, dictionary, budget, attributes, parts, options });
  for (const resource of resources) yield* conversion.resource(resource);
  return conversion.result();
}

/** A tenant that may have longer labels than others has them here as well. */
function boundsOf({ parts = OTLP_BOUNDS, bounds: { limits } }: OtlpOptions): OtlpBounds {
  const { maxLabelNameLength, maxLabelValueLength } = limits;
  return {
    ...parts,
    labelTextBytesMax: Math.max(parts.labelTextBytesMax, maxLabelNameLength, maxLabelValueLength),
  };
}

type ConversionDeps = {
  readonly reader: WireReader;
  readonly dictionary: Dictionary;
  readonly budget: PartsBudget;
  readonly attributes: SampleAttributes;
  readonly parts: PprofParts;
  readonly options: OtlpOptions;
};

/** A message on its way. */
class Conversion {
  readonly #deps: ConversionDeps;
  readonly #sizeLimit: SizeLimit;
  readonly #columns: ProfileColumns;
  readonly #profiles: OtlpPprof[] = [];
  #profileCount = 0;
  #bytesLeft: Bytes;
  /** What was read and written since the last pause. */
  #stepBytes: Bytes = 0;
  /** Of the budget, when it was last looked at. */
  #textBytes: Bytes = 0;
  readonly #rejected = new Rejections();

  constructor(deps: ConversionDeps) {
    this.#deps = deps;
    this.#columns = new ProfileColumns(deps.budget.memory);
    this.#sizeLimit = convertedSizeLimit(deps.options.bounds.limits);
    this.#bytesLeft = deps.options.bounds.maxBytes;
  }

  result(): ConvertedOtlp {
    return { profiles: this.#profiles, rejected: this.#rejected.all() };
  }

  /** What a resource is may stand behind its profiles. */
  *resource(resource: Span): Steps<void> {
    const [attributes, scopes] = this.#spansOf(resource, 1, 2);
    const { reader, dictionary, budget, options } = this.#deps;
    const source = { reader, dictionary, budget, rules: options.rules };
    const labels = ResourceLabels.of(attributes, source);
    if (this.#isStepOver(0)) yield;
    for (const scope of scopes) {
      const [ofScope, profiles] = this.#spansOf(scope, 1, 2);
      const whole = labels.with(ofScope, source);
      if (this.#isStepOver(0)) yield;
      for (const profile of profiles) {
        yield* this.#profile(profile, whole);
        if (this.#isStepOver(profile.end - profile.start)) yield;
      }
      if (this.#isStepOver(scope.end - scope.start)) yield;
    }
    if (this.#isStepOver(resource.end - resource.start)) yield;
  }

  /** @param bytes  that were read or written. Few are as much work as some more */
  #isStepOver(bytes: Bytes): boolean {
    const { textBytes } = this.#deps.budget;
    this.#stepBytes += bytes + PART_BYTES + ((textBytes - this.#textBytes) >> TEXT_BYTES_PER_BYTE_LOG2);
    this.#textBytes = textBytes;
    if (this.#stepBytes < STEP_BYTES) return false;
    this.#stepBytes = 0;
    return true;
  }

  /** Where the messages of two fields lie. */
  #spansOf(of: Span, first: number, second: number): [Span[], Span[]] {
    const { budget } = this.#deps;
    const reader = this.#at(of);
    const spans: [Span[], Span[]] = [[], []];
    while (reader.next()) {
      if (reader.field === first) spans[0].push(span(reader, budget));
      else if (reader.field === second) spans[1].push(span(reader, budget));
      else reader.skip();
    }
    return spans;
  }

  *#profile(profile: Span, labels: ResourceLabels): Steps<void> {
    const source = this.#profileCount++;
    const columns = this.#columns;
    columns.clear();
    const reader = this.#at(profile);
    while (reader.pos < reader.end) {
      columns.readUntil(reader.pos + STEP_BYTES, reader, this.#deps.budget);
      if (reader.pos < reader.end) yield;
    }
    const converted: ConvertedProfile[] = [];
    try {
      yield* this.#convert(labels, converted);
    } catch (error) {
      // Whatever is wrong with the message as a whole, such as a bound, is no fault of this profile.
      if (!(error instanceof StoreError) || !isFaultOfProfile(error)) throw error;
      this.#rejected.add(error);
      return;
    }
    for (const one of converted) this.#profiles.push({ ...one, source });
  }

  /** @throws StoreError that `isFaultOfProfile` */
  *#convert(labels: ResourceLabels, converted: ConvertedProfile[]): Steps<void> {
    const { sampleType, sampleCount, period, periodType, attributes, profileAttributes } = this.#columns;
    if (sampleType === undefined) throw notConvertible('it has no sample type');
    if (sampleCount === 0) return;
    const periodTypeName = periodType && this.#typeName(periodType);
    const stored = storedTypeOf(this.#typeName(sampleType), periodTypeName, period);
    // All values would be negative, and such are dropped from a profile: it would vanish, and nobody hear of it.
    if (stored.values === 'times-period' && period < 0n) {
      throw notConvertible(`its values are counts of a period that is negative: ${period} nanoseconds`);
    }
    const limit = this.#deps.options.bounds.limits.maxProfileStacktraceSamples;
    // Without attributes all samples are of one service, and there is no need to group them to see that they are too many.
    if (attributes.length === 0) checkSampleCount(sampleCount, limit);
    const ofProfile = this.#deps.attributes.labelsOf(profileAttributes);
    const byService = new Map<number, IntList>();
    try {
      yield* this.#groupSamples(byService);
      for (const samples of byService.values()) checkSampleCount(samples.length, limit);
      for (const [id, samples] of byService) {
        const service = this.#deps.attributes.serviceOf(id);
        const list = labels.listOf(stored.name, service, ofProfile);
        const profile = yield* this.#writeSamples(samples, stored, periodTypeName);
        converted.push({ labels: list, profile });
        if (this.#isStepOver(profile.length)) yield;
      }
    } finally {
      for (const list of byService.values()) this.#deps.budget.memory.give(list.sizeBytes);
    }
  }

  *#writeSamples(
    samples: IntList,
    { sampleType, values }: StoredType,
    periodType: BuiltValueType | undefined,
  ): Steps<Uint8Array<ArrayBuffer>> {
    this.#deps.budget.profile();
    const sizeLimit = this.#nextLimit();
    const { period } = this.#columns;
    const header = { sampleTypes: [sampleType], periodType, period, ...this.#times(), sizeLimit };
    const part = { columns: this.#columns, samples, values, header };
    return yield* this.#charged(this.#deps.parts.write(part), sizeLimit);
  }

  /** What is written is charged, also where it is too large: it was work. */
  *#charged(writing: Steps<Uint8Array<ArrayBuffer>>, limit: SizeLimit): Steps<Uint8Array<ArrayBuffer>> {
    try {
      const profile = yield* writing;
      this.#bytesLeft -= profile.length;
      return profile;
    } catch (error) {
      if (!(error instanceof StoreError) || discardReasonOf(error) !== 'profile_size_limit') throw error;
      this.#bytesLeft -= limit.bytes;
      if (this.#bytesLeft <= 0) throw this.#tooMuch();
      throw error;
    }
  }

  /** Of the next pprof: that of all profiles, or what is left for this message. */
  #nextLimit(): SizeLimit {
    return this.#bytesLeft < this.#sizeLimit.bytes ? { ...this.#sizeLimit, bytes: this.#bytesLeft } : this.#sizeLimit;
  }

  #tooMuch(): StoreError {
    const { bounds } = this.#deps.options;
    const limitBytes = bounds.maxBytes;
    return new StoreError(
      'invalid-argument',
      `the profiles of the OTLP message are together larger than ${maxBytesNameOf(bounds)}: limit ${sizeText(limitBytes)}, ` +
        'actual more than that as pprof',
      { limitName: 'profile_bytes', limitBytes },
    );
  }

  /** Samples of one service are one pprof, whatever is between them. In the order in which services first appear. */
  *#groupSamples(samples: Map<number, IntList>): Steps<void> {
    const { attributes, budget } = this.#deps;
    const columns = this.#columns;
    let attributeCount = 0;
    let { textBytes } = budget;
    for (let sample = 0; sample < columns.sampleCount; sample++) {
      const start = columns.attributeStart(sample);
      const end = columns.attributeEnd.values[sample];
      const service = attributes.serviceIdOf(columns.attributes, start, end);
      let list = samples.get(service);
      if (list === undefined) samples.set(service, (list = new IntList(budget.memory)));
      list.push(sample);
      attributeCount += 1 + end - start + ((budget.textBytes - textBytes) >> TEXT_BYTES_PER_ATTRIBUTE_LOG2);
      textBytes = budget.textBytes;
      if (attributeCount < STEP_ATTRIBUTES) continue;
      attributeCount = 0;
      yield;
    }
  }

  /** What does not fit into the 64 bits with a sign that pprof has is as far away as they go. */
  #times(): { timeNanos: bigint; durationNanos: bigint } {
    const { timeNanos, durationNanos } = this.#columns;
    return {
      timeNanos: smallest(timeNanos, INT64_MAX),
      durationNanos: smallest(durationNanos, INT64_MAX) || DURATION_NANOS,
    };
  }

  #typeName({ type, unit }: TypeRows): BuiltValueType {
    return { type: this.#typeText(type), unit: this.#typeText(unit) };
  }

  /** The parts of a profile type are divided by colons, so that nobody could ask for one that has a colon in a part. */
  #typeText(row: number): string {
    const text = this.#text(row);
    if (text.includes(':')) throw notConvertible(`a value type or its unit has a ":": ${quoted(text)}`);
    return text;
  }

  #text(row: number): string {
    const { dictionary, budget } = this.#deps;
    if (row === 0 && dictionary.stringCount === 0) return '';
    if (row < 0 || row >= dictionary.stringCount) {
      throw indexOutOfRange('a value type', 'string', row, dictionary.stringCount);
    }
    return typeTextOf(dictionary.stringAt(row), budget);
  }

  #at({ start, end }: Span): WireReader {
    const { reader } = this.#deps;
    reader.pos = start;
    reader.end = end;
    return reader;
  }
}

/** Attributes that are looked at in one step. */
const STEP_ATTRIBUTES = 1 << 15;

/** Bytes of texts that are as much work as an attribute, as a power of two. */
const TEXT_BYTES_PER_ATTRIBUTE_LOG2 = 7;

function checkSampleCount(count: number, limit: number): void {
  if (limit > 0 && count > limit) throw tooManySamples(limit, count);
}

/** Where the message lies that the field holds. */
function span(reader: WireReader, budget: PartsBudget): Span {
  budget.message();
  const outer = reader.open();
  const found = { start: reader.pos, end: reader.end };
  reader.close(outer);
  return found;
}

function isFaultOfProfile(error: StoreError): boolean {
  return stageOf(error) !== undefined || error.details['reason'] !== undefined;
}

function smallest(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

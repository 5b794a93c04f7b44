import { inSteps, type Steps } from '#src/domain/model/steps.ts';
import { type BuiltHeader, PprofBuilder } from '#src/domain/pprof/pprof-builder.ts';
import { ValueKind } from './attribute-value.ts';
import { type Dictionary, type Int64List, startOf } from './dictionary.ts';
import type { IntList } from './int-list.ts';
import { OLDER_VALUES_HINT } from './older-layouts.ts';
import { indexOutOfRange, notConvertible } from './otlp-errors.ts';
import type { PartsBudget } from './parts-budget.ts';
import type { ProfileColumns } from './profile-columns.ts';
import type { SampleAttributes } from './sample-attributes.ts';
import { SampleEncoder } from './sample-encoder.ts';
import { StampedIds } from './stamped-ids.ts';
import type { ValueRule } from './stored-type.ts';

/** What one pprof is made of. */
export type PprofPart = {
  readonly columns: ProfileColumns;
  /** Rows of the columns. */
  readonly samples: IntList;
  readonly header: BuiltHeader;
  readonly values: ValueRule;
};

/** Locations and samples that are written in one step: some milliseconds. */
const STEP_PARTS = 1 << 13;

/** Bytes of texts that are as much work as a part, as a power of two. */
const TEXT_BYTES_PER_PART_LOG2 = 9;

/** What locations with functions say about their mapping. */
const LINES_WITHOUT_NUMBER = 1;
const FUNCTIONS_WITHOUT_FILE = 2;

/** The attribute of a mapping that is its build id. */
const BUILD_ID_ATTRIBUTE = Buffer.from('process.executable.build_id.gnu');

/** @source pprof and Pyroscope: the labels of a sample that say which span and trace it is of */
const SPAN_LABEL = 'span_id';
const TRACE_LABEL = 'trace_id';
const TRACE_BYTES = 16;

/**
 * Writes samples of a message as pprofs. Each has just what its samples refer to, so that the size of one does not depend
 * on what the others have.
 *
 * A mapping is written twice at most: once for locations that have functions and once for those that have none, because
 * what has functions loses its addresses, and those are all that a native frame has.
 */
export class PprofParts {
  readonly #dictionary: Dictionary;
  readonly #attributes: SampleAttributes;
  readonly #budget: PartsBudget;
  readonly #encoder: SampleEncoder;

  readonly #strings: StampedIds;
  readonly #functions: StampedIds;
  readonly #locations: StampedIds;
  readonly #symbolisedMappings: StampedIds;
  readonly #bareMappings: StampedIds;
  /** By link, the text of the id of its span; 0 where it has none. */
  readonly #linkSpans: StampedIds;
  /** The same of its trace, for links whose span is known. */
  readonly #linkTraces: Int32Array;
  /** By row of the strings, the name of the label that a key becomes. */
  readonly #labelKeys: StampedIds;
  readonly #labelValues: StampedIds;
  /** By mapping, bits. */
  readonly #lacks: Uint8Array;

  private constructor(dictionary: Dictionary, attributes: SampleAttributes, budget: PartsBudget, lacks: Uint8Array) {
    this.#dictionary = dictionary;
    this.#attributes = attributes;
    this.#budget = budget;
    this.#encoder = new SampleEncoder(budget.memory);
    this.#lacks = lacks;
    this.#strings = new StampedIds(dictionary.stringCount, budget.memory);
    this.#functions = new StampedIds(dictionary.functionCount, budget.memory);
    this.#locations = new StampedIds(dictionary.locationCount, budget.memory);
    this.#symbolisedMappings = new StampedIds(dictionary.mappingCount, budget.memory);
    this.#bareMappings = new StampedIds(dictionary.mappingCount, budget.memory);
    this.#linkSpans = new StampedIds(dictionary.linkCount, budget.memory);
    budget.memory.take(4 * dictionary.linkCount);
    this.#linkTraces = new Int32Array(dictionary.linkCount);
    this.#labelKeys = new StampedIds(dictionary.stringCount, budget.memory);
    this.#labelValues = new StampedIds(dictionary.attributeCount, budget.memory);
  }

  /** @cost O(locations + lines) */
  static *of(dictionary: Dictionary, attributes: SampleAttributes, budget: PartsBudget): Steps<PprofParts> {
    budget.memory.take(dictionary.mappingCount);
    const lacks = new Uint8Array(dictionary.mappingCount);
    yield* inSteps(0, dictionary.locationCount, (start, end) => collectLacks(dictionary, start, end, lacks));
    return new PprofParts(dictionary, attributes, budget, lacks);
  }

  /**
   * @throws StoreError 'invalid-argument' that names what is wrong with a sample or what it refers to, or the limit of
   *         size, or the bound of all messages
   * @cost   O(locations of all samples + what they refer to)
   */
  *write(part: PprofPart): Steps<Uint8Array<ArrayBuffer>> {
    const tables = [this.#strings, this.#functions, this.#locations, this.#symbolisedMappings, this.#bareMappings];
    const labels = [this.#linkSpans, this.#labelKeys, this.#labelValues];
    for (const table of [...tables, ...labels]) table.clear();
    const builder = new PprofBuilder(part.header);
    const writing = new SampleWriting(builder, this.#encoder, part);
    let parts = 0;
    let textBytes = this.#budget.textBytes;
    for (let i = 0; i < part.samples.length; i++) {
      parts += this.#sample(writing, part.samples.values[i]);
      parts += (this.#budget.textBytes - textBytes) >> TEXT_BYTES_PER_PART_LOG2;
      textBytes = this.#budget.textBytes;
      if (parts < STEP_PARTS) continue;
      parts = 0;
      yield;
    }
    return yield* builder.takeInSteps();
  }

  /** @returns how many parts it has */
  #sample(writing: SampleWriting, sample: number): number {
    const { columns, builder, encoder } = writing;
    const { stackEnd, stackLocations, stackCount } = this.#dictionary;
    const stack = columns.stack.values[sample];
    if (stack < 0 || stack >= stackCount) throw indexOutOfRange('a sample', 'stack', stack, stackCount);
    const start = startOf(stackEnd, stack);
    const end = stackEnd.values[stack];
    this.#budget.numbers(end - start);
    writing.nextSample();
    for (let i = start; i < end; i++) {
      const row = stackLocations.values[i];
      const known = this.#locations.get(row);
      encoder.locations.push(known >= 0 ? known : this.#location(builder, row, stack));
    }
    this.#linkLabels(writing, columns.link.values[sample]);
    this.#attributeLabels(writing, sample);
    builder.encodedSample(encoder.encoded(writing.valueOf(sample)));
    return encoder.locations.length + encoder.labels.length + 1;
  }

  #location(builder: PprofBuilder, row: number, stack: number): number {
    const dictionary = this.#dictionary;
    const { locationCount, locationMapping, locationAddress, locationLineEnd, lineFunction, lineNumber } = dictionary;
    if (row < 0 || row >= locationCount) throw indexOutOfRange(`stack ${stack}`, 'location', row, locationCount);
    const firstLine = startOf(locationLineEnd, row);
    this.#budget.numbers(locationLineEnd.values[row] - firstLine);
    const lines: { function: number; line: number }[] = [];
    for (let line = firstLine; line < locationLineEnd.values[row]; line++) {
      const fn = lineFunction.values[line];
      if (isUnknown(dictionary, fn, row)) continue;
      lines.push({ function: this.#function(builder, fn, row), line: lineNumber.values[line] });
    }
    const mapping = this.#mapping(builder, locationMapping.values[row], row, lines.length > 0);
    const id = builder.newLocation({ mapping, address: locationAddress.unsignedAt(row), lines });
    this.#locations.set(row, id);
    return id;
  }

  #function(builder: PprofBuilder, row: number, location: number): number {
    const dictionary = this.#dictionary;
    const { functionCount, functionName, functionSystemName, functionFilename, functionStartLine } = dictionary;
    if (row < 0 || row >= functionCount) throw indexOutOfRange(`location ${location}`, 'function', row, functionCount);
    const known = this.#functions.get(row);
    if (known >= 0) return known;
    const systemName = functionSystemName.values[row];
    // A frame is shown by its name alone.
    const name = isEmpty(dictionary, functionName.values[row]) ? systemName : functionName.values[row];
    const id = builder.newFunction({
      name: this.#string(builder, name, 'function', row),
      systemName: this.#string(builder, systemName, 'function', row),
      filename: this.#string(builder, functionFilename.values[row], 'function', row),
      startLine: functionStartLine.values[row],
    });
    this.#functions.set(row, id);
    return id;
  }

  /** @returns 0 where there are no mappings at all, and the location names the first one, which is what is not set */
  #mapping(builder: PprofBuilder, row: number, location: number, isSymbolised: boolean): number {
    const { mappingCount, mappingStart, mappingLimit, mappingOffset, mappingFilename } = this.#dictionary;
    if (row === 0 && mappingCount === 0) return 0;
    if (row < 0 || row >= mappingCount) throw indexOutOfRange(`location ${location}`, 'mapping', row, mappingCount);
    const ids = isSymbolised ? this.#symbolisedMappings : this.#bareMappings;
    const known = ids.get(row);
    if (known >= 0) return known;
    const lacks = this.#lacks[row];
    const id = builder.mapping({
      memoryStart: mappingStart.unsignedAt(row),
      memoryLimit: mappingLimit.unsignedAt(row),
      fileOffset: mappingOffset.unsignedAt(row),
      filename: this.#string(builder, mappingFilename.values[row], 'mapping', row),
      buildId: this.#buildId(builder, row),
      hasFunctions: isSymbolised,
      hasFilenames: isSymbolised && (lacks & FUNCTIONS_WITHOUT_FILE) === 0,
      hasLineNumbers: isSymbolised && (lacks & LINES_WITHOUT_NUMBER) === 0,
    });
    ids.set(row, id);
    return id;
  }

  /** @returns a row of the strings of the profile; 0 when the mapping has none */
  #buildId(builder: PprofBuilder, mapping: number): number {
    const dictionary = this.#dictionary;
    const { mappingAttributeEnd, mappingAttributes, attributeCount, attributeKey, attributeKind } = dictionary;
    const first = startOf(mappingAttributeEnd, mapping);
    this.#budget.numbers(mappingAttributeEnd.values[mapping] - first);
    for (let i = first; i < mappingAttributeEnd.values[mapping]; i++) {
      const row = mappingAttributes.values[i];
      if (row < 0 || row >= attributeCount)
        throw indexOutOfRange(`mapping ${mapping}`, 'attribute', row, attributeCount);
      const key = attributeKey.values[row];
      if (key < 0 || key >= dictionary.stringCount || attributeKind.values[row] === ValueKind.none) continue;
      if (BUILD_ID_ATTRIBUTE.equals(dictionary.stringAt(key))) return this.#value(builder, row);
    }
    return 0;
  }

  #string(builder: PprofBuilder, row: number, table: string, tableRow: number): number {
    const { stringCount } = this.#dictionary;
    if (row === 0 && stringCount === 0) return 0;
    if (row < 0 || row >= stringCount) throw indexOutOfRange(`${table} ${tableRow}`, 'string', row, stringCount);
    const known = this.#strings.get(row);
    if (known >= 0) return known;
    const text = this.#dictionary.stringAt(row);
    this.#budget.text(text.length);
    const id = builder.bytes(text);
    this.#strings.set(row, id);
    return id;
  }

  #linkLabels(writing: SampleWriting, link: number): void {
    if (link === 0) return;
    const { message, linkCount, spanStart, spanBytes, traceStart, traceBytes } = this.#dictionary;
    if (link < 0 || link >= linkCount) throw indexOutOfRange('a sample', 'link', link, linkCount);
    const { builder } = writing;
    let span = this.#linkSpans.get(link);
    let trace = this.#linkTraces[link];
    if (span < 0) {
      this.#budget.text(spanBytes.values[link] + traceBytes.values[link]);
      const hexOf = (start: number, bytes: number): number =>
        builder.text(Buffer.from(message.buffer, message.byteOffset + start, bytes).toString('hex'));
      span = spanBytes.values[link] > 0 ? hexOf(spanStart.values[link], spanBytes.values[link]) : 0;
      trace = traceBytes.values[link] === TRACE_BYTES ? hexOf(traceStart.values[link], TRACE_BYTES) : 0;
      this.#linkSpans.set(link, span);
      this.#linkTraces[link] = trace;
    }
    if (span > 0) writing.label(writing.spanKey(), span);
    if (trace > 0) writing.label(writing.traceKey(), trace);
  }

  #attributeLabels(writing: SampleWriting, sample: number): void {
    const { columns, builder } = writing;
    for (let i = columns.attributeStart(sample); i < columns.attributeEnd.values[sample]; i++) {
      const row = columns.attributes.values[i];
      if (!this.#attributes.isLabel(row)) continue;
      const keyRow = this.#attributes.keyRowAt(row);
      let key = this.#labelKeys.get(keyRow);
      if (key < 0) {
        key = builder.text(this.#attributes.labelNameAt(row));
        this.#labelKeys.set(keyRow, key);
      }
      let value = this.#labelValues.get(row);
      if (value < 0) {
        value = this.#value(builder, row);
        this.#labelValues.set(row, value);
      }
      writing.label(key, value);
    }
  }

  /** The value of an attribute. @returns a row of the strings of the profile */
  #value(builder: PprofBuilder, attribute: number): number {
    const text = this.#attributes.valueAt(attribute);
    this.#budget.text(text.length);
    return builder.bytes(text);
  }
}

/** The samples of one pprof on their way: what would otherwise be made anew for each. */
class SampleWriting {
  readonly builder: PprofBuilder;
  readonly columns: ProfileColumns;
  readonly encoder: SampleEncoder;
  readonly #period: bigint;
  readonly #rule: ValueRule;
  /** By row of the strings of the profile, the last sample that has a label of this name. */
  readonly #samplesOfKeys = new Map<number, number>();
  #sample = 0;
  /** Rows of the strings, 0 until a sample needs them. */
  #spanKey = 0;
  #traceKey = 0;

  constructor(
    builder: PprofBuilder,
    encoder: SampleEncoder,
    { columns, header: { period }, values: rule }: Pick<PprofPart, 'columns' | 'header' | 'values'>,
  ) {
    this.builder = builder;
    this.encoder = encoder;
    this.columns = columns;
    this.#period = period;
    this.#rule = rule;
  }

  nextSample(): void {
    this.#sample++;
    this.encoder.clear();
  }

  spanKey(): number {
    return (this.#spanKey ||= this.builder.text(SPAN_LABEL));
  }

  traceKey(): number {
    return (this.#traceKey ||= this.builder.text(TRACE_LABEL));
  }

  /** The first label of a name counts, as in a resource. */
  label(key: number, text: number): void {
    if (this.#samplesOfKeys.get(key) === this.#sample) return;
    this.#samplesOfKeys.set(key, this.#sample);
    this.encoder.labels.push(key);
    this.encoder.labels.push(text);
  }

  /**
   * The one value of a sample. Where there is one per event, each with its time, they are added up; without values the
   * times are counted.
   */
  valueOf(sample: number): bigint {
    const { values, valueEnd, timestampCount, attributeEnd } = this.columns;
    const start = this.columns.valueStart(sample);
    const count = valueEnd.values[sample] - start;
    const timestamps = timestampCount.values[sample];
    if (count === 0 && timestamps === 0) {
      const hasAttributes = attributeEnd.values[sample] > this.columns.attributeStart(sample);
      throw notConvertible(
        hasAttributes
          ? `a sample has attributes, but neither values nor timestamps${OLDER_VALUES_HINT}`
          : 'a sample has neither values nor timestamps',
      );
    }
    if (count > 1 && count !== timestamps && this.#rule !== 'summed') {
      throw notConvertible(`a sample has ${count} values and ${timestamps} timestamps`, { count, timestamps });
    }
    const value = count === 0 ? BigInt(timestamps) : sumOf(values, start, start + count);
    return this.#rule === 'times-period' ? saturated(value * this.#period) : value;
  }
}

/** As numbers for as long as those are exact: a sample may have a million values. */
function sumOf(values: Int64List, start: number, end: number): bigint {
  const { low, high } = values;
  let sum = 0n;
  let part = 0;
  for (let i = start; i < end; i++) {
    const value = high.values[i] * 2 ** 32 + (low.values[i] >>> 0);
    const next = part + value;
    if (Number.isSafeInteger(value) && Number.isSafeInteger(next)) part = next;
    else {
      sum = saturated(sum + BigInt(part) + values.signedAt(i));
      part = 0;
    }
  }
  return saturated(sum + BigInt(part));
}

const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

function saturated(value: bigint): bigint {
  return value > INT64_MAX ? INT64_MAX : value < INT64_MIN ? INT64_MIN : value;
}

/**
 * Whether a line says nothing of what its location is called. Function 0 stands for none, unless somebody put a real one
 * there; of another one that has no name the address says more, where there is one.
 */
function isUnknown(dictionary: Dictionary, row: number, location: number): boolean {
  const { functionCount, functionName, functionSystemName, locationAddress } = dictionary;
  if (row === 0 && functionCount === 0) return true;
  if (row < 0 || row >= functionCount) return false;
  if (!isEmpty(dictionary, functionName.values[row]) || !isEmpty(dictionary, functionSystemName.values[row]))
    return false;
  return row === 0 || locationAddress.low.values[location] !== 0 || locationAddress.high.values[location] !== 0;
}

function isEmpty({ stringCount, stringBytes }: Dictionary, string: number): boolean {
  if (string === 0 && stringCount === 0) return true;
  return string >= 0 && string < stringCount && stringBytes.values[string] === 0;
}

/** What is out of range is told when a sample refers to it. */
function collectLacks(dictionary: Dictionary, start: number, end: number, lacks: Uint8Array): void {
  const { locationMapping, locationLineEnd, lineFunction, lineNumber, functionCount, functionFilename } = dictionary;
  for (let location = start; location < end; location++) {
    const mapping = locationMapping.values[location];
    if (mapping < 0 || mapping >= lacks.length) continue;
    for (let line = startOf(locationLineEnd, location); line < locationLineEnd.values[location]; line++) {
      const fn = lineFunction.values[line];
      if (isUnknown(dictionary, fn, location)) continue;
      if (lineNumber.values[line] === 0) lacks[mapping] |= LINES_WITHOUT_NUMBER;
      if (fn < functionCount && functionFilename.values[fn] === 0) lacks[mapping] |= FUNCTIONS_WITHOUT_FILE;
    }
  }
}

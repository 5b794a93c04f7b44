import type { Bytes, UnixNanos } from '#src/domain/model/units.ts';
import type { ProfileLimits } from '#src/domain/pprof/ingest-options.ts';
import type { KernelInstance, Pointer } from './instance.ts';
import { Source } from './source.ts';

/** The fields of a decoded profile behind those of a source, as in wasm/pprof-decode.ts. */
const Field = {
  types: Source.bytes,
  typeName: Source.bytes + 4,
  typeUnit: Source.bytes + 8,
  samples: Source.bytes + 12,
  values: Source.bytes + 24,
  labels: Source.bytes + 28,
  periodName: Source.bytes + 44,
  periodUnit: Source.bytes + 48,
  hasPeriodType: Source.bytes + 52,
  maxDepth: Source.bytes + 56,
  time: Source.bytes + 72,
  duration: Source.bytes + 80,
  period: Source.bytes + 88,
} as const;

/** What can be wrong with the bytes, by the numbers of the kernel. */
export type DecodeFailure = {
  readonly kind: (typeof FAILURES)[number];
  readonly detail: number;
  readonly detail2: number;
  /** Of 'string-index': whose reference it is. */
  readonly what: (typeof REFERENCES)[number];
  /** Of 'utf8': the first bytes of the string. */
  readonly head?: Uint8Array;
};

const REFERENCES = [
  'the name of a sample type',
  'the unit of a sample type',
  'the name of the period type',
  'the unit of the period type',
  'the file name of a mapping',
  'the build id of a mapping',
  'the name of a function',
  'the system name of a function',
  'the file name of a function',
  'the key of a sample label',
  'the value of a sample label',
  'the unit of a sample label',
] as const;

const FAILURES = [
  'none',
  'truncated', // detail: offset
  'wire-type', // detail: offset
  'varint', // detail: offset
  'no-sample-type',
  'samples', // detail: samples
  'sample-labels', // detail: labels of one sample
  'location-id-0',
  'function-id-0',
  'value-count', // detail: values of one sample, sample types
  'string-0',
  'string-index', // detail: index, strings
  'utf8', // detail: index of the string, bytes; `head`
  'location-lines', // detail: row of the location, lines
  'stack-frames', // detail: sample, frames
  'profile-frames', // detail: frames, counted up to the limit
  'string-bytes', // detail: index of the string, bytes
] as const;

/** A profile that lies decoded in the scratch arena, until the next task resets it. */
export class DecodedProfile {
  readonly pointer: Pointer;
  readonly #kernels: KernelInstance;

  constructor(kernels: KernelInstance, pointer: Pointer) {
    this.#kernels = kernels;
    this.pointer = pointer;
  }

  get sampleTypeCount(): number {
    return this.#field(Field.types);
  }

  get sampleTypes(): { type: string; unit: string }[] {
    const names = this.#field(Field.typeName) >>> 2;
    const units = this.#field(Field.typeUnit) >>> 2;
    const text = this.stringReader();
    return Array.from({ length: this.#field(Field.types) }, (_, i) => ({
      type: text(this.#kernels.u32()[names + i]),
      unit: text(this.#kernels.u32()[units + i]),
    }));
  }

  get periodType(): { type: string; unit: string } | undefined {
    if (this.#field(Field.hasPeriodType) === 0) return undefined;
    return { type: this.string(this.#field(Field.periodName)), unit: this.string(this.#field(Field.periodUnit)) };
  }

  get timeNanos(): UnixNanos {
    return this.#long(Field.time);
  }

  get durationNanos(): bigint {
    return this.#long(Field.duration);
  }

  get period(): bigint {
    return this.#long(Field.period);
  }

  get sampleCount(): number {
    return this.#field(Field.samples);
  }

  get maxDepth(): number {
    return this.#field(Field.maxDepth);
  }

  get stringCount(): number {
    return this.#field(Source.strings);
  }

  get mappingCount(): number {
    return this.#field(Source.mappings);
  }

  /**
   * Puts another build id in the place of each, once for every string, however many mappings have it. Row 0 stands for "no
   * mapping", and becomes one when it gets a build id.
   *
   * @cost O(mappings), plus the strings of distinct ones
   */
  replaceBuildIds(replaced: (buildId: string) => string): void {
    const column = this.#field(Source.mappingBuild);
    const indices = this.#kernels.takeU32(column, this.mappingCount);
    const added: string[] = [];
    const newIndexOf = new Map<number, number>();
    const { stringCount } = this;
    for (const [row, index] of indices.entries()) {
      let newIndex = newIndexOf.get(index);
      if (newIndex === undefined) {
        newIndex = stringCount + added.push(replaced(this.string(index))) - 1;
        newIndexOf.set(index, newIndex);
      }
      indices[row] = newIndex;
    }
    this.#appendStrings(added);
    this.#kernels.u32().set(indices, column >>> 2);
  }

  string(index: number): string {
    const u32 = this.#kernels.u32();
    const at = u32[(this.#field(Source.stringAt) >>> 2) + index];
    const length = u32[(this.#field(Source.stringLength) >>> 2) + index];
    const u8 = this.#kernels.u8();
    return Buffer.from(u8.buffer, at, length).toString('utf8');
  }

  /** As `string`, each read once: what refers to one is a few bytes, and thousands may refer to the same megabytes. */
  stringReader(): (index: number) => string {
    const texts = new Map<number, string>();
    return (index) => {
      let text = texts.get(index);
      if (text === undefined) {
        text = this.string(index);
        texts.set(index, text);
      }
      return text;
    };
  }

  #appendStrings(strings: readonly string[]): void {
    const kernels = this.#kernels;
    const count = this.#field(Source.strings);
    const at = new Uint32Array(count + strings.length);
    const length = new Uint32Array(count + strings.length);
    at.set(kernels.takeU32(this.#field(Source.stringAt), count));
    length.set(kernels.takeU32(this.#field(Source.stringLength), count));
    strings.forEach((text, i) => {
      const bytes = Buffer.from(text, 'utf8');
      at[count + i] = kernels.put(bytes);
      length[count + i] = bytes.length;
    });
    this.#setField(Source.stringAt, kernels.putColumn(at));
    this.#setField(Source.stringLength, kernels.putColumn(length));
    this.#setField(Source.strings, count + strings.length);
  }

  #field(offset: number): number {
    return this.#kernels.u32()[(this.pointer + offset) >>> 2];
  }

  #setField(offset: number, value: number): void {
    this.#kernels.u32()[(this.pointer + offset) >>> 2] = value;
  }

  #long(offset: number): bigint {
    return this.#kernels.i64()[(this.pointer + offset) >>> 3];
  }
}

/**
 * Decodes a pprof in the scratch arena: columns instead of messages, row numbers instead of ids, stacks cut to the
 * limit, addresses of named mappings dropped. Its plain twin is `decodePlain` in src/domain/pprof.
 *
 * @param bytes  a plain pprof, in the scratch arena
 * @order        the result lives until the next `resetScratch`
 * @cost         O(bytes)
 */
export function decodeProfile(
  kernels: KernelInstance,
  bytes: { readonly pointer: Pointer; readonly length: number },
  limits: Pick<
    ProfileLimits,
    | 'maxProfileStacktraceSamples'
    | 'maxProfileStacktraceSampleLabels'
    | 'maxProfileStacktraceDepth'
    | 'maxProfileSymbolValueLength'
  >,
): DecodedProfile | DecodeFailure {
  const { exports } = kernels;
  const pointer = exports.decodeProfile(
    bytes.pointer,
    bytes.length,
    limits.maxProfileStacktraceSamples,
    limits.maxProfileStacktraceSampleLabels,
    limits.maxProfileStacktraceDepth,
    limits.maxProfileSymbolValueLength,
  );
  if (pointer !== 0) return new DecodedProfile(kernels, pointer >>> 0);
  const kind = FAILURES[exports.decodeError.value];
  const detail2 = exports.decodeDetail2.value;
  const failure = { kind, detail: Number(exports.decodeDetail.value), what: REFERENCES[exports.decodeWhat.value] };
  if (kind !== 'utf8') return { ...failure, detail2: Number(detail2) };
  const sizeBytes = Number(detail2 >> 32n);
  const start = Number(detail2 & 0xffff_ffffn);
  return { ...failure, detail2: sizeBytes, head: kernels.takeU8(start, Math.min(sizeBytes, HEAD_BYTES)) };
}

/** Of a string that is not UTF-8, for its message. */
const HEAD_BYTES: Bytes = 32;

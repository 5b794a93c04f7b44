import { StoreError } from '#src/domain/errors.ts';
import type { Label } from '#src/domain/model/labels.ts';
import { MemoryBudget } from '#src/domain/model/memory-budget.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import type { ProfileLimits } from '#src/domain/pprof/ingest-options.ts';

/** How many parts a message may have. Each takes memory beside its bytes, of which it may have as few as two. */
export type OtlpBounds = {
  /** Rows of all tables of the dictionary, lines of locations, samples, and attributes of resources and scopes. */
  readonly rowsMax: number;
  /** Numbers in lists, and what samples refer to, as often as they do: locations, lines, attributes, values. */
  readonly numbersMax: number;
  /** Resources, scopes and profiles. */
  readonly messagesMax: number;
  /** What profiles are when they are split by service: each becomes a pprof. */
  readonly profilesMax: number;
  /** Attributes that one resource and one scope have together. */
  readonly attributesMax: number;
  /** Of the labels of all series, in characters; each label counts 32 more, which is about what it takes. */
  readonly labelCharsMax: number;
  /**
   * Of the name or the value of a label, unless the tenant may have longer ones. What is longer is not decoded: a text of
   * the dictionary is sent once, and may be referred to by everything else.
   */
  readonly labelTextBytesMax: Bytes;
  /** Of texts, as often as something refers to them and they are looked at for it. */
  readonly textBytesMax: Bytes;
  /** Memory of the columns that tables and samples are read into, and of what is noted beside them. */
  readonly columnBytesMax: Bytes;
  /** Of a row of a table or of a sample, texts of the table of strings aside. It is read in one step. */
  readonly rowBytesMax: number;
};

/** A message of 100 MiB from a collector of a whole fleet has some 2^20 rows and 2^23 numbers. */
export const OTLP_BOUNDS: OtlpBounds = {
  rowsMax: 1 << 22,
  numbersMax: 1 << 24,
  messagesMax: 1 << 18,
  profilesMax: 1 << 14,
  attributesMax: 1024,
  labelCharsMax: 32 << 20,
  // Names are keys of maps, and V8 hashes longer texts by their lengths alone.
  labelTextBytesMax: (16 << 10) - 1,
  textBytesMax: 256 << 20,
  columnBytesMax: 128 << 20,
  rowBytesMax: 2 << 20,
};

/** Of the tenant; 0: none. */
export type LabelTextLimits = Pick<ProfileLimits, 'maxLabelNameLength' | 'maxLabelValueLength'>;

/** Counts the parts of a message against its bounds. @throws StoreError 'invalid-argument' naming the bound */
export class PartsBudget {
  readonly memory: MemoryBudget;
  readonly labelLimits: LabelTextLimits;
  readonly #bounds: OtlpBounds;
  #rows = 0;
  #numbers = 0;
  #messages = 0;
  #profiles = 0;
  #labelChars = 0;
  #textBytes: Bytes = 0;

  constructor(bounds: OtlpBounds, labelLimits: LabelTextLimits) {
    this.#bounds = bounds;
    this.labelLimits = labelLimits;
    this.memory = new MemoryBudget(bounds.columnBytesMax, (limit) => tooMany('bytes of memory for its tables', limit));
  }

  get attributesMax(): number {
    return this.#bounds.attributesMax;
  }

  get labelTextBytesMax(): Bytes {
    return this.#bounds.labelTextBytesMax;
  }

  /** Of the texts that were looked at up to now: work of the step that did it. */
  get textBytes(): Bytes {
    return this.#textBytes;
  }

  /** @order before the text is decoded or compared */
  text(bytes: Bytes): void {
    this.#textBytes += bytes;
    if (this.#textBytes > this.#bounds.textBytesMax) {
      throw tooMany('bytes of texts, as often as they are referred to', this.#bounds.textBytesMax);
    }
  }

  row(bytes = 0): void {
    if (++this.#rows > this.#bounds.rowsMax) throw tooMany('rows', this.#bounds.rowsMax);
    if (bytes > this.#bounds.rowBytesMax) throw tooMany('bytes in a row or a sample', this.#bounds.rowBytesMax);
  }

  numbers(count: number): void {
    this.#numbers += count;
    if (this.#numbers > this.#bounds.numbersMax) throw tooMany('numbers', this.#bounds.numbersMax);
  }

  message(): void {
    if (++this.#messages > this.#bounds.messagesMax) {
      throw tooMany('resources, scopes and profiles', this.#bounds.messagesMax);
    }
  }

  profile(): void {
    if (++this.#profiles > this.#bounds.profilesMax)
      throw tooMany('profiles, split by service', this.#bounds.profilesMax);
  }

  labels(labels: readonly Label[]): void {
    for (const { name, value } of labels) this.#labelChars += name.length + value.length + LABEL_CHARS;
    if (this.#labelChars > this.#bounds.labelCharsMax) {
      throw tooMany('characters of labels', this.#bounds.labelCharsMax);
    }
  }
}

/** What a label takes beside its characters. */
const LABEL_CHARS = 32;

export function tooMany(what: string, limit: number): StoreError {
  return new StoreError('invalid-argument', `the OTLP message has too many parts: more than ${limit} ${what}`, {
    limitName: 'parts',
    limit,
  });
}

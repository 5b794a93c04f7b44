import type { BuiltLabel, PprofBuilder } from '#src/domain/pprof/pprof-builder.ts';
import { Slot } from './event-kinds.ts';
import { type LabelsSnapshot, snapshotKey } from './labels-snapshot.ts';
import type { ValueSlots } from './value-plan.ts';
import { type TableMeans, WordTable } from './word-table.ts';

/** The name that agents give to span ids. It is renamed to `span_id` when the profile is taken in. */
const SPAN_ID = 'profile_id';
const SPAN_NAME = 'span_name';
const TRACE_ID = 'trace_id';

/** The slots that identify, in the order of the key of a set. They are halves in it, behind two numbers. */
const ID_SLOTS = [Slot.spanId, Slot.traceIdHigh, Slot.traceIdLow] as const;

/** The number of the labels of a context that has none, and of the text of a name that nobody sent. */
const NONE = 0;

/** Numbers of texts. */
type LabelTexts = readonly (readonly [name: number, value: number])[];

/** A profile that labels are written into, and the rows of the texts that it has already, by their numbers; 0: not yet. */
export type LabelsOut = { readonly builder: PprofBuilder; readonly textRows: Int32Array };

/**
 * The labels of samples. What the same labels come from may differ, as two contexts may say the same: sets of labels are
 * numbered by what they say. 0 is the empty one.
 *
 * Spans are as many as requests, so a set is a few numbers, and becomes labels when it is written.
 */
export class SampleLabels {
  readonly #snapshot: LabelsSnapshot;
  /** Number of a context's labels, number of the span's name, halves of three ids. Row i is set i. */
  readonly #sets: WordTable;
  /** The numbers of what the snapshot has, beside halves of its ids: events may name any others. */
  readonly #contexts: WordTable;
  readonly #names: WordTable;
  readonly #contextNumbers = new Map<string, number>();
  readonly #contextLabels: LabelTexts[] = [];

  constructor(snapshot: LabelsSnapshot, means: TableMeans) {
    this.#snapshot = snapshot;
    this.#sets = new WordTable('sets of labels', { keyWords: 2 + 2 * ID_SLOTS.length, dataWords: 0 }, means);
    this.#contexts = new WordTable('contexts', { keyWords: 2, dataWords: 1 }, means);
    this.#names = new WordTable('names of spans', { keyWords: 2, dataWords: 1 }, means);
    this.#contextNumber([]);
    this.#sets.intern();
  }

  /** How many texts labels are made of. */
  get textCount(): number {
    return this.#snapshot.texts.length;
  }

  /** The set of labels of an event. */
  setOf({ low, high }: ValueSlots): number {
    const { contexts, strings } = this.#snapshot;
    const { key } = this.#sets;
    key[0] = contexts.size === 0 ? NONE : this.#contextOf(low[Slot.contextId], high[Slot.contextId]);
    key[1] = strings.size === 0 ? NONE : this.#nameOf(low[Slot.spanName], high[Slot.spanName]);
    let some = key[0] | key[1];
    for (let i = 0; i < ID_SLOTS.length; i++) {
      some |= key[2 * i + 2] = low[ID_SLOTS[i]];
      some |= key[2 * i + 3] = high[ID_SLOTS[i]];
    }
    return some === 0 ? 0 : this.#sets.intern();
  }

  /** Writes the labels of a set into a profile. */
  labelsOf(set: number, out: LabelsOut): BuiltLabel[] {
    const at = set * this.#sets.stride;
    const words = this.#sets.words.subarray(at, at + this.#sets.stride);
    const labels: BuiltLabel[] = [];
    const { builder } = out;
    const add = (name: string, text: number): void => {
      labels.push({ key: builder.text(name), text });
    };
    for (const [name, value] of this.#contextLabels[words[0]]) {
      labels.push({ key: this.#rowOf(name, out), text: this.#rowOf(value, out) });
    }
    if (words[2] !== 0 || words[3] !== 0) add(SPAN_ID, builder.text(hex(words[3], words[2])));
    if (words[1] !== 0) add(SPAN_NAME, this.#rowOf(words[1], out));
    if ((words[4] | words[5] | words[6] | words[7]) !== 0) {
      add(TRACE_ID, builder.text(hex(words[5], words[4]) + hex(words[7], words[6])));
    }
    return labels;
  }

  /** Very many samples may have one long text: a profile looks for it once. */
  #rowOf(text: number, { builder, textRows }: LabelsOut): number {
    if (textRows[text] === 0) textRows[text] = builder.bytes(this.#snapshot.texts.bytesOf(text));
    return textRows[text];
  }

  #contextOf(low: number, high: number): number {
    const known = numberBeside(this.#contexts, low, high);
    if (known !== undefined) return known;
    const { contexts, strings } = this.#snapshot;
    const pairs = contexts.get(snapshotKey(idOf(low, high)));
    if (pairs === undefined) return NONE;
    const labels: [number, number][] = [];
    for (const [key, value] of pairs) {
      const [name, text] = [strings.get(snapshotKey(key)), strings.get(snapshotKey(value))];
      if (name && text) labels.push([name, text]);
    }
    return addNumber(this.#contexts, this.#contextNumber(labels));
  }

  #nameOf(low: number, high: number): number {
    const known = numberBeside(this.#names, low, high);
    if (known !== undefined) return known;
    const text = this.#snapshot.strings.get(snapshotKey(idOf(low, high)));
    return text === undefined ? NONE : addNumber(this.#names, text);
  }

  #contextNumber(labels: LabelTexts): number {
    const key = labels.map(([name, value]) => `${name}=${value}`).join();
    const known = this.#contextNumbers.get(key);
    if (known !== undefined) return known;
    const number = this.#contextLabels.push(labels) - 1;
    this.#contextNumbers.set(key, number);
    return number;
  }
}

/** What a table has beside an id, undefined when it does not have it. The id is its key then. */
function numberBeside(table: WordTable, low: number, high: number): number | undefined {
  table.key[0] = low;
  table.key[1] = high;
  const row = table.find();
  return row === -1 ? undefined : table.words[row * table.stride + 2];
}

/** Adds the number of the id that was looked for last. */
function addNumber(table: WordTable, number: number): number {
  const at = table.intern() * table.stride + 2;
  table.words[at] = number;
  return number;
}

function idOf(low: number, high: number): bigint {
  return (BigInt(high) << 32n) | BigInt(low >>> 0);
}

function hex(high: number, low: number): string {
  return word(high) + word(low);
}

function word(value: number): string {
  return (value >>> 0).toString(16).padStart(8, '0');
}

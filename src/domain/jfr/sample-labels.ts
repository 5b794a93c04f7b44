import type { BuiltLabel, PprofBuilder } from '#src/domain/pprof/pprof-builder.ts';
import { Slot } from './event-kinds.ts';
import { type LabelsSnapshot, snapshotKey } from './labels-snapshot.ts';
import type { ValueSlots } from './value-plan.ts';
import { type TableMeans, WordTable } from './word-table.ts';

/** The name that agents give to span ids. It is renamed to `span_id` when the profile is taken in. */
const SPAN_ID = 'profile_id';
const SPAN_NAME = 'span_name';
const TRACE_ID = 'trace_id';

/** The slots that say what a sample belongs to, in the order of the key. */
const CORRELATION_SLOTS = [Slot.contextId, Slot.spanId, Slot.spanName, Slot.traceIdHigh, Slot.traceIdLow] as const;

/** The number of the labels of a context that has none. */
const NO_CONTEXT = 0;

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
  /** What events say: halves of the slots. Beside them the set of labels. */
  readonly #correlations: WordTable;
  /** Number of a context's labels, number of the span's name, halves of three ids. Row i is set i. */
  readonly #sets: WordTable;
  /** By `snapshotKey`, the number of its labels: of contexts that the snapshot has, events may name any others. */
  readonly #contexts = new Map<string, number>();
  readonly #contextNumbers = new Map<string, number>();
  readonly #contextLabels: LabelTexts[] = [];

  constructor(snapshot: LabelsSnapshot, means: TableMeans) {
    this.#snapshot = snapshot;
    this.#correlations = new WordTable('spans and contexts', { keyWords: 10, dataWords: 1 }, means);
    this.#sets = new WordTable('sets of labels', { keyWords: 8, dataWords: 0 }, means);
    this.#contextNumber([]);
    this.#sets.intern();
  }

  /** How many texts labels are made of. */
  get textCount(): number {
    return this.#snapshot.texts.length;
  }

  /** The set of labels of an event. */
  setOf({ low, high }: ValueSlots): number {
    const { key } = this.#correlations;
    let some = 0;
    for (let i = 0; i < CORRELATION_SLOTS.length; i++) {
      const slot = CORRELATION_SLOTS[i];
      some |= key[2 * i] = low[slot];
      some |= key[2 * i + 1] = high[slot];
    }
    if (some === 0) return 0;
    const count = this.#correlations.length;
    const row = this.#correlations.intern();
    const set = row * this.#correlations.stride + key.length;
    if (row === count) this.#correlations.words[set] = this.#newSet(key);
    return this.#correlations.words[set];
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

  /** @param correlation  halves of the slots */
  #newSet(correlation: Int32Array): number {
    const { key } = this.#sets;
    key[0] = this.#contextOf(snapshotKey(idOf(correlation, 0)));
    key[1] = this.#snapshot.strings.get(snapshotKey(idOf(correlation, 2))) ?? 0;
    key[2] = correlation[2];
    key[3] = correlation[3];
    key.set(correlation.subarray(6), 4);
    return this.#sets.intern();
  }

  #contextOf(id: string): number {
    const { contexts, strings } = this.#snapshot;
    const pairs = contexts.get(id);
    if (pairs === undefined) return NO_CONTEXT;
    const known = this.#contexts.get(id);
    if (known !== undefined) return known;
    const labels: [number, number][] = [];
    for (const [key, value] of pairs) {
      const [name, text] = [strings.get(snapshotKey(key)), strings.get(snapshotKey(value))];
      if (name && text) labels.push([name, text]);
    }
    const number = this.#contextNumber(labels);
    this.#contexts.set(id, number);
    return number;
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

/** @param slot  its place among the slots of the correlation */
function idOf(correlation: Int32Array, slot: number): bigint {
  return (BigInt(correlation[2 * slot + 1]) << 32n) | BigInt(correlation[2 * slot] >>> 0);
}

function hex(high: number, low: number): string {
  return word(high) + word(low);
}

function word(value: number): string {
  return (value >>> 0).toString(16).padStart(8, '0');
}

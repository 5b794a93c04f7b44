import type { StoreError } from '#src/domain/errors.ts';
import type { MemoryBudget } from '#src/domain/model/memory-budget.ts';
import type { Steps } from '#src/domain/model/steps.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import { NameTable } from '#src/domain/profile/name-table.ts';
import { WireReader } from '#src/domain/protobuf/wire-reader.ts';
import { undecodableUpload } from '#src/domain/upload/upload.ts';

/** What an agent knows about the numbers that events carry: names of labels, and what they are set to. */
export type LabelsSnapshot = {
  /** By `snapshotKey` of the id: pairs of numbers of strings. */
  readonly contexts: ReadonlyMap<string, LabelPairs>;
  /** By the agent's numbers for them, in the form of `snapshotKey` as well: numbers of `texts`. */
  readonly strings: ReadonlyMap<string, number>;
  /** 0 is the empty one. */
  readonly texts: NameTable;
};

/** Numbers of strings. */
export type LabelPairs = readonly (readonly [key: bigint, value: bigint])[];

/** Of a name or a value of a label. Values of series have far fewer, names of spans are what an application makes up. */
export const LABEL_BYTES_MAX: Bytes = 65_535;

/** Strings of one step. */
const STEP_STRING_BYTES: Bytes = 1 << 20;

/** Numbers are texts in maps: the hash of a number can be foreseen, and that of such a text has a secret of the process. */
export function snapshotKey(id: bigint): string {
  return `n${id}`;
}

export const emptySnapshot: LabelsSnapshot = { contexts: new Map(), strings: new Map(), texts: newTexts() };

/** A field takes two bytes of the message. An agent sends some thousands in ten seconds. */
const FIELDS_MAX = 1 << 18;

/** Fields of one step, at a microsecond each. */
const STEP_FIELDS = 1 << 12;

/** Memory of a context, of a label of one or of a string, beside its characters: places in maps, and texts as their keys. */
export const ENTRY_MEMORY: Bytes = 256;

const NOTHING = new Uint8Array(0);

/**
 * Reads the labels that an agent sends beside a recording.
 *
 *     LabelsSnapshot { contexts = 1: map of int64 to Context, strings = 2: map of int64 to string }
 *     Context        { labels = 1: map of int64 to int64 }
 *
 * @param memory  of the recording, from which the labels are taken as well
 * @throws StoreError 'invalid-argument' when it is no such message, or has too many fields
 */
export function* readLabelsSnapshot(bytes: Uint8Array, memory: MemoryBudget): Steps<LabelsSnapshot> {
  const contexts = new Map<string, LabelPairs>();
  const strings = new Map<string, number>();
  const texts = newTexts();
  const count = { fields: 0 };
  const reader = new WireReader(bytes, wrongLabels);
  let stringBytes = 0;
  while (reader.next()) {
    if (isStepOver(count)) yield;
    const { field } = reader;
    if (field > 2) {
      reader.skip();
      continue;
    }
    let id = 0n;
    let value: Uint8Array = NOTHING;
    const outer = reader.open();
    while (reader.next()) {
      if (isStepOver(count)) yield;
      if (reader.field === 1) id = int64Of(reader);
      else if (reader.field === 2) value = reader.content();
      else reader.skip();
    }
    reader.close(outer);
    memory.take(ENTRY_MEMORY);
    if (field === 1) {
      contexts.set(snapshotKey(id), yield* readPairs(value, count, memory));
      continue;
    }
    if (value.length > LABEL_BYTES_MAX) {
      throw wrongLabels(`a string of ${value.length} bytes, the limit is ${LABEL_BYTES_MAX}`);
    }
    const { sizeBytes } = texts;
    strings.set(snapshotKey(id), texts.internText(textOf(value)));
    // The bytes, and the text by which they are found; many strings may say the same.
    memory.take(2 * (texts.sizeBytes - sizeBytes));
    stringBytes += value.length;
    if (stringBytes < STEP_STRING_BYTES) continue;
    stringBytes = 0;
    yield;
  }
  return { contexts, strings, texts };
}

/** The labels of a context: of a key that is there twice, the last one. */
function* readPairs(context: Uint8Array, count: FieldCount, memory: MemoryBudget): Steps<LabelPairs> {
  const pairs = new Map<string, readonly [bigint, bigint]>();
  const reader = new WireReader(context, wrongContext);
  while (reader.next()) {
    if (isStepOver(count)) yield;
    if (reader.field > 1) {
      reader.skip();
      continue;
    }
    let [key, value] = [0n, 0n];
    const outer = reader.open();
    while (reader.next()) {
      if (isStepOver(count)) yield;
      if (reader.field === 1) key = int64Of(reader);
      else if (reader.field === 2) value = int64Of(reader);
      else reader.skip();
    }
    reader.close(outer);
    memory.take(ENTRY_MEMORY);
    pairs.set(snapshotKey(key), [key, value]);
  }
  return [...pairs.values()];
}

/** Of the whole message. */
type FieldCount = { fields: number };

/** @returns whether a step is over with one more field @throws StoreError when there are too many */
function isStepOver(count: FieldCount): boolean {
  if (++count.fields > FIELDS_MAX) throw wrongLabels(`more than ${FIELDS_MAX} fields`);
  return count.fields % STEP_FIELDS === 0;
}

function int64Of(reader: WireReader): bigint {
  reader.int64();
  return reader.signed();
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
}

function newTexts(): NameTable {
  const texts = new NameTable();
  texts.internText('');
  return texts;
}

function wrongLabels(what: string): StoreError {
  return undecodableUpload('jfr', `its labels are no such message: ${what}`);
}

function wrongContext(what: string): StoreError {
  return wrongLabels(`${what} of a context`);
}

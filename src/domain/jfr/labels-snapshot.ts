import { BinaryReader } from '@bufbuild/protobuf/wire';
import type { Steps } from '#src/domain/model/steps.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import { int64, message, skip } from '#src/domain/pprof/wire-fields.ts';
import { NameTable } from '#src/domain/profile/name-table.ts';
import { undecodableUpload } from '#src/domain/upload/upload.ts';

/** What an agent knows about the numbers that events carry: names of labels, and what they are set to. */
export type LabelsSnapshot = {
  /** By `snapshotKey` of the id: pairs of numbers of strings. */
  readonly contexts: ReadonlyMap<string, readonly (readonly [key: bigint, value: bigint])[]>;
  /** By the agent's numbers for them, in the form of `snapshotKey` as well: numbers of `texts`. */
  readonly strings: ReadonlyMap<string, number>;
  /** 0 is the empty one. */
  readonly texts: NameTable;
};

/** Of a name or a value of a label. Values of series have far fewer, names of spans are what an application makes up. */
export const LABEL_BYTES_MAX: Bytes = 65_535;

/** Strings of one step. */
const STEP_STRING_BYTES: Bytes = 1 << 20;

/** Numbers are texts in maps: the hash of a number can be foreseen, and that of such a text has a secret of the process. */
export function snapshotKey(id: bigint): string {
  return `n${id}`;
}

export const emptySnapshot: LabelsSnapshot = { contexts: new Map(), strings: new Map(), texts: newTexts() };

/** A field takes two bytes of the message and two hundred of memory. An agent sends some thousands in ten seconds. */
const FIELDS_MAX = 1 << 18;

/** Fields of one step, at a microsecond each. */
const STEP_FIELDS = 1 << 12;

/**
 * Reads the labels that an agent sends beside a recording.
 *
 *     LabelsSnapshot { contexts = 1: map of int64 to Context, strings = 2: map of int64 to string }
 *     Context        { labels = 1: map of int64 to int64 }
 *
 * @throws StoreError 'invalid-argument' when it is no such message, or has too many fields
 */
export function* readLabelsSnapshot(bytes: Uint8Array): Steps<LabelsSnapshot> {
  const contexts = new Map<string, readonly (readonly [bigint, bigint])[]>();
  const strings = new Map<string, number>();
  const texts = newTexts();
  let stringBytes = 0;
  const count = { fields: 0 };
  try {
    for (const [field, entry] of entriesOf(bytes, SNAPSHOT_MAPS, count)) {
      if (entry === undefined) {
        yield;
        continue;
      }
      const { key, value } = entry;
      if (field === 1) {
        contexts.set(snapshotKey(key), yield* readPairs(value, count));
        continue;
      }
      strings.set(snapshotKey(key), texts.internText(stringOf(value)));
      stringBytes += value.length;
      if (stringBytes < STEP_STRING_BYTES) continue;
      stringBytes = 0;
      yield;
    }
  } catch (error) {
    const what = error instanceof Error ? error.message : 'unknown reason';
    throw undecodableUpload('jfr', `its labels are no such message: ${what}`);
  }
  return { contexts, strings, texts };
}

/** @throws Error when it is too long */
function stringOf(bytes: Uint8Array): string {
  if (bytes.length > LABEL_BYTES_MAX)
    throw new Error(`a string of ${bytes.length} bytes, the limit is ${LABEL_BYTES_MAX}`);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
}

function newTexts(): NameTable {
  const texts = new NameTable();
  texts.internText('');
  return texts;
}

function* readPairs(context: Uint8Array, count: FieldCount): Steps<readonly (readonly [bigint, bigint])[]> {
  const pairs = new Map<string, readonly [bigint, bigint]>();
  for (const [, entry] of entriesOf(context, CONTEXT_MAPS, count)) {
    if (entry === undefined) yield;
    else pairs.set(snapshotKey(entry.key), [entry.key, entry.number]);
  }
  return [...pairs.values()];
}

/** Of the whole message. */
type FieldCount = { fields: number };

/** @returns whether a step is over with one more field @throws Error when there are too many */
function isStepOver(count: FieldCount): boolean {
  if (++count.fields > FIELDS_MAX) throw new Error(`more than ${FIELDS_MAX} fields`);
  return count.fields % STEP_FIELDS === 0;
}

/** The maps that a message has: the number of the last field, from 1, and what their values are. */
type Maps = { readonly lastField: number; readonly values: 'bytes' | 'numbers' };

const SNAPSHOT_MAPS: Maps = { lastField: 2, values: 'bytes' };
const CONTEXT_MAPS: Maps = { lastField: 1, values: 'numbers' };

const NOTHING = new Uint8Array(0);

/** An entry of a map: its value is bytes, or a number. */
type Entry = { readonly key: bigint; readonly value: Uint8Array; readonly number: bigint };

/** The entries of the maps of a message, in order; undefined where a step is over. Other fields are stepped over. */
function* entriesOf(
  bytes: Uint8Array,
  { lastField, values }: Maps,
  count: FieldCount,
): Generator<[field: number, entry: Entry | undefined]> {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (isStepOver(count)) yield [field, undefined];
    if (field > lastField) {
      skip(reader, wire);
      continue;
    }
    const entry: { key: bigint; value: Uint8Array; number: bigint } = { key: 0n, value: NOTHING, number: 0n };
    const inner = new BinaryReader(message(reader, wire));
    while (inner.pos < inner.len) {
      const [of, type] = inner.tag();
      if (isStepOver(count)) yield [field, undefined];
      if (of === 1) entry.key = int64(inner, type);
      else if (of !== 2) skip(inner, type);
      else if (values === 'numbers') entry.number = int64(inner, type);
      else entry.value = message(inner, type);
    }
    yield [field, entry];
  }
}

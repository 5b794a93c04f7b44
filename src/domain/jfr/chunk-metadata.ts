import type { MemoryBudget } from '#src/domain/model/memory-budget.ts';
import type { Steps } from '#src/domain/model/steps.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import type { JfrCursor } from './jfr-cursor.ts';
import { malformedJfr } from './malformed-jfr.ts';
import type { StepWork } from './step-work.ts';

/** A field of a class, in the order in which they are written. */
export type JfrField = {
  readonly name: string;
  readonly typeId: number;
  /** What is written is the key of a constant, not the value itself. */
  readonly constant: boolean;
  /** A count comes first, then so many. */
  readonly array: boolean;
};

/** Anything that has a type: an event, a constant, or what is part of one. Numbers and strings have no fields. */
export type JfrClass = { readonly id: number; readonly name: string; readonly fields: readonly JfrField[] };

/** The types of a chunk: ids mean something else in the next one. */
export type ChunkTypes = {
  /** By `typeKey` of the id. */
  readonly byId: ReadonlyMap<string, JfrClass>;
  readonly byName: ReadonlyMap<string, JfrClass>;
  /** What was taken from the memory for them. */
  readonly sizeBytes: Bytes;
};

/** Ids are texts in maps: the hash of a number can be foreseen, and that of such a text has a secret of the process. */
export function typeKey(id: number): string {
  return `t${id}`;
}

/** How deep elements are nested: root, metadata, class, field, annotation. */
const DEPTH_MAX = 16;

/** Those of a JDK are some hundreds with 2,000 fields, which are described by some thousands of strings. */
const CLASSES_MAX = 1 << 14;
const FIELDS_MAX = 1 << 16;
const STRINGS_MAX = 1 << 18;

/** Of one element, annotations included, which have one for each item of a list. */
const ATTRIBUTES_MAX = 1 << 12;

/** What they take at most beside their characters: objects, entries of maps and lists, and the plan of a class. */
const CLASS_BYTES: Bytes = 512;
const FIELD_BYTES: Bytes = 96;
const STRING_BYTES: Bytes = 40;

/** Of a string and of an element beside their bytes. */
const PART_WORK = 16;

/** Bytes of text that are gone through in the time of one of a constant. */
const TEXT_PER_WORK = 4;

/** What is read of a string: whatever is known by its name here has a shorter one. */
const NAME_LENGTH_MAX = 1024;

/** An element has at least a name, a count of attributes and one of children. */
const ELEMENT_BYTES_MIN = 3;

/**
 * Reads the event that describes the types of a chunk.
 *
 *     size, type 0, start, duration, id | n strings | root { metadata { class { field ... } ... } region {} }
 *
 *     element := name, n × (key, value), n children
 *
 * Names, keys and values are numbers of strings. Elements that say nothing about how values are written, such as
 * annotations, are stepped over.
 *
 * @param memory  they are taken from it before they are made: strings too, because they are what classes refer to
 * @throws StoreError 'invalid-argument' when it is none, or describes more than it may
 */
export function* readMetadata(cursor: JfrCursor, memory: MemoryBudget, work: StepWork): Steps<ChunkTypes> {
  const start = cursor.position;
  const size = cursor.number('the size of the metadata');
  if (size > cursor.end - start) throw malformedJfr(`the metadata has ${size} bytes, past the end of its chunk`, start);
  cursor.end = start + size;
  const type = cursor.number('the type of the metadata');
  if (type !== 0) throw malformedJfr(`where the metadata should be is an event of type ${type}`, start);
  cursor.skipIntegers(3);
  const before = memory.takenBytes;
  const strings = yield* readStrings(cursor, memory, work);
  const { byId, byName } = yield* readElements(cursor, strings, memory, work);
  return { byId, byName, sizeBytes: memory.takenBytes - before };
}

function* readStrings(cursor: JfrCursor, memory: MemoryBudget, work: StepWork): Steps<string[]> {
  const start = cursor.position;
  const count = cursor.count('strings of the metadata', 1);
  if (count > STRINGS_MAX) throw tooMany('strings', STRINGS_MAX, start);
  memory.take(STRING_BYTES * count);
  const strings: string[] = [];
  for (let i = 0; i < count; i++) {
    const at = cursor.position;
    const decoded = cursor.decoded;
    const text = cursor.text(NAME_LENGTH_MAX);
    if (text === undefined) throw malformedJfr('a string of the metadata is a constant', at);
    memory.take(2 * text.length);
    strings.push(text);
    if (work.add(PART_WORK + Math.floor((cursor.decoded - decoded) / TEXT_PER_WORK))) yield;
  }
  return strings;
}

function* readElements(
  cursor: JfrCursor,
  strings: readonly string[],
  memory: MemoryBudget,
  work: StepWork,
): Steps<Pick<ChunkTypes, 'byId' | 'byName'>> {
  const byId = new Map<string, JfrClass>();
  const path: string[] = [];
  const childrenLeft: number[] = [];
  let fields: JfrField[] = [];
  let fieldCount = 0;
  let classCount = 0;
  do {
    const start = cursor.position;
    const name = readString(cursor, strings);
    path.push(name);
    if (path.length > DEPTH_MAX) throw malformedJfr(`elements in one another, the limit is ${DEPTH_MAX}`, start);
    if (path.length === 3 && name === 'class' && path[1] === 'metadata') {
      if (++classCount > CLASSES_MAX) throw tooMany('classes', CLASSES_MAX, start);
      memory.take(CLASS_BYTES);
      fields = [];
      const attributes = readAttributes(cursor, strings);
      const id = typeIdOf(attributes.id, start);
      byId.set(typeKey(id), { id, name: attributes.name, fields });
    } else if (path.length === 4 && name === 'field' && path[2] === 'class' && path[1] === 'metadata') {
      if (++fieldCount > FIELDS_MAX) throw tooMany('fields', FIELDS_MAX, start);
      memory.take(FIELD_BYTES);
      fields.push(fieldOf(readAttributes(cursor, strings), start));
    } else {
      cursor.skipIntegers(2 * attributeCount(cursor));
    }
    childrenLeft.push(cursor.count('elements', ELEMENT_BYTES_MIN));
    while (childrenLeft.at(-1) === 0) {
      childrenLeft.pop();
      path.pop();
    }
    if (childrenLeft.length > 0) childrenLeft[childrenLeft.length - 1]--;
    if (work.add(PART_WORK + cursor.position - start)) yield;
  } while (childrenLeft.length > 0);

  const byName = new Map<string, JfrClass>();
  for (const one of byId.values()) byName.set(one.name, one);
  return { byId, byName };
}

function tooMany(what: string, limit: number, offset: Bytes): Error {
  return malformedJfr(`its metadata has more than ${limit} ${what}`, offset);
}

/** What may stand in a class or a field and says how it is written. */
type Attributes = { id: string; name: string; class: string; constantPool: string; dimension: string };

function readAttributes(cursor: JfrCursor, strings: readonly string[]): Attributes {
  const attributes: Attributes = { id: '', name: '', class: '', constantPool: '', dimension: '' };
  const count = attributeCount(cursor);
  for (let i = 0; i < count; i++) {
    const key = readString(cursor, strings);
    const value = readString(cursor, strings);
    if (Object.hasOwn(attributes, key)) attributes[key as keyof Attributes] = value;
  }
  return attributes;
}

function attributeCount(cursor: JfrCursor): number {
  const start = cursor.position;
  const count = cursor.count('attributes', 2);
  if (count <= ATTRIBUTES_MAX) return count;
  throw malformedJfr(`an element of the metadata has ${count} attributes, the limit is ${ATTRIBUTES_MAX}`, start);
}

function readString(cursor: JfrCursor, strings: readonly string[]): string {
  const start = cursor.position;
  const index = cursor.number('the number of a string');
  if (index >= strings.length)
    throw malformedJfr(`string ${index} of ${strings.length} strings of the metadata`, start);
  return strings[index];
}

function fieldOf({ name, class: type, constantPool, dimension }: Attributes, offset: Bytes): JfrField {
  if (dimension !== '' && dimension !== '0' && dimension !== '1') {
    throw malformedJfr(`a field has "${dimension.slice(0, 32)}" dimensions, known are 0 and 1`, offset);
  }
  return { name, typeId: typeIdOf(type, offset), constant: constantPool === 'true', array: dimension === '1' };
}

/** Below 2^53, so that it can be a number. */
function typeIdOf(text: string, offset: Bytes): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw malformedJfr(`the id of a type is "${text.slice(0, 32)}", not a number of at most 15 digits`, offset);
}

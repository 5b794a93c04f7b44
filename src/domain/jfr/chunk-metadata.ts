import type { Steps } from '#src/domain/model/steps.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import type { JfrCursor } from './jfr-cursor.ts';
import { malformedJfr } from './malformed-jfr.ts';

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
};

/** Ids are texts in maps: the hash of a number can be foreseen, and that of such a text has a secret of the process. */
export function typeKey(id: number): string {
  return `t${id}`;
}

/** How deep elements are nested: root, metadata, class, field, annotation. */
const DEPTH_MAX = 16;

/** Elements and strings of one step. */
const STEP_ELEMENTS = 16_384;

/** Bytes of strings of one step. */
const STEP_TEXT_BYTES: Bytes = 1 << 20;

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
 * @throws StoreError 'invalid-argument' when it is none
 */
export function* readMetadata(cursor: JfrCursor): Steps<ChunkTypes> {
  const start = cursor.position;
  const size = cursor.number('the size of the metadata');
  if (size > cursor.end - start) throw malformedJfr(`the metadata has ${size} bytes, past the end of its chunk`, start);
  cursor.end = start + size;
  const type = cursor.number('the type of the metadata');
  if (type !== 0) throw malformedJfr(`where the metadata should be is an event of type ${type}`, start);
  cursor.skipIntegers(3);
  return yield* readElements(cursor, yield* readStrings(cursor));
}

function* readStrings(cursor: JfrCursor): Steps<string[]> {
  const strings: string[] = [];
  const count = cursor.count('strings of the metadata', 1);
  let stop = cursor.decoded + STEP_TEXT_BYTES;
  while (strings.length < count) {
    if (strings.length % STEP_ELEMENTS === 0 || cursor.decoded >= stop) {
      stop = cursor.decoded + STEP_TEXT_BYTES;
      yield;
    }
    const start = cursor.position;
    const text = cursor.text(NAME_LENGTH_MAX);
    if (text === undefined) throw malformedJfr('a string of the metadata is a constant', start);
    strings.push(text);
  }
  return strings;
}

function* readElements(cursor: JfrCursor, strings: readonly string[]): Steps<ChunkTypes> {
  const byId = new Map<string, JfrClass>();
  const path: string[] = [];
  const childrenLeft: number[] = [];
  let fields: JfrField[] = [];
  let elements = 0;
  do {
    if (elements++ % STEP_ELEMENTS === 0) yield;
    const start = cursor.position;
    const name = readString(cursor, strings);
    path.push(name);
    if (path.length > DEPTH_MAX) throw malformedJfr(`elements in one another, the limit is ${DEPTH_MAX}`, start);
    if (path.length === 3 && name === 'class' && path[1] === 'metadata') {
      fields = [];
      const attributes = readAttributes(cursor, strings);
      const id = typeIdOf(attributes.id, start);
      byId.set(typeKey(id), { id, name: attributes.name, fields });
    } else if (path.length === 4 && name === 'field' && path[2] === 'class' && path[1] === 'metadata') {
      fields.push(fieldOf(readAttributes(cursor, strings), start));
    } else {
      cursor.skipIntegers(2 * cursor.count('attributes', 2));
    }
    childrenLeft.push(cursor.count('elements', ELEMENT_BYTES_MIN));
    while (childrenLeft.at(-1) === 0) {
      childrenLeft.pop();
      path.pop();
    }
    if (childrenLeft.length > 0) childrenLeft[childrenLeft.length - 1]--;
  } while (childrenLeft.length > 0);

  const byName = new Map<string, JfrClass>();
  for (const one of byId.values()) byName.set(one.name, one);
  return { byId, byName };
}

/** What may stand in a class or a field and says how it is written. */
type Attributes = { id: string; name: string; class: string; constantPool: string; dimension: string };

function readAttributes(cursor: JfrCursor, strings: readonly string[]): Attributes {
  const attributes: Attributes = { id: '', name: '', class: '', constantPool: '', dimension: '' };
  const count = cursor.count('attributes', 2);
  for (let i = 0; i < count; i++) {
    const key = readString(cursor, strings);
    const value = readString(cursor, strings);
    if (Object.hasOwn(attributes, key)) attributes[key as keyof Attributes] = value;
  }
  return attributes;
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

import type { Bytes } from '#src/domain/model/units.ts';
import { type ChunkTypes, type JfrClass, type JfrField, typeKey } from './chunk-metadata.ts';
import type { JfrCursor } from './jfr-cursor.ts';
import { malformedJfr } from './malformed-jfr.ts';

/** The steps of a plan, each followed by what it needs to know. */
const Op = {
  /** How many. */
  skipIntegers: 0,
  /** How many. */
  skipBytes: 1,
  skipText: 2,
  /** How many words the plan of an item has, and how many bytes an item at least. The plan of an item follows. */
  skipArray: 3,
  /** The slot. */
  readInteger: 4,
  /** The slot. */
  readText: 5,
} as const;

/**
 * How to get through the values of a class: what is wanted is read, all else stepped over. The fields of classes within
 * are resolved, so that whoever runs it meets numbers only.
 */
export type ValuePlan = { readonly ops: Int32Array; readonly bytesMin: Bytes };

/** A field that is wanted: it is only read if it has this shape, and counts as absent otherwise. */
export type WantedField = {
  readonly slot: number;
  readonly type: string;
  readonly shape: 'value' | 'constant';
};

/** What a plan reads. Of a field that the class does not have, the slot stays as it is. */
export class ValueSlots {
  /** Halves of integers. */
  readonly low: Int32Array;
  readonly high: Int32Array;
  readonly text: string[];

  constructor(count: number) {
    this.low = new Int32Array(count);
    this.high = new Int32Array(count);
    this.text = Array.from({ length: count }, () => '');
  }
}

/** A class in a field of a class, and so on. Those that the JDK writes reach 3. */
const DEPTH_MAX = 8;

/** Of all plans of a chunk, fields of classes within included: the classes of a JDK have some 2,000. */
const CHUNK_FIELDS_MAX = 1 << 16;

/** Of one array that is stepped over: more would take too long for a step. */
const ARRAY_ITEMS_MAX = 1 << 18;

const INTEGERS = new Set(['int', 'long', 'short', 'char']);
const FIXED_BYTES: ReadonlyMap<string, Bytes> = new Map([
  ['boolean', 1],
  ['byte', 1],
  ['float', 4],
  ['double', 8],
]);
const TEXT = 'java.lang.String';

/** Any recording may have as many as one chunk. */
const FIELDS_MIN = CHUNK_FIELDS_MAX;

/** Recordings of real writers have fifty at least, however small their chunks are. */
const BYTES_PER_FIELD = 16;

/**
 * Counts the fields of all plans of a recording. Classes within classes multiply: few bytes can describe very many fields,
 * and each of very many small chunks can do so again.
 */
export class PlannedFields {
  readonly max: number;
  #count = 0;

  constructor(recordingBytes: Bytes) {
    this.max = Math.max(FIELDS_MIN, Math.floor(recordingBytes / BYTES_PER_FIELD));
  }

  /** Counts one more. @returns whether there may be so many */
  add(): boolean {
    return ++this.#count <= this.max;
  }
}

/** Makes the plans of a chunk. */
export class ValuePlanner {
  readonly #types: ChunkTypes;
  readonly #offset: Bytes;
  readonly #planned: PlannedFields;
  #fields = 0;

  /** @param offset  of the metadata, for messages */
  constructor(types: ChunkTypes, offset: Bytes, planned: PlannedFields) {
    this.#types = types;
    this.#offset = offset;
    this.#planned = planned;
  }

  /**
   * @param wanted  by the name of the field
   * @throws StoreError 'invalid-argument' when types are missing, too many, nested too deeply or endless
   */
  planOf(type: JfrClass, wanted: ReadonlyMap<string, WantedField> = new Map()): ValuePlan {
    const plan = new PlanWriter();
    if (isPrimitive(type)) this.#value(plan, type.id, 0);
    else this.#fieldsOf(plan, type, wanted, 0);
    return plan.done();
  }

  /**
   * The plan of what stands before a field that is an array of values, and that of its items.
   *
   * @returns undefined when the class has no such field
   */
  arrayOf(
    type: JfrClass,
    name: string,
    wanted: ReadonlyMap<string, WantedField>,
  ): { before: ValuePlan; item: ValuePlan } | undefined {
    const at = type.fields.findIndex((field) => field.name === name && field.array && !field.constant);
    if (at === -1) return undefined;
    const before = new PlanWriter();
    for (const field of type.fields.slice(0, at)) this.#field(before, field, 0);
    return { before: before.done(), item: this.planOf(this.#typeOf(type.fields[at].typeId), wanted) };
  }

  #fieldsOf(plan: PlanWriter, type: JfrClass, wanted: ReadonlyMap<string, WantedField>, depth: number): void {
    for (const field of type.fields) {
      const want = wanted.get(field.name);
      if (want !== undefined && this.#hasShape(field, want)) plan.read(want.slot, want.type === TEXT);
      else this.#field(plan, field, depth);
    }
  }

  #hasShape(field: JfrField, want: WantedField): boolean {
    const shape = field.constant ? 'constant' : 'value';
    return !field.array && shape === want.shape && this.#types.byId.get(typeKey(field.typeId))?.name === want.type;
  }

  #field(plan: PlanWriter, field: JfrField, depth: number): void {
    if (++this.#fields > CHUNK_FIELDS_MAX) {
      throw malformedJfr(`its types have more than ${CHUNK_FIELDS_MAX} fields`, this.#offset);
    }
    if (!this.#planned.add()) {
      const { max } = this.#planned;
      throw malformedJfr(
        `the types of its chunks have more fields than one of its size may: limit ${max}`,
        this.#offset,
      );
    }
    if (!field.array) {
      if (field.constant) plan.skipIntegers(1);
      else this.#value(plan, field.typeId, depth);
      return;
    }
    const item = new PlanWriter();
    if (field.constant) item.skipIntegers(1);
    else this.#value(item, field.typeId, depth);
    const done = item.done();
    // Any number of them would take no byte, and there would be no end.
    if (done.bytesMin === 0) throw malformedJfr('an array of a type that has no fields', this.#offset);
    plan.skipArray(done);
  }

  #value(plan: PlanWriter, typeId: number, depth: number): void {
    const type = this.#typeOf(typeId);
    const fixed = FIXED_BYTES.get(type.name);
    if (INTEGERS.has(type.name)) plan.skipIntegers(1);
    else if (fixed !== undefined) plan.skipBytes(fixed);
    else if (type.name === TEXT) plan.skipText();
    else if (depth === DEPTH_MAX) throw malformedJfr(`types in one another, the limit is ${DEPTH_MAX}`, this.#offset);
    else this.#fieldsOf(plan, type, new Map(), depth + 1);
  }

  #typeOf(id: number): JfrClass {
    const type = this.#types.byId.get(typeKey(id));
    if (type === undefined) throw malformedJfr(`the metadata has no type ${id}`, this.#offset);
    return type;
  }
}

/**
 * Which integers of a value are wanted, when it has integers only.
 *
 * @returns the slot of each, -1 for what is not wanted; undefined when there is something else
 */
export function integerSlotsOf({ ops }: ValuePlan): Int32Array | undefined {
  const slots: number[] = [];
  for (let at = 0; at < ops.length; at += 2) {
    if (ops[at] === Op.skipIntegers) for (let i = 0; i < ops[at + 1]; i++) slots.push(-1);
    else if (ops[at] === Op.readInteger) slots.push(ops[at + 1]);
    else return undefined;
  }
  return Int32Array.from(slots);
}

/** Whether a value begins with a text that is wanted. */
export function beginsWithText({ ops }: ValuePlan): boolean {
  return ops[0] === Op.readText;
}

/** Moves the cursor over a value, and reads what is wanted of it. */
export function runPlan(plan: ValuePlan, cursor: JfrCursor, slots: ValueSlots): void {
  runOps(plan.ops, 0, plan.ops.length, cursor, slots);
}

function runOps(ops: Int32Array, start: number, end: number, cursor: JfrCursor, slots: ValueSlots): void {
  for (let at = start; at < end; ) {
    switch (ops[at++]) {
      case Op.skipIntegers:
        cursor.skipIntegers(ops[at++]);
        break;
      case Op.skipBytes:
        cursor.skipBytes(ops[at++]);
        break;
      case Op.skipText:
        cursor.skipText();
        break;
      case Op.skipArray: {
        const items = at + 2;
        skipArray(ops, items, items + ops[at], ops[at + 1], cursor, slots);
        at = items + ops[at];
        break;
      }
      case Op.readInteger: {
        const slot = ops[at++];
        cursor.long();
        slots.low[slot] = cursor.low;
        slots.high[slot] = cursor.high;
        break;
      }
      default: {
        // A text: what stands in the file, or the key of the constant that it is.
        const slot = ops[at++];
        slots.low[slot] = 0;
        slots.high[slot] = 0;
        const text = cursor.text();
        slots.text[slot] = text ?? '';
        if (text !== undefined) break;
        slots.low[slot] = cursor.low;
        slots.high[slot] = cursor.high;
      }
    }
  }
}

function skipArray(
  ops: Int32Array,
  start: number,
  end: number,
  itemBytesMin: Bytes,
  cursor: JfrCursor,
  slots: ValueSlots,
): void {
  const offset = cursor.position;
  const count = cursor.count('items of an array', itemBytesMin);
  if (count > ARRAY_ITEMS_MAX) {
    throw malformedJfr(`an array of ${count} items, the limit is ${ARRAY_ITEMS_MAX}`, offset);
  }
  // Stack traces are the bulk of every recording, and their frames are integers only.
  if (end - start === 2 && ops[start] === Op.skipIntegers) cursor.skipIntegers(count * ops[start + 1]);
  else for (let i = 0; i < count; i++) runOps(ops, start, end, cursor, slots);
}

function isPrimitive({ name }: JfrClass): boolean {
  return INTEGERS.has(name) || FIXED_BYTES.has(name) || name === TEXT;
}

/** Collects steps, and joins those that are neighbours of one kind. */
class PlanWriter {
  readonly #ops: number[] = [];
  /** Where the last step begins. */
  #last = -1;
  #bytesMin: Bytes = 0;

  skipIntegers(count: number): void {
    this.#add(Op.skipIntegers, count, count);
  }

  skipBytes(count: Bytes): void {
    this.#add(Op.skipBytes, count, count);
  }

  skipText(): void {
    this.#last = this.#ops.push(Op.skipText) - 1;
    this.#bytesMin++;
  }

  skipArray(item: ValuePlan): void {
    this.#last = this.#ops.push(Op.skipArray, item.ops.length, item.bytesMin) - 3;
    for (const op of item.ops) this.#ops.push(op);
    this.#bytesMin++;
  }

  read(slot: number, text: boolean): void {
    this.#last = this.#ops.push(text ? Op.readText : Op.readInteger, slot) - 2;
    this.#bytesMin++;
  }

  done(): ValuePlan {
    return { ops: Int32Array.from(this.#ops), bytesMin: this.#bytesMin };
  }

  #add(op: number, count: number, bytesMin: Bytes): void {
    if (this.#last >= 0 && this.#ops[this.#last] === op) this.#ops[this.#last + 1] += count;
    else this.#last = this.#ops.push(op, count) - 2;
    this.#bytesMin += bytesMin;
  }
}

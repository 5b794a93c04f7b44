import type { Bytes } from '#src/domain/model/units.ts';

/** About what V8 takes for an object or a string beside its content, and for a slot of an array or a field. */
const OBJECT_BYTES = 32;
const SLOT_BYTES = 8;

/**
 * The memory that plain data takes: exact for typed arrays, about right for the rest. Made of its parts alone, so that
 * reports that are merged never count for more than they did before.
 *
 * @cost O(objects and strings in it)
 */
export function reportBytes(report: unknown): Bytes {
  let bytes = 0;
  const waiting: unknown[] = [report];
  while (waiting.length > 0) {
    const next = waiting.pop();
    if (typeof next === 'string') bytes += OBJECT_BYTES + 2 * next.length;
    else if (typeof next === 'bigint') bytes += OBJECT_BYTES;
    else if (typeof next !== 'object' || next === null) continue;
    else if (ArrayBuffer.isView(next)) bytes += next.byteLength;
    else {
      const inner: unknown[] = Array.isArray(next) ? next : Object.values(next);
      bytes += OBJECT_BYTES + SLOT_BYTES * inner.length;
      for (const value of inner) waiting.push(value);
    }
  }
  return bytes;
}

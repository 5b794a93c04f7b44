import { assert } from '#src/platform/assert.ts';
import type { ByteRange } from './block-meta.ts';
import { corruptedBlock } from './corrupted-block.ts';

/** Bytes of an object, as they were fetched. Plain data, so that it can be sent to a thread. */
export type FetchedRange = { readonly range: ByteRange; readonly bytes: Uint8Array };

/** An object that is in memory as a whole. */
export function wholeObject(bytes: Uint8Array): readonly FetchedRange[] {
  return [{ range: { offset: 0, sizeBytes: bytes.length }, bytes }];
}

/**
 * The bytes of one range, out of the fetched range that holds it. A view, not a copy.
 *
 * @order  the range, or one around it, was fetched: see `read-plan.ts`
 * @throws StoreError 'corrupted' when the store gave fewer bytes than were asked for: the object is shorter than its
 *         metadata says
 */
export function bytesAt(fetched: readonly FetchedRange[], range: ByteRange): Uint8Array {
  const holder = fetched.find((candidate) => contains(candidate.range, range));
  assert(holder !== undefined, `block range ${range.offset} + ${range.sizeBytes} was not fetched`);
  const start = range.offset - holder.range.offset;
  const end = start + range.sizeBytes;
  if (end > holder.bytes.length) {
    throw corruptedBlock('object: it is cut short', {
      offset: range.offset,
      sizeBytes: range.sizeBytes,
      available: Math.max(0, holder.bytes.length - start),
    });
  }
  return holder.bytes.subarray(start, end);
}

/** The first bytes of a range, as many of them as were fetched in one piece. None when not even the first one was. */
export function headAt(fetched: readonly FetchedRange[], { offset, sizeBytes }: ByteRange): Uint8Array {
  let longest: Uint8Array = new Uint8Array(0);
  for (const { range, bytes } of fetched) {
    const start = offset - range.offset;
    if (start < 0 || start >= bytes.length) continue;
    const head = bytes.subarray(start, Math.min(bytes.length, start + sizeBytes));
    if (head.length > longest.length) longest = head;
  }
  return longest;
}

function contains(outer: ByteRange, inner: ByteRange): boolean {
  return outer.offset <= inner.offset && inner.offset + inner.sizeBytes <= outer.offset + outer.sizeBytes;
}

import { Piscina } from 'piscina';

type Transferable = Extract<Parameters<typeof Piscina.move>[0], { readonly [key: symbol]: object }>;

/**
 * Marks a result so that its buffers move to the main thread instead of being copied. The sender loses them.
 *
 * @param buffers  every buffer reachable from `value` that belongs to nothing else
 */
export function transferring<T extends object>(value: T, buffers: readonly ArrayBuffer[]): T {
  // Piscina reads these two symbols off what a task returns, and sends the value alone: for the receiver it is a T.
  const marked = { [Piscina.valueSymbol]: value, [Piscina.transferableSymbol]: buffers };
  return Piscina.move(marked as unknown as Transferable) as unknown as T;
}

/**
 * All buffers that a plain value holds: objects and arrays are looked through, typed arrays are what is looked for.
 * Buffers that Node shares between many small ones are left out, so those are copied.
 */
export function buffersOf(value: unknown): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>();
  const waiting: unknown[] = [value];
  while (waiting.length > 0) {
    const next = waiting.pop();
    if (typeof next !== 'object' || next === null) continue;
    if (ArrayBuffer.isView(next)) {
      if (isMovable(next)) buffers.add(next.buffer as ArrayBuffer);
    } else if (!(next instanceof ArrayBuffer)) {
      for (const inner of Object.values(next)) if (typeof inner === 'object') waiting.push(inner);
    } else buffers.add(next);
  }
  return [...buffers];
}

/** The bytes with a buffer of their own, which may be given away: themselves if they have one, else a copy. */
export function ownedBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = bytes.buffer instanceof ArrayBuffer && bytes.byteLength === bytes.buffer.byteLength;
  // A copy through the constructor, because `slice` of a Buffer is a view.
  return whole ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);
}

/** `Buffer.from` and its kin put small buffers into one pool, which is nobody's to give away. */
function isMovable(view: ArrayBufferView): boolean {
  return view.buffer instanceof ArrayBuffer && (!Buffer.isBuffer(view) || view.buffer.byteLength !== Buffer.poolSize);
}

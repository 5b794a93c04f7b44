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
 * The buffers that a plain value holds: objects and lists are looked through, typed arrays are what is looked for. Buffers
 * that Node shares between many small ones are left out. What is left out is copied, so leaving out is never wrong.
 *
 * The members of a list are taken to be alike: where the first one holds no bytes, the others are not looked at. Most of
 * what is sent are lists of names and labels, and on the main loop a walk through all of them cost 3 % of its time.
 */
export function buffersOf(value: unknown): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>();
  collect(value, buffers);
  return [...buffers];
}

/** @returns whether there are bytes in it, movable or not; an empty list may have been one of bytes */
function collect(value: unknown, buffers: Set<ArrayBuffer>): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return collectFromList(value, buffers);
  if (ArrayBuffer.isView(value)) {
    if (isMovable(value)) buffers.add(value.buffer as ArrayBuffer);
    return true;
  }
  if (value instanceof ArrayBuffer) {
    buffers.add(value);
    return true;
  }
  let found = false;
  for (const key in value) if (collect(value[key as keyof typeof value], buffers)) found = true;
  return found;
}

function collectFromList(list: readonly unknown[], buffers: Set<ArrayBuffer>): boolean {
  if (list.length === 0) return true;
  if (!collect(list[0], buffers)) return false;
  for (let i = 1; i < list.length; i++) collect(list[i], buffers);
  return true;
}

/**
 * The bytes with a buffer of their own, which may be given away: themselves if they have one, else a copy. No bytes have
 * none, because many may share the same empty buffer, and a buffer is given away once.
 */
export function ownedBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer, byteLength } = bytes;
  const whole = byteLength > 0 && buffer instanceof ArrayBuffer && byteLength === buffer.byteLength;
  // A copy through the constructor, because `slice` of a Buffer is a view.
  return whole ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);
}

/** The bytes as they are, if their buffer can move, else a copy. @order nothing else in the buffer is needed any more */
export function movable(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes.length > 0 && isMovable(bytes) ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);
}

/**
 * Gives the memory of bytes back at once that nobody needs any more. The garbage collector would come to it as well, but
 * late: it counts objects, and a thread that has few of them can hold a hundred megabytes of dead buffers.
 */
export function discard(bytes: Uint8Array): void {
  if (isMovable(bytes)) (bytes.buffer as ArrayBuffer).transfer(0);
}

/** `Buffer.from` and its kin put small buffers into one pool, which is nobody's to give away. */
function isMovable(view: ArrayBufferView): boolean {
  return view.buffer instanceof ArrayBuffer && (!Buffer.isBuffer(view) || view.buffer.byteLength !== Buffer.poolSize);
}

import type { Bytes } from '#src/domain/model/units.ts';

/** No chunk needs a larger window, and a hostile frame must not reserve more. */
export const zstdWindowLogMax = 26;

const MAGIC = 0xfd2fb528;
const BLOCK_HEADER_BYTES = 3;
const CHECKSUM_BYTES = 4;

const BlockType = { raw: 0, runLength: 1, compressed: 2, reserved: 3 } as const;

/**
 * What is said about a frame outside of its compressed blocks.
 *
 * @param fault         why these bytes are not exactly one whole frame that may be decompressed
 * @param contentBytes  what it decompresses to, if the frame says so: `zstd` and Kiln do
 */
export type ZstdFrame =
  | { readonly kind: 'faulty'; readonly fault: string }
  | { readonly kind: 'whole'; readonly contentBytes: Bytes | undefined };

/**
 * Walks over a frame without decompressing it, because zstd takes one that is cut off for one whose rest is still to
 * come, and stops without a word where it ends.
 *
 *     | magic | descriptor | window? | dictionary id? | content size? | block ... | checksum? |
 *     |   4   |     1      | 0 or 1  |  0, 1, 2 or 4  | 0, 1, 2, 4, 8 | 3 + n     |  0 or 4   |
 *
 * @cost   a step per block, of up to 128 KiB each
 * @source RFC 8878, section 3.1.1
 */
export function zstdFrameOf(bytes: Uint8Array): ZstdFrame {
  if (bytes.length < 5) return faulty(`${bytes.length} bytes are too few for a frame`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== MAGIC) return faulty('the magic number is another one');

  const descriptor = bytes[4];
  const singleSegment = (descriptor & 0x20) !== 0;
  const checksumBytes = descriptor & 0x04 ? CHECKSUM_BYTES : 0;
  const windowBytes = singleSegment ? 0 : 1;
  const dictionaryIdBytes = [0, 1, 2, 4][descriptor & 3];
  const contentSizeBytes = [singleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6];
  const contentSizeOffset = 5 + windowBytes + dictionaryIdBytes;
  const headerBytes = contentSizeOffset + contentSizeBytes;
  if (headerBytes > bytes.length) return faulty('the frame is cut off');

  const contentBytes = contentSizeAt(view, contentSizeOffset, contentSizeBytes);
  const window = singleSegment ? (contentBytes ?? 0) : windowOf(bytes[5]);
  const windowMax = 2 ** zstdWindowLogMax;
  if (window > windowMax) return faulty(`its window is too large: limit ${windowMax} bytes, actual ${window} bytes`);

  const end = endOfBlocks(view, headerBytes);
  if (end === undefined) return faulty('a block is of the reserved type');
  if (end + checksumBytes > bytes.length) return faulty('the frame is cut off');
  const trailing = bytes.length - end - checksumBytes;
  return trailing === 0 ? { kind: 'whole', contentBytes } : faulty(`${trailing} bytes are behind the frame`);
}

/** @returns Infinity when a block is cut off; undefined when one is of no known type */
function endOfBlocks(view: DataView, start: Bytes): Bytes | undefined {
  for (let offset = start; offset + BLOCK_HEADER_BYTES <= view.byteLength; ) {
    const header = view.getUint16(offset, true) | (view.getUint8(offset + 2) << 16);
    const type = (header >> 1) & 3;
    if (type === BlockType.reserved) return undefined;
    offset += BLOCK_HEADER_BYTES + (type === BlockType.runLength ? 1 : header >> 3);
    if (header & 1) return offset;
  }
  return Number.POSITIVE_INFINITY;
}

function contentSizeAt(view: DataView, offset: Bytes, width: Bytes): Bytes | undefined {
  if (width === 0) return undefined;
  if (width === 1) return view.getUint8(offset);
  if (width === 2) return view.getUint16(offset, true) + 256;
  if (width === 4) return view.getUint32(offset, true);
  return Number(view.getBigUint64(offset, true));
}

function windowOf(descriptor: number): Bytes {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}

function faulty(fault: string): ZstdFrame {
  return { kind: 'faulty', fault };
}

import { crc32 } from 'node:zlib';

/** Makes the checksums of a symbol space or a dataset right again, header and chunks, where they still can be found. */
export function repairChecksums(space: Uint8Array): void {
  const view = new DataView(space.buffer, space.byteOffset, space.byteLength);
  const headerBytes = view.getUint32(8, true);
  if (headerBytes < 24 || headerBytes > space.length) return;
  const chunkCount = Math.min(view.getUint32(12, true), (headerBytes - 24) >>> 4);
  let offset = headerBytes;
  for (let entry = 20; entry < 20 + chunkCount * 16; entry += 16) {
    const end = offset + view.getUint32(entry, true);
    view.setUint32(entry + 8, crc32(space.subarray(offset, end)), true);
    offset = end;
  }
  view.setUint32(headerBytes - 4, crc32(space.subarray(0, headerBytes - 4)), true);
}

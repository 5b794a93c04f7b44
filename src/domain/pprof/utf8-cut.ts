/** The first offset from `at` on where a character of valid UTF-8 starts, or the end. */
export function characterStart(bytes: Uint8Array, at: number): number {
  let start = at;
  while (isContinuation(bytes[start])) start++;
  return start;
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}

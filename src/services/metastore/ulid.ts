import { StoreError } from '#src/domain/errors.ts';

/** Crockford's base 32: no I, L, O, U. */
const DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const ULID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;
const VALUES = new Uint8Array(128);
for (let i = 0; i < DIGITS.length; i++) VALUES[DIGITS.charCodeAt(i)] = i;

/** As it is written: 26 characters of upper case. Sorts as its bytes do, by time first. */
export function isUlid(text: string): boolean {
  return ULID.test(text);
}

/** The 128 bits of a ULID, most significant byte first. @throws StoreError 'invalid-argument' when it is none */
export function ulidBytes(text: string): Uint8Array {
  if (!isUlid(text)) throw new StoreError('invalid-argument', 'the block id is not a ULID', { length: text.length });
  const bytes = new Uint8Array(16);
  // 26 digits are 130 bits. The first two are zero.
  let bits = 0;
  let bitCount = -2;
  let at = 0;
  for (let i = 0; i < 26; i++) {
    bits = ((bits << 5) | VALUES[text.charCodeAt(i)]) & 0x1fff;
    bitCount += 5;
    if (bitCount < 8) continue;
    bitCount -= 8;
    bytes[at++] = bits >> bitCount;
  }
  return bytes;
}

/** The text of 16 bytes. */
export function ulidText(bytes: Uint8Array): string {
  let text = '';
  let bits = 0;
  let bitCount = 2;
  for (let i = 0; i < 16; i++) {
    bits = ((bits << 8) | bytes[i]) & 0x1fff;
    for (bitCount += 8; bitCount >= 5; ) {
      bitCount -= 5;
      text += DIGITS[(bits >> bitCount) & 31];
    }
  }
  return text;
}

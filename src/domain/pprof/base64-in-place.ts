import { runSteps, type Steps } from '#src/domain/model/steps.ts';

/**
 * Decodes base64 where it lies: bytes take less room than their digits, so they are written over them, and a message of
 * profiles takes no memory beside itself.
 *
 *     before   T W F u
 *     after    M a n u   the result is a view of the first three
 *
 * Either alphabet, but not both in one text; padded or not.
 *
 * @param text  is overwritten
 * @returns     undefined when it is no base64
 * @cost        O(text), about a nanosecond per digit
 * @source      RFC 4648, sections 4 and 5
 */
export function base64InPlace(text: Uint8Array): Uint8Array | undefined {
  return runSteps(base64InSteps(text));
}

/** Digits that are decoded in one step, some four milliseconds. A multiple of four. */
const STEP_DIGITS = 2 << 20;

/** The same for texts of any length. */
export function* base64InSteps(text: Uint8Array): Steps<Uint8Array | undefined> {
  const digitCount = text.length - paddingLength(text);
  const restCount = digitCount % 4;
  const paddedRightly = digitCount === text.length || text.length % 4 === 0;
  if (restCount === 1 || !paddedRightly) return undefined;

  const wholeEnd = digitCount - restCount;
  let seen = decodeQuads(text, 0, Math.min(STEP_DIGITS, wholeEnd));
  for (let from = STEP_DIGITS; from < wholeEnd; from += STEP_DIGITS) {
    yield;
    seen |= decodeQuads(text, from, Math.min(from + STEP_DIGITS, wholeEnd));
  }
  let to = (wholeEnd / 4) * 3;
  if (restCount > 0) {
    const [a, b, c] = [
      DIGITS[text[wholeEnd]],
      DIGITS[text[wholeEnd + 1]],
      restCount === 3 ? DIGITS[text[wholeEnd + 2]] : 0,
    ];
    seen |= a | b | c;
    text[to++] = (a << 2) | ((b >> 4) & 0x03);
    if (restCount === 3) text[to++] = (b << 4) | ((c >> 2) & 0x0f);
  }
  const valid = (seen & NO_DIGIT) === 0 && (seen & BOTH_ALPHABETS) !== BOTH_ALPHABETS;
  return valid ? text.subarray(0, to) : undefined;
}

/**
 * Decodes digits that come in fours.
 *
 * @param start  multiple of four, as is `end`
 * @returns      what the digits are, or-ed
 */
function decodeQuads(text: Uint8Array, start: number, end: number): number {
  let to = (start / 4) * 3;
  let seen = 0;
  for (let from = start; from < end; from += 4, to += 3) {
    const a = DIGITS[text[from]];
    const b = DIGITS[text[from + 1]];
    const c = DIGITS[text[from + 2]];
    const d = DIGITS[text[from + 3]];
    seen |= a | b | c | d;
    // What is no value of a digit is cut off by the shifts and by the width of a byte, or the text is refused at the end.
    text[to] = (a << 2) | ((b >> 4) & 0x03);
    text[to + 1] = (b << 4) | ((c >> 2) & 0x0f);
    text[to + 2] = (c << 6) | (d & 0x3f);
  }
  return seen;
}

/** Beside the value of a digit, in its six low bits. */
const [STANDARD_ONLY, URL_SAFE_ONLY, NO_DIGIT] = [0x100, 0x200, 0x400];
const BOTH_ALPHABETS = STANDARD_ONLY | URL_SAFE_ONLY;

const DIGITS = digitTable();

function digitTable(): Uint16Array {
  const table = new Uint16Array(256).fill(NO_DIGIT);
  const shared = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
  for (let value = 0; value < shared.length; value++) table[shared.charCodeAt(value)] = value;
  for (const [digits, alphabet] of [
    ['+/', STANDARD_ONLY],
    ['-_', URL_SAFE_ONLY],
  ] as const) {
    for (let i = 0; i < digits.length; i++) table[digits.charCodeAt(i)] = alphabet | (shared.length + i);
  }
  return table;
}

function paddingLength(text: Uint8Array): number {
  if (text.length < 2 || text[text.length - 1] !== PADDING) return 0;
  return text[text.length - 2] === PADDING ? 2 : 1;
}

const PADDING = '='.charCodeAt(0);

import type { UnixMs } from '#src/domain/model/units.ts';

/** What one of a unit is, by the letters that a unit begins with. The first that fits wins. */
const unitSeconds: readonly (readonly [prefix: string, seconds: number])[] = [
  ['s', 1],
  ['mon', 30 * 86_400],
  ['m', 60],
  ['h', 3_600],
  ['d', 86_400],
  ['w', 7 * 86_400],
  ['M', 30 * 86_400],
  ['y', 365 * 86_400],
];

/**
 * Reads a time of the render routes. It never fails: what it does not understand is now.
 *
 *     20240501        a day, midnight UTC           1714521600      seconds since 1970
 *     1714521600000   milliseconds (13 digits)      16 digits: microseconds, 19: nanoseconds
 *     now-1h  -1h     before now, by the first number and unit after the sign
 *
 * Spaces, commas and underscores mean nothing. Whatever stands before the sign is taken for "now".
 *
 * @param text undefined: now
 */
export function parseRenderTime(text: string | undefined, nowMs: UnixMs): UnixMs {
  const plain = (text ?? '').trim().replace(/[_, ]/g, '');
  if (/^[0-9]+$/.test(plain)) return fromDigits(plain);
  const plus = plain.indexOf('+');
  const sign = plus >= 0 ? plus : plain.indexOf('-');
  return sign < 0 ? nowMs : nowMs + offsetMs(plain.slice(sign));
}

function fromDigits(digits: string): UnixMs {
  if (digits.length === 8) {
    const [year, month, day] = [Number(digits.slice(0, 4)), Number(digits.slice(4, 6)), Number(digits.slice(6))];
    const date = new Date(Date.UTC(year, month - 1, day));
    if (year > 1900 && date.getUTCMonth() === month - 1 && date.getUTCDate() === day) return date.getTime();
  }
  const value = BigInt(digits);
  if (digits.length === 13) return Number(value);
  if (digits.length === 16) return Number(value / 1_000n);
  if (digits.length === 19) return Number(value / 1_000_000n);
  return Number(value) * 1_000;
}

/** @param text a sign, a number and a unit; what follows them is ignored */
function offsetMs(text: string): number {
  const parts = /^([+-])([0-9]+)([a-zA-Z]*)/.exec(text);
  if (!parts) return 0;
  const [, sign, amount, unit] = parts as unknown as [string, string, string, string];
  const seconds = unitSeconds.find(([prefix]) => unit.startsWith(prefix))?.[1] ?? 0;
  return (sign === '-' ? -1 : 1) * Number(amount) * seconds * 1_000;
}

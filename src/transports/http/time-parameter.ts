import type { UnixMs, UnixNanos } from '#src/domain/model/units.ts';

const SECOND = 1_000_000_000n;
const DAY = 86_400n * SECOND;

/** Longer prefixes first: `mon` is no minute. */
const UNITS: readonly (readonly [prefix: string, nanos: bigint])[] = [
  ['mon', 30n * DAY],
  ['M', 30n * DAY],
  ['m', 60n * SECOND],
  ['s', SECOND],
  ['h', 3600n * SECOND],
  ['d', DAY],
  ['w', 7n * DAY],
  ['y', 365n * DAY],
];

const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

/**
 * Reads `from`, `until` and the like. There is no error: what says nothing means now.
 *
 *     20240501             a day, midnight UTC
 *     13, 16, 19 digits    milliseconds, microseconds, nanoseconds
 *     other digits         seconds
 *     now-1h, -1h, x-1h    now and an offset, from the first `+`, else from the first `-`
 *
 * @returns nanoseconds, within int64
 */
export function parseTimeNanos(text: string | null, nowMs: UnixMs): UnixNanos {
  const nowNanos = BigInt(nowMs) * 1_000_000n;
  const clean = (text ?? '').replace(/[\s_,]/g, '');
  if (/^[0-9]+$/.test(clean)) return withinInt64(absolute(clean));
  const sign = clean.includes('+') ? '+' : '-';
  const at = clean.indexOf(sign);
  if (at === -1) return nowNanos;
  const offset = offsetNanos(clean.slice(at + 1));
  return withinInt64(sign === '+' ? nowNanos + offset : nowNanos - offset);
}

/** Like `parseTimeNanos`, in the unit of queries. Fractions are cut. */
export function parseTimeMs(text: string | null, nowMs: UnixMs): UnixMs {
  return Number(parseTimeNanos(text, nowMs) / 1_000_000n);
}

function absolute(digits: string): UnixNanos {
  const day = digits.length === 8 ? dayNanos(digits) : undefined;
  if (day !== undefined) return day;
  // Twenty digits and more are beyond int64 in any unit; the length of the text must not cost time.
  const value = digits.length > 19 ? INT64_MAX : BigInt(digits);
  if (digits.length === 13) return value * 1_000_000n;
  if (digits.length === 16) return value * 1000n;
  if (digits.length === 19) return value;
  return value * SECOND;
}

/** @returns undefined when the digits are no date of the calendar, or 1900 or before */
function dayNanos(digits: string): UnixNanos | undefined {
  const [year, month, day] = [digits.slice(0, 4), digits.slice(4, 6), digits.slice(6, 8)];
  const ms = Date.parse(`${year}-${month}-${day}T00:00:00Z`);
  if (Number.isNaN(ms) || Number(year) <= 1900) return undefined;
  // February 30 is parsed as March 1.
  return new Date(ms).getUTCDate() === Number(day) ? BigInt(ms) * 1_000_000n : undefined;
}

/** Only the first number and its unit count. No number, no unit or an unknown one: no offset. */
function offsetNanos(text: string): bigint {
  const [, digits = '', unit = ''] = /^([0-9]*)([A-Za-z]*)/.exec(text) ?? [];
  const nanos = UNITS.find(([prefix]) => unit.startsWith(prefix))?.[1] ?? 0n;
  return BigInt(digits.slice(0, 20) || '0') * nanos;
}

function withinInt64(nanos: bigint): UnixNanos {
  if (nanos > INT64_MAX) return INT64_MAX;
  return nanos < INT64_MIN ? INT64_MIN : nanos;
}

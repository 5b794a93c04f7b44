import type { Bytes, DurationMs } from './units.ts';

// How amounts are written for people: limits and what is over them, in messages and in `--help`.

const KIB = 1024;
/** What everybody reads as it is. */
const PLAIN_BYTES_MAX: Bytes = 10 * KIB;

/** `900 bytes`, `4194305 bytes (4 MiB)`: exact, because a limit may be missed by one, and in a unit that can be read. */
export function sizeText(bytes: Bytes): string {
  return bytes < PLAIN_BYTES_MAX ? `${bytes} bytes` : `${bytes} bytes (${roundSizeText(bytes)})`;
}

/** The size of what is over a limit: a number where it is known, a text where something else is; undefined: only that it is over. */
export type ActualSize = Bytes | string | undefined;

/** What stands behind "actual". @param over  where nothing else is known */
export function actualSizeText(actual: ActualSize, over = 'more than that'): string {
  return typeof actual === 'number' ? sizeText(actual) : (actual ?? over);
}

/** `1.5 MiB`: two digits behind the point at most. */
export function roundSizeText(bytes: Bytes): string {
  let amount = bytes;
  let unit = 'bytes';
  for (const larger of ['KiB', 'MiB', 'GiB', 'TiB']) {
    if (amount < KIB) break;
    amount /= KIB;
    unit = larger;
  }
  return `${Math.round(amount * 100) / 100} ${unit}`;
}

const PARTS: readonly (readonly [unit: string, ms: DurationMs])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
];

/** `1h2m`, `20785d7h`: its two largest units, for what is measured rather than set. @param ms  whole, not negative */
export function roundDurationText(ms: DurationMs): string {
  const largest = PARTS.findIndex(([, unitMs]) => ms >= unitMs);
  const unitMs = PARTS[largest + 1]?.[1] ?? 1;
  return durationText(Math.floor(ms / unitMs) * unitMs);
}

/** The shortest text that a flag reads as `ms` again: `7d`, `1h30m`, `500ms`, `0s`. @param ms  whole, not negative */
export function durationText(ms: DurationMs): string {
  if (ms === 0) return '0s';
  let rest = ms;
  let text = '';
  for (const [unit, unitMs] of PARTS) {
    const count = Math.floor(rest / unitMs);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * unitMs;
  }
  return text;
}

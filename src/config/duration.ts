import type { DurationMs } from '#src/domain/model/units.ts';

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3, // U+00B5, and below U+03BC: keyboards and editors write either.
  μs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  y: 365 * 86_400_000,
};

const PART = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h|d|w|y)/y;

/** The units as people write them who have no µ on their keyboard. */
const UNITS = Object.keys(UNIT_MS).filter((unit) => /^[a-z]+$/.test(unit));

/** For messages and the help: what `parseDuration` takes. */
export const DURATION_EXAMPLES = `500ms, 1h30m or 7d (units: ${UNITS.join(' ')})`;

/** Go has nothing smaller than a nanosecond either. Binary fractions are off by less: 1.1 hours are 3960000.0000000005 ms. */
const HALF_NANOSECOND_MS = 5e-7;

/**
 * Reads a duration as Go writes it (`1h30m`, `1.5s`, `0`), and with days, weeks and years of 365 days as
 * Prometheus writes it (`7d`).
 *
 * @returns undefined when the text is none, has a sign, or is not a whole number of milliseconds
 */
export function parseDuration(text: string): DurationMs | undefined {
  if (text === '0') return 0;
  let ms = 0;
  let end = 0;
  PART.lastIndex = 0;
  for (let part = PART.exec(text); part !== null; part = PART.exec(text)) {
    ms += amountMs(Number(part[1]) * (UNIT_MS[part[2] as string] as number)); // The pattern has just these units.
    end = PART.lastIndex;
  }
  return end > 0 && end === text.length && Number.isSafeInteger(ms) ? ms : undefined;
}

function amountMs(ms: number): number {
  const whole = Math.round(ms);
  return Math.abs(ms - whole) < HALF_NANOSECOND_MS ? whole : ms;
}

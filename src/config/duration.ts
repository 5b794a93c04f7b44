import type { DurationMs } from '#src/domain/model/units.ts';

/** For messages: what `parseDuration` takes. */
export const DURATION_SYNTAX = 'a duration such as 500ms, 30s or 1h30m';

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
};

const PART = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h|d|w)/y;

/**
 * Reads a duration as Go writes it (`1h30m`, `1.5s`, `0`), and with days and weeks as Prometheus writes it (`7d`).
 *
 * @returns undefined when the text is none, has a sign, or is not a whole number of milliseconds
 */
export function parseDuration(text: string): DurationMs | undefined {
  if (text === '0') return 0;
  let ms = 0;
  let end = 0;
  PART.lastIndex = 0;
  for (let part = PART.exec(text); part !== null; part = PART.exec(text)) {
    ms += Number(part[1]) * (UNIT_MS[part[2] as string] as number); // The pattern has just these units.
    end = PART.lastIndex;
  }
  return end > 0 && end === text.length && Number.isSafeInteger(ms) ? ms : undefined;
}

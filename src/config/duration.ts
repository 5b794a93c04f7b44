import type { DurationMs } from '#src/domain/model/units.ts';

const NS_PER_MS = 1_000_000n;

/** Nanoseconds, which Go has nothing smaller than either. */
const UNIT_NS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n, // U+00B5, and below U+03BC: keyboards and editors write either.
  μs: 1_000n,
  ms: NS_PER_MS,
  s: 1_000n * NS_PER_MS,
  m: 60_000n * NS_PER_MS,
  h: 3_600_000n * NS_PER_MS,
  d: 86_400_000n * NS_PER_MS,
  w: 7n * 86_400_000n * NS_PER_MS,
  y: 365n * 86_400_000n * NS_PER_MS,
};

const PART = /(?=\.?\d)(\d*)\.?(\d*)(ns|us|µs|μs|ms|s|m|h|d|w|y)/y;

/** The units as people write them who have no µ on their keyboard. */
const UNITS = Object.keys(UNIT_NS).filter((unit) => /^[a-z]+$/.test(unit));

/** For messages and the help: what `parseDuration` takes. */
export const DURATION_EXAMPLES = `500ms, 1h30m or 7d (units: ${UNITS.join(' ')})`;

/**
 * Reads a duration as Go writes it (`1h30m`, `1.5s`, `0`), and with days, weeks and years of 365 days as
 * Prometheus writes it (`7d`). It is exact: binary fractions miss 1.1 hours by 5e-10 ms, and 64.1 days by 1e-6.
 *
 * @returns undefined when the text is none, has a sign, or is not a whole number of milliseconds
 */
export function parseDuration(text: string): DurationMs | undefined {
  if (text === '0') return 0;
  let totalNs = 0n;
  let end = 0;
  PART.lastIndex = 0;
  for (let part = PART.exec(text); part !== null; part = PART.exec(text)) {
    const [, whole, fraction, unit] = part as string[] as [string, string, string, string]; // All of them match,
    const ns = amountNs(whole, fraction, UNIT_NS[unit] as bigint); // and the pattern has just these units.
    if (ns === undefined) return undefined;
    totalNs += ns;
    end = PART.lastIndex;
  }
  if (end === 0 || end !== text.length || totalNs % NS_PER_MS !== 0n) return undefined;
  const ms = Number(totalNs / NS_PER_MS);
  return Number.isSafeInteger(ms) ? ms : undefined;
}

/** @returns undefined when it is not a whole number */
function amountNs(whole: string, fraction: string, unitNs: bigint): bigint | undefined {
  const scaled = BigInt(`${whole}${fraction}`) * unitNs;
  const scale = 10n ** BigInt(fraction.length);
  return scaled % scale === 0n ? scaled / scale : undefined;
}

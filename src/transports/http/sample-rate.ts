const DEFAULT_SAMPLE_RATE = 100;

/** In Hz: 32 bits, as in Pyroscope. */
const SAMPLE_RATE_MAX = 2 ** 32 - 1;

/** Reads `sampleRate`. There is no error: what is no whole number of 32 bits means the default. 0 stays. */
export function parseSampleRate(text: string | null): number {
  if (text === null || !/^[0-9]{1,20}$/.test(text)) return DEFAULT_SAMPLE_RATE;
  const rate = Number(text);
  return rate > SAMPLE_RATE_MAX ? DEFAULT_SAMPLE_RATE : rate;
}

import { StoreError } from '#src/domain/errors.ts';

const SECOND_NANOS = 1_000_000_000;

/**
 * How much time a sample stands for.
 *
 * @param sampleRate  in Hz, above 0
 * @throws StoreError 'invalid-argument' where the period would be nothing, and with it all values
 */
export function periodNanosOf(sampleRate: number): bigint {
  if (sampleRate > SECOND_NANOS) {
    throw new StoreError(
      'invalid-argument',
      `sampleRate: at most ${SECOND_NANOS}, one sample a nanosecond, actual ${sampleRate}`,
      { limit: SECOND_NANOS, actual: sampleRate },
    );
  }
  return BigInt(Math.floor(SECOND_NANOS / sampleRate));
}

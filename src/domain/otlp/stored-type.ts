import type { BuiltValueType } from '#src/domain/pprof/pprof-builder.ts';

/** How the numbers of a sample become its value. */
export type ValueRule =
  | 'as-is'
  /** Counts of a sampling profiler become the time that they stand for. */
  | 'times-period'
  /** One number per event becomes the sum. */
  | 'summed';

export type StoredType = {
  /** `__name__`. */
  readonly name: string;
  readonly sampleType: BuiltValueType;
  readonly values: ValueRule;
};

/**
 * What a profile is stored as.
 *
 * Apart from two kinds that are known, the name is the type of the period. Where there is none, Pyroscope makes an empty
 * name and refuses the profile; here it has the name of what was sampled.
 *
 * @param periodType  undefined when the profile has none
 * @param period      0: none, whatever its type
 * @source reference of the write path, "OTLP profiles"
 */
export function storedTypeOf(
  sampleType: BuiltValueType,
  periodType: BuiltValueType | undefined,
  period: bigint,
): StoredType {
  const { type, unit } = sampleType;
  const known = period === 0n ? undefined : periodType;
  const key = `${type}:${unit}:${known?.type ?? ''}:${known?.unit ?? ''}`;
  if (key === 'samples:count:cpu:nanoseconds') {
    return { name: 'process_cpu', sampleType: { type: 'cpu', unit: 'nanoseconds' }, values: 'times-period' };
  }
  if (key === 'off_cpu:nanoseconds::') return { name: 'off_cpu', sampleType, values: 'summed' };
  return { name: known?.type || type, sampleType, values: 'as-is' };
}

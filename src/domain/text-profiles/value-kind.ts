import { StoreError } from '#src/domain/errors.ts';
import { quoted } from '#src/domain/model/printable.ts';
import type { BuiltValueType } from '#src/domain/pprof/pprof-builder.ts';
import { periodNanosOf } from '#src/domain/upload/sample-period.ts';

/** What the values of an upload are. */
export type ValueKind = {
  /** The name of the profile, `__name__`. */
  readonly profileName: string;
  readonly sampleType: BuiltValueType;
  /** The time that a count of one stands for, in nanoseconds; undefined: values are what they are. */
  readonly periodNanos: bigint | undefined;
};

/** An application with its values, as the name of an upload says both. */
export type TypedApp = { readonly service: string; readonly kind: ValueKind };

/** A suffix, and what it means: the profile, the sample type and its unit. Counts of the first two are times. */
const KINDS: readonly (readonly [suffixes: string, profileName: string, type: string, unit: string])[] = [
  ['cpu itimer', 'process_cpu', 'cpu', 'nanoseconds'],
  ['wall seconds milliseconds microseconds nanoseconds', 'wall', 'wall', 'nanoseconds'],
  ['inuse_objects', 'memory', 'inuse_objects', 'count'],
  ['alloc_objects', 'memory', 'alloc_objects', 'count'],
  ['alloc_in_new_tlab_objects', 'memory', 'alloc_in_new_tlab_objects', 'count'],
  ['alloc_outside_tlab_objects', 'memory', 'alloc_outside_tlab_objects', 'count'],
  ['live', 'memory', 'live', 'count'],
  ['inuse_space', 'memory', 'inuse_space', 'bytes'],
  ['alloc_space', 'memory', 'alloc_space', 'bytes'],
  ['alloc_in_new_tlab_bytes', 'memory', 'alloc_in_new_tlab_bytes', 'bytes'],
  ['alloc_outside_tlab_bytes', 'memory', 'alloc_outside_tlab_bytes', 'bytes'],
  ['bytes', 'memory', 'samples', 'bytes'],
  ['goroutines', 'goroutine', 'goroutines', 'count'],
  ['mutex_count', 'mutex', 'contentions', 'count'],
  ['mutex_duration', 'mutex', 'delay', 'nanoseconds'],
  ['block_count lock_count', 'block', 'contentions', 'count'],
  ['block_duration lock_duration', 'block', 'delay', 'nanoseconds'],
  ['exceptions', 'exceptions', 'samples', 'count'],
];

const KIND_OF_SUFFIX = new Map(
  KINDS.flatMap(([suffixes, profileName, type, unit]) =>
    suffixes.split(' ').map((suffix) => [suffix, { profileName, sampleType: { type, unit } }] as const),
  ),
);

const COUNTED_TIMES: ReadonlySet<string> = new Set(['process_cpu', 'wall']);

/**
 * What the values of an upload are, by what stands behind the last dot of its application:
 *
 *     shop.cpu           shop, process_cpu: counts times the period
 *     shop.inuse_space   shop, memory
 *     shop               cpu, as if it said so
 *     my.service         is refused: no type is called so
 *
 * @param sampleRate  in Hz; 0: counts stay counts, without a period
 * @throws StoreError 'invalid-argument'
 * @source the write-path reference, "/ingest: folded text"
 */
export function typedApp(app: string, sampleRate: number): TypedApp {
  const dot = app.lastIndexOf('.');
  const suffix = dot === -1 ? 'cpu' : app.slice(dot + 1);
  const service = dot === -1 ? app : app.slice(0, dot);
  const found = KIND_OF_SUFFIX.get(suffix);
  if (found === undefined) {
    throw new StoreError(
      'invalid-argument',
      `name: ${quoted(app)} ends in an unknown type ${quoted(suffix)}; append one that is known, such as ".cpu"`,
    );
  }
  const { profileName, sampleType } = found;
  if (!COUNTED_TIMES.has(profileName)) return { service, kind: { profileName, sampleType, periodNanos: undefined } };
  if (sampleRate === 0) {
    return { service, kind: { profileName, sampleType: { type: 'samples', unit: 'count' }, periodNanos: undefined } };
  }
  return { service, kind: { profileName, sampleType, periodNanos: periodNanosOf(sampleRate) } };
}

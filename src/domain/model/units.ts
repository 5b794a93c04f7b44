/** Milliseconds since 1970-01-01 UTC: time ranges, metadata, queries, everything that waits. */
export type UnixMs = number;

/** Nanoseconds since 1970-01-01 UTC: pprof, the time of a stored profile. Beyond 2^53. */
export type UnixNanos = bigint;

/** A length of time, such as an interval, a timeout or an age. */
export type DurationMs = number;

/** A length or an offset in bytes. */
export type Bytes = number;

/** A closed range of time: both ends belong to it, as everywhere in the public API. */
export type TimeRange = { readonly startMs: UnixMs; readonly endMs: UnixMs };

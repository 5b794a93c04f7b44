/**
 * A pprof as plain objects, one per message, with every field as it came: references are not followed, nothing is
 * checked. The definition of the format that the kernels are tested against, and the form that the rare fix-ups work on.
 *
 * @units   string references are row numbers of `strings`; ids are those of the producer; times are unix nanoseconds
 * @source  pprof, `profile.proto`
 */
export type PlainProfile = {
  readonly sampleTypes: readonly PlainValueType[];
  readonly samples: readonly PlainSample[];
  readonly mappings: readonly PlainMapping[];
  readonly locations: readonly PlainLocation[];
  readonly functions: readonly PlainFunction[];
  readonly strings: readonly PlainString[];
  readonly dropFrames: bigint;
  readonly keepFrames: bigint;
  readonly timeNanos: bigint;
  readonly durationNanos: bigint;
  readonly periodType: PlainValueType | undefined;
  readonly period: bigint;
  readonly comments: readonly bigint[];
  readonly defaultSampleType: bigint;
};

/** `text` is undefined when the bytes are no valid UTF-8. */
export type PlainString = { readonly bytes: Uint8Array; readonly text: string | undefined };

export type PlainValueType = { readonly type: bigint; readonly unit: bigint };

export type PlainSample = {
  /** Leaf first. */
  readonly locationIds: readonly bigint[];
  readonly values: readonly bigint[];
  readonly labels: readonly PlainLabel[];
};

/** A text label has a `str` other than 0, a numeric one has not. */
export type PlainLabel = {
  readonly key: bigint;
  readonly str: bigint;
  readonly num: bigint;
  readonly numUnit: bigint;
};

export type PlainMapping = {
  readonly id: bigint;
  readonly memoryStart: bigint;
  readonly memoryLimit: bigint;
  readonly fileOffset: bigint;
  readonly filename: bigint;
  readonly buildId: bigint;
  readonly hasFunctions: boolean;
  readonly hasFilenames: boolean;
  readonly hasLineNumbers: boolean;
  readonly hasInlineFrames: boolean;
};

export type PlainLocation = {
  readonly id: bigint;
  /** 0: none. */
  readonly mappingId: bigint;
  readonly address: bigint;
  /** Innermost inlined frame first. */
  readonly lines: readonly PlainLine[];
  readonly folded: boolean;
};

export type PlainLine = { readonly functionId: bigint; readonly line: bigint };

export type PlainFunction = {
  readonly id: bigint;
  readonly name: bigint;
  readonly systemName: bigint;
  readonly filename: bigint;
  readonly startLine: bigint;
};

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

export function plainStringOf(bytes: Uint8Array): PlainString {
  try {
    return { bytes, text: decoder.decode(bytes) };
  } catch {
    return { bytes, text: undefined };
  }
}

export function plainStringFrom(text: string): PlainString {
  return { bytes: encoder.encode(text), text };
}

/** The string that a reference means; '' when it means none, or one that is not UTF-8. */
export function textAt(profile: Pick<PlainProfile, 'strings'>, index: bigint): string {
  return profile.strings[Number(index)]?.text ?? '';
}

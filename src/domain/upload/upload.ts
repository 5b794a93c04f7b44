import { StoreError } from '#src/domain/errors.ts';
import type { HashSecret } from '#src/domain/model/hash-secret.ts';
import type { Label } from '#src/domain/model/labels.ts';
import { LimitFlag } from '#src/domain/model/limit-flags.ts';
import type { Steps } from '#src/domain/model/steps.ts';
import type { Bytes, UnixNanos } from '#src/domain/model/units.ts';
import type { ProfileLimits } from '#src/domain/pprof/ingest-options.ts';
import type { SizeLimit } from '#src/domain/pprof/pprof-builder.ts';

/** The formats of `/ingest` that are converted to pprof. */
export type UploadFormat = 'groups' | 'lines' | 'trie' | 'tree' | 'speedscope' | 'jfr';

/** What a request to `/ingest` brings, and says about it. */
export type Upload = {
  readonly format: UploadFormat;
  /** The recording or the text, as it came. */
  readonly body: Uint8Array;
  /** The body was a file of a form. Such a one may be gzip, which a bare body may not. */
  readonly fromForm: boolean;
  /** JFR: the labels of its contexts, a `LabelsSnapshot`, plain or gzip. They come as another file of the form. */
  readonly jfrLabels: Uint8Array | undefined;
  /** As parsed: not empty. */
  readonly app: string;
  /** As parsed: no name twice, no empty value. */
  readonly tags: readonly Label[];
  readonly spyName: string;
  readonly fromNanos: UnixNanos;
  /** May be before `fromNanos`, as agents send it when they stop. */
  readonly untilNanos: UnixNanos;
  /** In Hz; 0: the counts of the body are no times. */
  readonly sampleRate: number;
};

/** One profile of an upload, converted. */
export type ConvertedProfile = {
  /** All that its request gave it, `__name__` and `service_name` included. Any order, duplicates and empty values as well. */
  readonly labels: readonly Label[];
  /** pprof, plain. */
  readonly profile: Uint8Array;
};

export type ConversionBounds = {
  /** Of the body when it is inflated, and of all profiles of an upload together; at least 1. */
  readonly maxBytes: Bytes;
  /** What sets it; the limit of the body, if nothing is said. */
  readonly maxBytesName?: string | undefined;
  /** Of the tenant. */
  readonly limits: ProfileLimits;
};

/** What a thread converts with. */
export type ConversionMeans = ConversionBounds & {
  /** Of its hash tables. */
  readonly secret: HashSecret;
};

/** For messages. */
export function maxBytesNameOf({ maxBytesName = `--${LimitFlag.ingestionBody}` }: ConversionBounds): string {
  return maxBytesName;
}

/**
 * Converts what was uploaded. No profile: it was empty, or is to be dropped.
 *
 * @throws StoreError 'invalid-argument', made by `undecodableUpload` where the body is at fault
 */
export type Converter = (upload: Upload, means: ConversionMeans) => Steps<readonly ConvertedProfile[]>;

/** What a converted profile may have at most, whatever the tenant may: it lies in memory as a whole, several times. */
const CONVERTED_BYTES_MAX: Bytes = 64 << 20;

/** How large a converted profile may be. */
export function convertedSizeLimit({ maxProfileSizeBytes }: ProfileLimits): SizeLimit {
  if (maxProfileSizeBytes > 0 && maxProfileSizeBytes <= CONVERTED_BYTES_MAX) {
    return { bytes: maxProfileSizeBytes, name: `--${LimitFlag.profileSize}` };
  }
  return { bytes: CONVERTED_BYTES_MAX, name: 'the most that any format but pprof may become' };
}

/**
 * The body is not what its format says.
 *
 * @param what  a clause that says what is wrong, such as "line 3 has no number at its end"
 */
export function undecodableUpload(format: UploadFormat, what: string): StoreError {
  return new StoreError('invalid-argument', `the body cannot be decoded as ${format}: ${what}`, {
    undecodable: true,
    format,
  });
}

/** Whether the body could not even be read, rather than that its profile was refused. */
export function isUndecodable(error: unknown): error is StoreError {
  return error instanceof StoreError && error.details['undecodable'] === true;
}

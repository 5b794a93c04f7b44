import type { WireError } from '#src/domain/errors.ts';
import type { Label } from '#src/domain/model/labels.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import type { AttributeRule } from '#src/domain/otlp/attribute-rules.ts';
import type { RejectedProfiles } from '#src/domain/otlp/rejections.ts';
import type { DiscardReason, IngestOptions, ProfileLimits } from '#src/domain/pprof/ingest-options.ts';
import type { RequestLabels, RequestLimits } from '#src/domain/series/request-labels.ts';
import type { ConversionBounds, Upload } from '#src/domain/upload/upload.ts';

/** The message of `push.v1.PusherService/Push` as it came. */
export type PushMessage = {
  readonly body: Uint8Array;
  readonly codec: 'proto' | 'json';
  readonly encoding: 'identity' | 'gzip';
};

/** An `ExportProfilesServiceRequest` of OTLP as it came, over whatever protocol. */
export type OtlpMessage = PushMessage;

/** What became of an OTLP message that was taken, wholly or in part. It is what `partial_success` says. */
export type OtlpOutcome = {
  /** Profiles of the message that are not stored. Sending them again cannot help. */
  readonly rejectedProfiles: number;
  /** Why, of the first one; '' when there are none. */
  readonly message: string;
};

/** One pprof with the labels that its request gave it. */
export type PushedProfile = {
  /** As sent: any order, duplicates and empty values included. */
  readonly labels: readonly Label[];
  /** pprof, gzip or plain. May be a view into the body of the request. */
  readonly profile: Uint8Array;
  readonly ingest: IngestOptions | undefined;
};

/** A pushed profile whose labels were looked at. */
export type OpenedProfile = PushedProfile & RequestLabels;

/** What transports call. Resolves when everything is durable and visible to the next query. */
export interface PushService {
  /**
   * The body is given away.
   *
   * @throws StoreError the first failure of its profiles that it helps to send again for, else the first that is one; the
   *         others are stored all the same, and again when the push is sent again
   */
  pushMessage(tenant: string, message: PushMessage, signal: AbortSignal): Promise<void>;
  /** The bytes are given away. @throws StoreError as above */
  pushProfiles(tenant: string, profiles: readonly PushedProfile[], signal: AbortSignal): Promise<void>;
  /**
   * The bytes are given away. An upload that holds no profile is no failure.
   *
   * @throws StoreError as above; 'invalid-argument' that `isUndecodable` when nothing of it can be read
   */
  pushUpload(tenant: string, upload: Upload, signal: AbortSignal): Promise<void>;
  /**
   * The body is given away. A message without samples is no failure.
   *
   * @returns what was rejected, where some of the profiles are stored, or the fault is one that Pyroscope passes over
   * @throws StoreError why none is stored, or why it helps to send the message again: 'limit-exceeded', 'unavailable' and
   *         others. `isMessageTooLarge` (domain/otlp) says whether the message is over the limit of a body
   */
  pushOtlp(tenant: string, message: OtlpMessage, signal: AbortSignal): Promise<OtlpOutcome>;
}

/** A profile on its way to the worker that owns its service. */
export type RoutedProfile = OpenedProfile & {
  readonly tenant: string;
  readonly limits: ProfileLimits;
  /** Nothing else that is still needed lies in the buffer of the bytes, so it may be given away as a whole. */
  readonly ownsBuffer?: boolean;
};

/** What became of one profile. */
export type ProfileOutcome =
  | { readonly kind: 'stored'; readonly rawBytes: Bytes }
  /** Accepted, but nothing of it is left to store. */
  | { readonly kind: 'dropped'; readonly rawBytes: Bytes; readonly reason?: DiscardReason }
  | { readonly kind: 'refused'; readonly rawBytes: Bytes; readonly reason: DiscardReason; readonly error: WireError }
  /** Not stored, through no fault of its own. A StoreError, unless it is a bug. Its size may never have been learned. */
  | { readonly kind: 'failed'; readonly error: unknown };

/** What the distributor needs from the segment-writer. */
export interface ProfileWriter {
  /**
   * One outcome per profile, in order, whatever becomes of its siblings. Resolves when what is stored is durable and
   * visible.
   *
   * @param taken  called once none of them waits for a thread any more, which is long before they are durable
   * @throws StoreError 'unavailable' when none of them was taken, because the queue is full or the writer is closing
   */
  write(profiles: readonly RoutedProfile[], signal: AbortSignal, taken?: () => void): Promise<ProfileOutcome[]>;
}

export type MessageBounds = {
  /** Of the message, before and after it is inflated. */
  readonly maxBytes: Bytes;
  /** Of the tenant. */
  readonly limits: RequestLimits;
};

/** Opens what the main loop must not: messages that are compressed, JSON, or have very many parts, and uploads. */
export interface MessageOpener {
  open(message: PushMessage, bounds: MessageBounds, signal: AbortSignal): Promise<readonly OpenedProfile[]>;
  /** Converts what is not pprof. */
  openUpload(upload: Upload, bounds: ConversionBounds, signal: AbortSignal): Promise<readonly OpenedProfile[]>;
  /** Converts an OTLP message. */
  openOtlp(
    message: OtlpMessage,
    rules: readonly AttributeRule[],
    bounds: ConversionBounds,
    signal: AbortSignal,
  ): Promise<OtlpProfiles>;
}

/** The profiles of an OTLP message. */
export type OtlpProfiles = {
  readonly profiles: readonly OpenedProfile[];
  /** Which profile of the message each of them is of. */
  readonly sources: Uint32Array;
  readonly rejected: RejectedProfiles;
};

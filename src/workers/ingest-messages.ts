import type { BlockPart } from '#src/domain/block/part-writer.ts';
import type { WireError } from '#src/domain/errors.ts';
import type { Label } from '#src/domain/model/labels.ts';
import type { Bytes, UnixMs } from '#src/domain/model/units.ts';
import type { DiscardReason, IngestOptions, ProfileLimits } from '#src/domain/pprof/ingest-options.ts';

/** A profile for the head of the thread that owns its service. */
export type IngestItem = {
  readonly tenant: string;
  readonly service: string;
  /** As the request gave them. Items of one series share the list, and a batch then takes it to the thread once. */
  readonly labels: readonly Label[];
  /** Why no series can have the labels of the request, which are left out then. */
  readonly labelFault?: WireError | undefined;
  /** pprof, gzip or plain. */
  readonly profile: Uint8Array;
  readonly ingest: IngestOptions | undefined;
  /** Index into `IngestBatch.limits`. */
  readonly limits: number;
  /** UUID that every row made of this profile gets. */
  readonly id: Uint8Array;
};

/**
 * Of the profiles of a batch, uncompressed. Who makes a batch knows only what profiles say of themselves; the thread stops
 * when what it took has cost as much as so many bytes in truth (`IngestCost`).
 */
export const BATCH_BYTES_MAX: Bytes = 4 << 20;

/** What goes to a thread at once: one hop for all. */
export type IngestBatch = {
  readonly items: readonly IngestItem[];
  readonly limits: readonly ProfileLimits[];
  readonly nowMs: UnixMs;
};

export type IngestOutcome =
  | { readonly kind: 'stored'; readonly rawBytes: Bytes }
  | { readonly kind: 'dropped'; readonly rawBytes: Bytes; readonly reason?: DiscardReason }
  | { readonly kind: 'refused'; readonly rawBytes: Bytes; readonly reason: DiscardReason; readonly error: WireError };

/** There is no room for a profile beside what is in the head. It is for the next one. */
export type HeadFull = { readonly kind: 'head-full' };

export type IngestReply = {
  /** Another id means another head, which knows nothing of earlier batches: the window, or the head, is gone. */
  readonly headId: string;
  readonly headBytes: Bytes;
  /** Whether the first of `later` found no room, so that this window has to end before it is tried again. */
  readonly headFull: boolean;
  /** One per item that is answered for, in order: the first of them, and at least one unless the head is full. */
  readonly outcomes: readonly IngestOutcome[];
  /** The bytes of the others, in order, because they moved to the thread: they are for another batch. Mostly none. */
  readonly later: readonly Uint8Array[];
};

/** The head of a window, encoded: one part per tenant. */
export type SealReply = { readonly headId: string; readonly parts: readonly BlockPart[] };

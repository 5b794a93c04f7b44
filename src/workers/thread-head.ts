import { segmentZstdLevel } from '#src/domain/block/chunk-writer.ts';
import { StoreError } from '#src/domain/errors.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import { isGzip } from '#src/domain/pprof/inflate.ts';
import type { ArenaMemory, KernelInstance } from '#src/kernels/instance.ts';
import { encodeHead } from './encode-head.ts';
import { Head } from './head.ts';
import type { Inflater } from './inflater.ts';
import { IngestCost } from './ingest-cost.ts';
import {
  BATCH_BYTES_MAX,
  type IngestBatch,
  type IngestOutcome,
  type IngestReply,
  type SealReply,
} from './ingest-messages.ts';
import { ingestProfile } from './ingest-profile.ts';
import { discard } from './transfer.ts';
import { ZstdCompressor } from './zstd-compressor.ts';

export type ThreadHeadOptions = {
  readonly threadId: number;
  readonly newKernels: () => KernelInstance;
  /** Kernels that came to take more are replaced with the next window. */
  readonly keptBytesMax: Bytes;
  readonly inflater?: Inflater | undefined;
};

/**
 * The head of a thread, window after window.
 *
 * Every head has an id, which comes with each answer. A profile is in what was sealed exactly if the ids are the same:
 * a thread that died and was replaced, and a head that was dropped, answer with another one.
 */
export class ThreadHead {
  readonly #options: ThreadHeadOptions;
  readonly #compressor = new ZstdCompressor(segmentZstdLevel);
  readonly #compress = (raw: Uint8Array): Uint8Array => this.#compressor.compress(raw);
  #headCount = 0;
  #kernels: KernelInstance;
  #head: Head;

  constructor(options: ThreadHeadOptions) {
    this.#options = options;
    this.#kernels = options.newKernels();
    this.#head = new Head(this.#kernels);
  }

  /** What the kernels of the head take. */
  get memory(): ArenaMemory {
    return this.#kernels.memory;
  }

  /** @see KernelInstance.addressBytes */
  get addressBytes(): Bytes {
    return this.#kernels.addressBytes;
  }

  /**
   * Decodes profiles into the head, until they have cost as much as `BATCH_BYTES_MAX` or one finds no room there. What a whole head has
   * no room for is refused.
   *
   * @throws what is no StoreError: a bug, or a kernel that trapped. The head may be half-written then, so it is dropped
   */
  ingest({ items, limits, nowMs }: IngestBatch): IngestReply {
    return this.#droppingOnBug(() => {
      const outcomes: IngestOutcome[] = [];
      let spentBytes = 0;
      let headFull = false;
      while (outcomes.length < items.length && spentBytes < BATCH_BYTES_MAX) {
        const item = items[outcomes.length];
        const limit = limits[item.limits];
        const cost = new IngestCost();
        const outcome = ingestProfile(this.#kernels, this.#head, item, limit, nowMs, this.#options.inflater, cost);
        if (outcome.kind === 'head-full') {
          headFull = true;
          break;
        }
        // Names and stacktraces of what was refused may be all that is in it.
        if (outcome.kind === 'refused' && this.#head.empty) this.#head = new Head(this.#kernels);
        spentBytes += spentOn(item.profile, outcome, cost);
        discard(item.profile);
        outcomes.push(outcome);
      }
      const later = items.slice(outcomes.length).map(({ profile }) => profile);
      return { headId: this.#headId, outcomes, headFull, later, headBytes: this.#head.usedBytes };
    });
  }

  /**
   * Encodes the head and begins a new one.
   *
   * @throws as `ingest`. Whatever happens, the profiles of this head are answered for: as stored, or as failed with it
   */
  seal(): SealReply {
    return this.#droppingOnBug(() => {
      const headId = this.#headId;
      try {
        return { headId, parts: encodeHead(this.#kernels, this.#head, this.#compress) };
      } finally {
        this.#begin(this.#kernels.peakBytes > this.#options.keptBytesMax ? this.#options.newKernels() : this.#kernels);
      }
    });
  }

  get #headId(): string {
    return `${this.#options.threadId}.${this.#headCount}`;
  }

  #droppingOnBug<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      // Nobody knows what the memory of the kernels holds now, so it goes as well.
      if (!(error instanceof StoreError)) this.#begin(this.#options.newKernels());
      throw error;
    }
  }

  #begin(kernels: KernelInstance): void {
    this.#kernels = kernels;
    this.#head = new Head(kernels);
    this.#headCount++;
  }
}

/** The most that deflate makes of a byte. */
const DEFLATE_RATIO_MAX = 1032;

/** What a profile cost, or the most it can have been where nobody knows, because it failed before or in the end. */
function spentOn(profile: Uint8Array, outcome: IngestOutcome, cost: IngestCost): Bytes {
  if (outcome.rawBytes > 0) return cost.bytes;
  return isGzip(profile) ? profile.length * DEFLATE_RATIO_MAX : profile.length;
}

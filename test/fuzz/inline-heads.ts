import { equal, ok } from 'node:assert/strict';
import type { Bytes, UnixMs } from '#src/domain/model/units.ts';
import { type ArenaMemory, type HashSecrets, KernelInstance } from '#src/kernels/instance.ts';
import type { ProfileOutcome, ProfileWriter, RoutedProfile } from '#src/services/distributor/ports.ts';
import { Inflater } from '#src/workers/inflater.ts';
import type { IngestItem } from '#src/workers/ingest-messages.ts';
import { ThreadHead } from '#src/workers/thread-head.ts';
import { decodedPart } from '../fixtures/encoded-head.ts';
import { TASK_BYTES_MAX } from './inline-opener.ts';
import type { TaskMeter } from './task-meter.ts';

/** As `pool.head-bytes-max` has it by default. */
const HEAD_BYTES_MAX: Bytes = 64 << 20;
/** As the thread has it: kernels that came to take more are replaced. */
const KEPT_BYTES_MAX: Bytes = 128 << 20;
const FLAGS = { scratch: 'pool.task-bytes-max', head: 'pool.head-bytes-max' };
const SECRETS: HashSecrets = [0x9e3779b97f4a7c15n, 0xd6e8feb86659fd93n, 0xa0761d6478bd642fn];
/** As the segment-writer has it. */
export const BATCH_PROFILES = 16;
/** What an arena has beside what it gives out. */
const ARENA_SLACK_BYTES: Bytes = 2 << 20;

/**
 * Takes profiles into a head as a thread of the pool does, in this one. What is stored of them can be read again: every
 * part that a head is encoded to is decoded.
 */
export class InlineHeads implements ProfileWriter {
  readonly #meter: TaskMeter;
  readonly #nowMs: UnixMs;
  readonly #head: ThreadHead;
  readonly #emptyHeadBytes: Bytes;
  /** As if so many clients sent every profile at once, so that a batch is full of the same. */
  senders = 1;

  constructor(meter: TaskMeter, nowMs: UnixMs) {
    this.#meter = meter;
    this.#nowMs = nowMs;
    this.#head = new ThreadHead({
      threadId: 1,
      newKernels: () =>
        new KernelInstance({ scratchBytesMax: TASK_BYTES_MAX, headBytesMax: HEAD_BYTES_MAX, flags: FLAGS }, SECRETS),
      keptBytesMax: KEPT_BYTES_MAX,
      inflater: Inflater.create(),
    });
    this.#emptyHeadBytes = this.#headBytes();
  }

  /** Of the kernels, in whole pages. */
  get memory(): ArenaMemory {
    return this.#head.memory;
  }

  async write(profiles: readonly RoutedProfile[], _: AbortSignal, taken: () => void = () => {}) {
    taken();
    const outcomes: ProfileOutcome[] = [];
    const sent = profiles.flatMap((profile) => Array.from({ length: this.senders }, () => profile));
    let rest = sent.map((profile): IngestItem => ({ ...profile, limits: 0, profile: copied(profile), id: ID }));
    while (rest.length > 0) {
      const items = rest.slice(0, BATCH_PROFILES);
      const batch = { items, limits: [profiles[0].limits], nowMs: this.#nowMs };
      const reply = this.#meter.run('ingestBatch', () => this.#head.ingest(batch));
      const triedCount = reply.outcomes.length;
      ok(
        (triedCount > 0 || reply.headFull) && triedCount + reply.later.length === items.length,
        'not every profile was answered for',
      );
      outcomes.push(...reply.outcomes);
      const later = reply.later.map((profile, i) => ({ ...items[triedCount + i], profile }));
      rest = [...later, ...rest.slice(BATCH_PROFILES)];
      this.#checkMemory();
      if (reply.headBytes > HEAD_BYTES_MAX / 2 || reply.headFull) this.seal();
    }
    return outcomes.filter((_, i) => i % this.senders === 0);
  }

  /** Ends the window. */
  seal(): void {
    const { parts } = this.#meter.run('sealHead', () => this.#head.seal());
    for (const part of parts) decodedPart(part);
    const { headBytes, scratchBytes } = this.memory;
    ok(headBytes + scratchBytes <= KEPT_BYTES_MAX + ARENA_SLACK_BYTES, 'kernels that met an outlier are not replaced');
    equal(this.#headBytes(), this.#emptyHeadBytes, 'bytes of a head that nothing was written to');
  }

  #headBytes(): Bytes {
    return this.#head.ingest({ items: [], limits: [], nowMs: this.#nowMs }).headBytes;
  }

  #checkMemory(): void {
    const { headBytes, scratchBytes } = this.memory;
    ok(headBytes <= HEAD_BYTES_MAX + ARENA_SLACK_BYTES, `the head takes ${headBytes} bytes`);
    ok(scratchBytes <= TASK_BYTES_MAX + ARENA_SLACK_BYTES, `the task takes ${scratchBytes} bytes`);
  }
}

const ID = new Uint8Array(16).fill(7);

/** The thread discards what it was given. */
function copied({ profile }: RoutedProfile): Uint8Array {
  return new Uint8Array(profile);
}

import { Counter, Gauge, Histogram } from 'prom-client';
import { objectPath } from '#src/domain/block/block-meta.ts';
import { joinParts } from '#src/domain/block/join-parts.ts';
import { StoreError } from '#src/domain/errors.ts';
import { sizeText } from '#src/domain/model/amount-text.ts';
import { LimitFlag } from '#src/domain/model/limit-flags.ts';
import type { Bytes, DurationMs, UnixMs } from '#src/domain/model/units.ts';
import { ownerOf } from '#src/domain/placement/owner.ts';
import { declaredSizeBytes } from '#src/domain/pprof/inflate.ts';
import type { ProfileLimits } from '#src/domain/pprof/ingest-options.ts';
import type { Clock } from '#src/platform/clock.ts';
import type { Log } from '#src/platform/log.ts';
import { metrics } from '#src/platform/metrics.ts';
import type { ProfileOutcome, ProfileWriter, RoutedProfile } from '#src/services/distributor/ports.ts';
import { BATCH_BYTES_MAX, type IngestItem, type IngestOutcome } from '#src/workers/ingest-messages.ts';
import type { BlockRegistry, HeadThreads, ObjectWriter } from './ports.ts';
import { registerBlock } from './register-block.ts';

export type SegmentWriterOptions = {
  /** How long a segment collects profiles once another was flushed less than this ago. Bounds objects per second. */
  readonly segmentDurationMs: DurationMs;
  /** Declared raw bytes after which a segment is flushed early. */
  readonly segmentBytesMax: Bytes;
  /** A head this large is flushed early, before it has no room left. */
  readonly headBytesMax: Bytes;
  /** Bytes of profiles and their labels that may wait for a thread. Above it a push is refused, so a slow disk cannot fill memory. */
  readonly waitingBytesMax: Bytes;
  readonly uploadTimeoutMs: DurationMs;
  /** Of one attempt to register a segment. */
  readonly metadataUpdateTimeoutMs: DurationMs;
};

export type SegmentWriterDeps = {
  readonly clock: Clock;
  readonly log: Log;
  readonly objects: ObjectWriter;
  readonly registry: BlockRegistry;
  readonly heads: HeadThreads;
  /** ULID of a segment. */
  readonly newBlockId: (nowMs: UnixMs) => string;
  /** UUID of a profile, 16 bytes. */
  readonly newProfileId: (nowMs: UnixMs) => Uint8Array;
};

/** One shard per writer: parallelism comes from splitting a window over threads, not from more objects. */
const SHARD = 1;

/** One hop costs as much as decoding a small profile, so a hop carries up to this many, about 25 ms of work. */
const BATCH_PROFILES_MAX = 16;

/** Segments on their way to storage at a time. With more of them waiting, the current one grows instead. */
export const FLUSHES_MAX = 4;

/** A service whose owner is this many profiles behind borrows an idle thread; its data is then in two datasets. */
const SPILL_PROFILES = BATCH_PROFILES_MAX;

type Pending = {
  readonly profile: RoutedProfile;
  /** What it adds to a batch: what it says that it has uncompressed, and its labels. */
  readonly batchBytes: Bytes;
  readonly signal: AbortSignal;
  /** Called when it waits no longer. */
  taken(): void;
  answer(outcome: ProfileOutcome): void;
};

/** A thread, as the writer sees it: what waits for it, and whether it is at work. */
type Lane = { readonly thread: number; readonly queue: Pending[]; busy: boolean };

type StoredProfile = {
  readonly pending: Pending;
  readonly lane: Lane;
  readonly headId: string;
  readonly rawBytes: Bytes;
};

/** The profiles of one segment while it collects. */
class Window {
  readonly lanes = new Set<Lane>();
  readonly batches = new Set<Promise<void>>();
  readonly stored: StoredProfile[] = [];
  rawBytes: Bytes = 0;
  /** Nothing more goes in. */
  full = false;
  scheduled = false;
}

const flushSeconds = new Histogram({
  name: 'kiln_segment_writer_flush_seconds',
  help: 'From the end of a segment to its last answer, by stage.',
  labelNames: ['stage'],
  buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3],
  registers: [metrics],
});
const segmentBytes = new Histogram({
  name: 'kiln_segment_writer_segment_bytes',
  help: 'Size of stored segments.',
  buckets: [1 << 12, 1 << 14, 1 << 16, 1 << 18, 1 << 20, 1 << 22, 1 << 24],
  registers: [metrics],
});
const failedCounter = new Counter({
  name: 'kiln_segment_writer_failed_segments_total',
  help: 'Segments whose pushes were refused because they could not be stored or registered.',
  registers: [metrics],
});
const lostCounter = new Counter({
  name: 'kiln_segment_writer_lost_profiles_total',
  help: 'Profiles whose pushes were refused because the head that held them was lost, with its thread or a failed batch.',
  registers: [metrics],
});
const flushesGauge = new Gauge({
  name: 'kiln_segment_writer_flushes',
  help: 'Segments on their way to storage.',
  registers: [metrics],
});
const waitingGauge = new Gauge({
  name: 'kiln_segment_writer_waiting_bytes',
  help: 'Bytes of profiles that wait for a thread, with their labels.',
  registers: [metrics],
});
const refusedCounter = new Counter({
  name: 'kiln_segment_writer_refused_profiles_total',
  help: 'Profiles refused because too many bytes wait already.',
  registers: [metrics],
});
const batchProfiles = new Histogram({
  name: 'kiln_segment_writer_batch_profiles',
  help: 'Profiles per hop to a thread.',
  buckets: [1, 2, 4, 8, 16],
  registers: [metrics],
});

/**
 * Collects profiles in the heads of the pool threads and stores them, one object per segment.
 *
 * A profile is answered when its segment is in object storage and its metadata in the metastore, so a crash loses
 * nothing that was answered, and nothing is kept on local disk for it.
 *
 * The first profile after a quiet time flushes at once; those that come within `segmentDurationMs` of a flush share
 * the next one. So a busy writer makes no more objects than with a plain ticker, and a quiet one answers in the time
 * that storing takes.
 */
export class SegmentWriter implements ProfileWriter {
  readonly #options: SegmentWriterOptions;
  readonly #deps: SegmentWriterDeps;
  readonly #lanes: Lane[];
  readonly #flushes = new Set<Promise<void>>();
  readonly #closing = new AbortController();
  #window = new Window();
  #lastFlushMs: UnixMs = Number.NEGATIVE_INFINITY;
  #waitingBytes: Bytes = 0;

  constructor(options: SegmentWriterOptions, deps: SegmentWriterDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#lanes = Array.from({ length: deps.heads.threadCount }, (_, thread) => ({ thread, queue: [], busy: false }));
  }

  async write(
    profiles: readonly RoutedProfile[],
    signal: AbortSignal,
    taken: () => void = () => {},
  ): Promise<ProfileOutcome[]> {
    if (this.#closing.signal.aborted) throw new StoreError('unavailable', 'the segment-writer is closing');
    const bytes = profiles.reduce((sum, profile) => sum + waitingBytesOf(profile), 0);
    if (this.#waitingBytes + bytes > this.#options.waitingBytesMax) {
      refusedCounter.inc(profiles.length);
      const [limitBytes, actualBytes] = [this.#options.waitingBytesMax, this.#waitingBytes + bytes];
      const message = `profiles that wait to be decoded take more than --${LimitFlag.ingestBuffer}: limit ${sizeText(limitBytes)}, actual ${sizeText(actualBytes)}`;
      throw new StoreError('unavailable', message, { limitBytes, actualBytes });
    }
    this.#addWaiting(bytes);
    let waitingCount = profiles.length;
    const takenOne = (): void => {
      if (--waitingCount === 0) taken();
    };
    return Promise.all(profiles.map((profile) => this.#enqueue(profile, signal, takenOne)));
  }

  /** Refuses new profiles, and returns when everything that was accepted has its answer. */
  async close(): Promise<void> {
    this.#closing.abort();
    while (this.#flushes.size > 0 || this.#window.lanes.size > 0 || this.#lanes.some(isActive)) {
      if (this.#window.lanes.size > 0) this.#rotate();
      await Promise.all([...this.#flushes, ...this.#window.batches]);
    }
  }

  #enqueue(profile: RoutedProfile, signal: AbortSignal, taken: () => void): Promise<ProfileOutcome> {
    return new Promise((answer) => {
      const lane = this.#laneFor(profile);
      const batchBytes = declaredSizeBytes(profile.profile) + labelBytesOf(profile);
      lane.queue.push({ profile, batchBytes, signal, taken, answer });
      // After this turn of the loop, so that what one read of a socket brought goes in one batch.
      queueMicrotask(() => this.#pump(lane));
    });
  }

  #laneFor(profile: RoutedProfile): Lane {
    const owner = this.#lanes[ownerOf(profile.tenant, profile.service, this.#lanes.length)];
    if (owner.queue.length < SPILL_PROFILES) return owner;
    return this.#lanes.find((lane) => !isActive(lane)) ?? owner;
  }

  /** Hands the next batch to the lane's thread, if that is idle. The batch belongs to the segment of this moment. */
  #pump(lane: Lane): void {
    // A full segment that cannot leave, because storage is behind, holds the lanes back; what waits is bounded.
    if (lane.busy || lane.queue.length === 0 || this.#window.full) return;
    const batch = this.#takeBatch(lane);
    if (batch.length === 0) return;
    lane.busy = true;
    const window = this.#window;
    window.lanes.add(lane);
    const done = this.#ingest(lane, window, batch).finally(() => {
      window.batches.delete(done);
      lane.busy = false;
      this.#pump(lane);
    });
    window.batches.add(done);
    this.#scheduleFlush(window);
  }

  #takeBatch(lane: Lane): Pending[] {
    const batch: Pending[] = [];
    let batchBytes = 0;
    while (lane.queue.length > 0 && batch.length < BATCH_PROFILES_MAX) {
      const next = lane.queue[0];
      if (batch.length > 0 && batchBytes + next.batchBytes > BATCH_BYTES_MAX) break;
      lane.queue.shift();
      this.#addWaiting(-waitingBytesOf(next.profile));
      next.taken();
      if (next.signal.aborted) {
        next.answer(failed(new StoreError('aborted', 'the client left before its profile was decoded')));
        continue;
      }
      batchBytes += next.batchBytes;
      batch.push(next);
    }
    return batch;
  }

  async #ingest(lane: Lane, window: Window, batch: readonly Pending[]): Promise<void> {
    batchProfiles.observe(batch.length);
    const nowMs = this.#deps.clock.now();
    const limits: ProfileLimits[] = [];
    const items = batch.map(({ profile }): IngestItem => {
      let index = limits.indexOf(profile.limits);
      if (index < 0) index = limits.push(profile.limits) - 1;
      const { tenant, service, labels, labelFault, ingest } = profile;
      return {
        tenant,
        service,
        labels,
        labelFault,
        profile: profile.profile,
        ingest,
        limits: index,
        id: this.#deps.newProfileId(nowMs),
      };
    });
    try {
      const ownsBuffer = batch.map(({ profile }) => profile.ownsBuffer === true);
      const reply = await this.#deps.heads.ingest(lane.thread, { items, limits, nowMs }, ownsBuffer);
      for (const [i, outcome] of reply.outcomes.entries()) {
        this.#settle(lane, window, batch[i], outcome, reply.headId);
      }
      if (reply.later.length > 0) this.#putBack(lane, batch.slice(reply.outcomes.length), reply.later);
      if (
        reply.headFull ||
        window.rawBytes >= this.#options.segmentBytesMax ||
        reply.headBytes >= this.#options.headBytesMax
      ) {
        this.#flushFull(window);
      }
    } catch (error) {
      for (const pending of batch) pending.answer(failed(error));
    }
  }

  /**
   * What the thread had no time for, because others were larger than they said, or no room in its head is the first of the
   * next batch, or of the next window. It is told to be taken once, though it waits again: what follows is no more than
   * without that.
   */
  #putBack(lane: Lane, untried: readonly Pending[], bytes: readonly Uint8Array[]): void {
    const again = untried.map((pending, i): Pending => {
      const profile = { ...pending.profile, profile: bytes[i], ownsBuffer: true };
      return { ...pending, profile, taken: () => {} };
    });
    for (const { profile } of again) this.#addWaiting(waitingBytesOf(profile));
    lane.queue.unshift(...again);
  }

  #settle(lane: Lane, window: Window, pending: Pending, outcome: IngestOutcome, headId: string): void {
    if (outcome.kind === 'stored') {
      window.rawBytes += outcome.rawBytes;
      window.stored.push({ pending, lane, headId, rawBytes: outcome.rawBytes });
    } else pending.answer(outcome);
  }

  #scheduleFlush(window: Window): void {
    if (window.scheduled) return;
    window.scheduled = true;
    const { clock } = this.#deps;
    const { segmentDurationMs } = this.#options;
    const sinceMs = clock.now() - this.#lastFlushMs;
    // A clock that was set back says that the last flush is yet to come; nobody waits for that.
    const waitMs = sinceMs < 0 ? segmentDurationMs : Math.max(0, segmentDurationMs - sinceMs);
    // At once means behind this turn of the loop, so that all that one request brought is in.
    if (waitMs === 0) setImmediate(() => this.#rotateIfRoom(window));
    else void clock.sleep(waitMs).then(() => this.#rotateIfRoom(window));
  }

  #flushFull(window: Window): void {
    window.full = true;
    this.#rotateIfRoom(window);
  }

  #rotateIfRoom(window: Window): void {
    if (window !== this.#window) return;
    if (this.#flushes.size < FLUSHES_MAX) this.#rotate();
    // Storage is behind: the segment goes on collecting until it is full, and leaves when another one has landed.
    else void Promise.race(this.#flushes).then(() => this.#rotateIfRoom(window));
  }

  /** Starts a new segment and sends the current one on its way. */
  #rotate(): void {
    const full = this.#window;
    if (full.lanes.size === 0) return;
    this.#window = new Window();
    if (full.full) for (const lane of this.#lanes) queueMicrotask(() => this.#pump(lane));
    this.#lastFlushMs = this.#deps.clock.now();
    const flush = this.#flush(full).finally(() => {
      this.#flushes.delete(flush);
      flushesGauge.set(this.#flushes.size);
    });
    this.#flushes.add(flush);
    flushesGauge.set(this.#flushes.size);
  }

  async #flush(window: Window): Promise<void> {
    const startMs = performance.now();
    // Asked for right away: each thread seals behind the batches that it was given, before those of the next segment.
    const seals = [...window.lanes].map(async (lane) => ({ lane, sealed: await this.#deps.heads.seal(lane.thread) }));
    const sealed = await Promise.allSettled(seals);
    await Promise.all(window.batches);
    flushSeconds.observe({ stage: 'seal' }, (performance.now() - startMs) / 1000);

    const sealedHeads = new Map<Lane, string>();
    const parts = [];
    for (const result of sealed) {
      if (result.status === 'rejected') continue;
      sealedHeads.set(result.value.lane, result.value.sealed.headId);
      parts.push(...result.value.sealed.parts);
    }
    const alive = window.stored.filter(({ lane, headId }) => sealedHeads.get(lane) === headId);
    const lost = window.stored.filter(({ lane, headId }) => sealedHeads.get(lane) !== headId);
    const why = 'the head that held this profile is lost, with its thread or a failed batch; send it again';
    for (const { pending } of lost) pending.answer(failed(new StoreError('unavailable', why)));
    if (lost.length > 0) {
      lostCounter.inc(lost.length);
      this.#deps.log.warn('a head was lost', { profiles: lost.length });
    }
    if (parts.length === 0) return;

    try {
      await this.#store(parts);
      for (const { pending, rawBytes } of alive) pending.answer({ kind: 'stored', rawBytes });
    } catch (error) {
      failedCounter.inc();
      this.#deps.log.error('segment not stored', { profiles: alive.length, error: String(error) });
      for (const { pending } of alive) pending.answer(failed(error));
    } finally {
      flushSeconds.observe({ stage: 'total' }, (performance.now() - startMs) / 1000);
    }
  }

  async #store(encoded: Parameters<typeof joinParts>[0]): Promise<void> {
    const { clock, objects, registry, newBlockId } = this.#deps;
    const startMs = performance.now();
    const { parts, meta } = joinParts(encoded, { id: newBlockId(clock.now()), shard: SHARD, tenant: '', level: 0 });
    // The object goes first. An object without metadata is garbage that retention removes; metadata without an object
    // would fail every query that meets it.
    await objects.put(objectPath(meta), parts, clock.deadline(this.#options.uploadTimeoutMs));
    flushSeconds.observe({ stage: 'put' }, (performance.now() - startMs) / 1000);
    const putMs = performance.now();
    await registerBlock(meta, { registry, clock, timeoutMs: this.#options.metadataUpdateTimeoutMs });
    flushSeconds.observe({ stage: 'register' }, (performance.now() - putMs) / 1000);
    segmentBytes.observe(meta.sizeBytes);
  }

  #addWaiting(bytes: Bytes): void {
    this.#waitingBytes += bytes;
    waitingGauge.set(this.#waitingBytes);
  }
}

function waitingBytesOf(profile: RoutedProfile): Bytes {
  return profile.profile.length + labelBytesOf(profile);
}

/** Each profile counts its list as if it had one of its own: it may end up in a batch without its siblings. */
function labelBytesOf({ labelFault, labelBytes }: RoutedProfile): Bytes {
  return labelFault === undefined ? labelBytes : 0;
}

function failed(error: unknown): ProfileOutcome {
  return { kind: 'failed', error };
}

function isActive(lane: Lane): boolean {
  return lane.busy || lane.queue.length > 0;
}

import type { Bytes } from '#src/domain/model/units.ts';
import type { HttpMetrics } from './http-metrics.ts';

/** A body that is being received. */
export interface Intake {
  pause(): void;
  resume(): void;
}

/** Kept free for what arrives between a pause and its effect: each connection may deliver one more chunk. */
const SLACK_SHARE = 1 / 8;

/** The largest chunk that the server library reads at once. */
const CHUNK_BYTES_MAX = 512 << 10;

/**
 * Counts the request bodies in memory, from their first byte until their request is answered.
 *
 *     0 ............................ 7/8 ...... bytesMax
 *     everybody receives             only the oldest unfinished body receives, the others are paused
 *
 * The oldest is never paused, so that bodies which fill the memory together cannot wait for each other for ever.
 *
 * @invariant 0 <= usedBytes <= bytesMax
 */
export class BodyBudget {
  readonly #bytesMax: Bytes;
  readonly #pausedAboveBytes: Bytes;
  readonly #metrics: HttpMetrics;
  /** Unfinished bodies, oldest first, and whether they are paused. */
  readonly #intakes = new Map<Intake, { paused: boolean }>();
  #pausedCount = 0;
  #usedBytes: Bytes = 0;

  constructor(bytesMax: Bytes, metrics: HttpMetrics) {
    this.#bytesMax = bytesMax;
    this.#pausedAboveBytes = bytesMax - bytesMax * SLACK_SHARE;
    this.#metrics = metrics;
  }

  get bytesMax(): Bytes {
    return this.#bytesMax;
  }

  get usedBytes(): Bytes {
    return this.#usedBytes;
  }

  open(intake: Intake): void {
    this.#intakes.set(intake, { paused: false });
  }

  /** @returns false when it does not fit; then nothing is counted */
  charge(bytes: Bytes): boolean {
    if (this.#usedBytes + bytes > this.#bytesMax) return false;
    this.#use(bytes);
    return true;
  }

  /**
   * Counts what a body that is to be paused may still send, where it cannot be kept from arriving.
   *
   * @returns false when it would leave too little for bodies that come whole; then nothing is counted
   */
  reserve(bytes: Bytes): boolean {
    if (this.#usedBytes + bytes > this.#bytesMax - this.#bytesMax * (SLACK_SHARE / 2)) return false;
    this.#use(bytes);
    return true;
  }

  /** Pauses a body that goes on, when there are too many bytes already and it is not the oldest. */
  throttle(intake: Intake): void {
    const state = this.#intakes.get(intake);
    if (state === undefined || state.paused || this.#usedBytes <= this.#pausedAboveBytes) return;
    if (this.#oldest() === intake) return;
    state.paused = true;
    this.#pausedCount++;
    this.#metrics.paused();
    intake.pause();
  }

  /** The body is complete, or will not be. Its bytes stay counted. */
  close(intake: Intake): void {
    const state = this.#intakes.get(intake);
    if (state === undefined) return;
    this.#intakes.delete(intake);
    if (state.paused) this.#pausedCount--;
    this.#resume();
  }

  release(bytes: Bytes): void {
    this.#use(-bytes);
    this.#resume();
  }

  #use(bytes: Bytes): void {
    this.#usedBytes += bytes;
    this.#metrics.bodyBytes(this.#usedBytes);
  }

  #oldest(): Intake | undefined {
    return this.#intakes.keys().next().value;
  }

  /** Lets as many go on as have room for a chunk each, in order of arrival, and the oldest in any case. */
  #resume(): void {
    if (this.#pausedCount === 0) return;
    let places = Math.max(0, Math.ceil((this.#pausedAboveBytes - this.#usedBytes) / CHUNK_BYTES_MAX));
    const oldest = this.#oldest();
    for (const [intake, state] of this.#intakes) {
      if (places === 0 && intake !== oldest) return;
      if (!state.paused) continue;
      places = Math.max(0, places - 1);
      state.paused = false;
      this.#pausedCount--;
      intake.resume();
    }
  }
}

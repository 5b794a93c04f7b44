import { Gauge } from 'prom-client';
import { NEVER_FITS, RETRY_AFTER_MS, type StoreError } from '#src/domain/errors.ts';
import { durationText, roundSizeText, sizeText } from '#src/domain/model/amount-text.ts';
import { LimitFlag } from '#src/domain/model/limit-flags.ts';
import type { Bytes, DurationMs, UnixMs } from '#src/domain/model/units.ts';
import { refusal } from '#src/domain/pprof/profile-errors.ts';
import type { Clock } from '#src/platform/clock.ts';
import { metrics } from '#src/platform/metrics.ts';

/** How much a tenant may send. A rate of 0 means as much as it likes. */
export type Rate = {
  readonly bytesPerSecond: Bytes;
  /** How far it may run ahead of its rate. What is larger than this never fits. */
  readonly burstBytes: Bytes;
};

/** Enough for every tenant that sends within a second or two; a bucket takes about 200 bytes. */
export const RATE_LIMITED_TENANTS_MAX = 100_000;

type Bucket = { tokens: Bytes; filledAtMs: UnixMs; rate: Rate };

const tenantCount = new Gauge({
  name: 'kiln_distributor_rate_limiter_tenants',
  help: 'Tenants whose token bucket is not known to be full.',
  registers: [metrics],
});

/**
 * A token bucket per tenant, in bytes.
 *
 * The size of a profile is not known before it is inflated. What it claims is taken at the door, and whatever it turned
 * out to be above that is charged afterwards, which may leave the bucket below zero. What was not stored in the end,
 * through no fault of its own, is given back.
 */
export class RateLimiter {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #tenantsMax: number;
  /** Least recently used first. A bucket that is not here is full. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(clock: Pick<Clock, 'now'>, tenantsMax: number = RATE_LIMITED_TENANTS_MAX) {
    this.#clock = clock;
    this.#tenantsMax = tenantsMax;
  }

  get tenantCount(): number {
    return this.#buckets.size;
  }

  /** Takes the bytes if all of them fit now. Nothing is queued and nothing taken otherwise. */
  take(tenant: string, bytes: Bytes, rate: Rate): boolean {
    if (rate.bytesPerSecond === 0) return true;
    const bucket = this.#filled(tenant, rate);
    if (bucket.tokens < bytes) return false;
    bucket.tokens -= bytes;
    return true;
  }

  /** When so many bytes fit, if nobody takes any before. undefined: never, as they are more than a burst. */
  waitMs(tenant: string, bytes: Bytes, rate: Rate): DurationMs | undefined {
    if (rate.bytesPerSecond === 0) return 0;
    if (bytes > rate.burstBytes) return undefined;
    const missing = bytes - this.#filled(tenant, rate).tokens;
    return Math.max(0, Math.ceil((1000 * missing) / rate.bytesPerSecond));
  }

  /** Takes bytes that are in already. */
  charge(tenant: string, bytes: Bytes, rate: Rate): void {
    if (rate.bytesPerSecond === 0 || bytes <= 0) return;
    this.#filled(tenant, rate).tokens -= bytes;
  }

  /** Undoes what was taken or charged for nothing. It makes no more than a burst: that is all that a bucket can hold. */
  giveBack(tenant: string, bytes: Bytes, rate: Rate): void {
    if (rate.bytesPerSecond === 0 || bytes <= 0) return;
    this.#filled(tenant, rate).tokens += bytes; // Whoever looks at it next cuts it to the burst.
  }

  #filled(tenant: string, rate: Rate): Bucket {
    const nowMs = this.#clock.now();
    const known = this.#buckets.get(tenant);
    const tokens = known === undefined ? rate.burstBytes : tokensAt({ ...known, rate }, nowMs);
    const bucket = { tokens, filledAtMs: nowMs, rate };
    this.#buckets.delete(tenant);
    this.#evict(nowMs);
    this.#buckets.set(tenant, bucket);
    tenantCount.set(this.#buckets.size);
    return bucket;
  }

  /**
   * Forgets tenants that have been idle until their bucket was full, which changes nothing: two a call, so that the map
   * shrinks. If it is at its bound all the same, the one that was idle longest gets a full bucket early.
   */
  #evict(nowMs: UnixMs): void {
    for (let i = 0; i < 2; i++) {
      const oldest = this.#buckets.entries().next().value;
      if (oldest === undefined) return;
      const [tenant, bucket] = oldest;
      const full = tokensAt(bucket, nowMs) >= bucket.rate.burstBytes;
      if (full || this.#buckets.size >= this.#tenantsMax) this.#buckets.delete(tenant);
    }
  }
}

/** More than a burst is never there at once. */
export function isOverBurst(bytes: Bytes, { bytesPerSecond, burstBytes }: Rate): boolean {
  return bytesPerSecond > 0 && bytes > burstBytes;
}

/** @param waitMs  until they fit; undefined: they never do */
export function rateLimited(
  { bytesPerSecond, burstBytes }: Rate,
  count: number,
  actualBytes: Bytes,
  waitMs: DurationMs | undefined,
): StoreError {
  const what = count === 1 ? 'a profile and its labels' : `${count} profiles and their labels`;
  const when = waitMs === undefined ? 'never fit' : `fit in ${durationText(waitMs)}`;
  return refusal(
    'rate_limited',
    `push rate limit exceeded: --${LimitFlag.ingestionRate} lets through ${roundSizeText(bytesPerSecond)} a second, ` +
      `--${LimitFlag.ingestionBurst} ${sizeText(burstBytes)} at once, and ${what} of ${sizeText(actualBytes)} ${when}`,
    {
      bytesPerSecond,
      burstBytes,
      actualBytes,
      ...(waitMs === undefined ? { [NEVER_FITS]: true } : { [RETRY_AFTER_MS]: waitMs }),
    },
    'limit-exceeded',
  );
}

/** A clock that went back adds nothing. */
function tokensAt({ tokens, filledAtMs, rate }: Bucket, nowMs: UnixMs): Bytes {
  const earned = (Math.max(0, nowMs - filledAtMs) * rate.bytesPerSecond) / 1000;
  return Math.min(rate.burstBytes, tokens + earned);
}

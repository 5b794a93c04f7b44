import { type LimitsConfig, profileLimitsOf } from '#src/config/limits.ts';
import { fromWire, StoreError } from '#src/domain/errors.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import { declaredSizeBytes } from '#src/domain/pprof/inflate.ts';
import { profileTooLarge, refusal } from '#src/domain/pprof/profile-errors.ts';
import { MAIN_LOOP_ENVELOPE, readPushEnvelope } from '#src/domain/pprof/push-envelope.ts';
import { withRequestLabels } from '#src/domain/series/request-labels.ts';
import type { Clock } from '#src/platform/clock.ts';
import { messageTooLarge } from '#src/workers/open-message.ts';
import { distributorMetrics } from './distributor-metrics.ts';
import type {
  MessageBounds,
  MessageOpener,
  OpenedProfile,
  ProfileOutcome,
  ProfileWriter,
  PushedProfile,
  PushMessage,
  PushService,
  RoutedProfile,
} from './ports.ts';
import { type Rate, RateLimiter } from './rate-limiter.ts';

export type DistributorConfig = {
  /**
   * How many profiles of one push wait for a thread at once, so that a large one does not stand before all others. The
   * next ones follow when those were taken, and do not wait until they are durable. 0: all of them.
   */
  readonly pushConcurrencyMax: number;
  /** Whether metrics have a label for the tenant. Many tenants make many series. */
  readonly tenantMetrics: boolean;
};

export const distributorDefaults: DistributorConfig = { pushConcurrencyMax: 256, tenantMetrics: false };

export type DistributorDeps = {
  readonly clock: Clock;
  readonly writer: ProfileWriter;
  readonly opener: MessageOpener;
  readonly limitsOf: (tenant: string) => LimitsConfig;
};

/** A message is inflated within this, where an operator switched the limit of the body off. */
const MESSAGE_BYTES_MAX: Bytes = 256 << 20;

/** A profile that is inside, or why it is not. */
type Admission = { readonly routed: RoutedProfile; readonly declaredBytes: Bytes } | { readonly refused: StoreError };

/**
 * Takes pushes in: checks what can be checked without decoding, routes each profile by tenant and service, and answers
 * when all of them are durable and visible.
 *
 * A push is not atomic. Every profile is attempted and has an outcome of its own; the first failure in their order is the
 * answer, and what was stored stays.
 */
export class Distributor implements PushService {
  readonly #config: DistributorConfig;
  readonly #deps: DistributorDeps;
  readonly #rates: RateLimiter;

  constructor(config: DistributorConfig, deps: DistributorDeps) {
    this.#config = config;
    this.#deps = deps;
    this.#rates = new RateLimiter(deps.clock);
  }

  async pushMessage(tenant: string, message: PushMessage, signal: AbortSignal): Promise<void> {
    const limits = this.#deps.limitsOf(tenant);
    const maxBytes = limits.ingestionBodyBytesMax || MESSAGE_BYTES_MAX;
    if (message.body.length > maxBytes) throw messageTooLarge(maxBytes, message.body.length);
    const plain = message.codec === 'proto' && message.encoding === 'identity';
    const read = plain ? readPushEnvelope(message.body, MAIN_LOOP_ENVELOPE) : undefined;
    if (read !== undefined) return this.pushProfiles(tenant, read, signal);
    await this.#push(
      tenant,
      await this.#opened(message, { maxBytes, limits: profileLimitsOf(limits) }, signal),
      signal,
    );
  }

  async pushProfiles(tenant: string, profiles: readonly PushedProfile[], signal: AbortSignal): Promise<void> {
    await this.#push(tenant, withRequestLabels(profiles, this.#deps.limitsOf(tenant)), signal);
  }

  async #opened(message: PushMessage, bounds: MessageBounds, signal: AbortSignal): Promise<readonly OpenedProfile[]> {
    try {
      return await this.#deps.opener.open(message, bounds, signal);
    } catch (error) {
      if (error instanceof StoreError) distributorMetrics.messageRefused(error);
      throw error;
    }
  }

  async #push(tenant: string, profiles: readonly OpenedProfile[], signal: AbortSignal): Promise<void> {
    if (profiles.length === 0) throw new StoreError('invalid-argument', 'no profiles received');
    distributorMetrics.batch(this.#tenantLabel(tenant), profiles.length);
    const limits = this.#deps.limitsOf(tenant);
    this.#checkBatchSize(tenant, profiles, limits);

    const profileLimits = profileLimitsOf(limits);
    const ownsBuffer = profiles.length === 1;
    const admissions = profiles.map((opened) =>
      this.#admit({ ...opened, tenant, limits: profileLimits, ownsBuffer }, limits),
    );
    const failures = await this.#writeAdmitted(admissions, rateOf(limits), signal);
    // A bug is the answer only where nothing better is known: a StoreError tells the client what to do.
    const first = failures.find((failure) => failure instanceof StoreError) ?? failures.find(isFailure);
    if (first !== undefined) throw first;
  }

  /** The whole push is refused: storing a part of what is too much would invite the rest again and again. */
  #checkBatchSize(tenant: string, profiles: readonly PushedProfile[], limits: LimitsConfig): void {
    const limitBytes = limits.ingestionBodyBytesMax;
    if (limitBytes === 0) return;
    const actualBytes = profiles.reduce((sum, { profile }) => sum + declaredSizeBytes(profile), 0);
    if (actualBytes <= limitBytes) return;
    const reason = 'body_size_limit_exceeded';
    for (const { profile } of profiles) {
      distributorMetrics.discarded(this.#tenantLabel(tenant), reason, declaredSizeBytes(profile));
    }
    throw refusal(
      reason,
      `the profiles of the push are together larger than ingestion_body_limit_mb: limit ${limitBytes} bytes, ` +
        `actual ${actualBytes} bytes uncompressed`,
      { limitBytes, actualBytes },
    );
  }

  /** Size before rate: what is too large for any rate should be told so, and cost its sender nothing else. */
  #admit(routed: RoutedProfile, limits: LimitsConfig): Admission {
    const { tenant, profile, labelBytes } = routed;
    const declaredBytes = declaredSizeBytes(profile);
    const label = this.#tenantLabel(tenant);
    distributorMetrics.received(label, profile.length);
    const sizeMax = limits.maxProfileSizeBytes;
    if (sizeMax > 0 && declaredBytes > sizeMax) {
      // Counted by the limit: nobody knows whether the claim is true.
      distributorMetrics.discarded(label, 'profile_size_limit', sizeMax);
      return { refused: profileTooLarge(sizeMax, declaredBytes) };
    }
    const chargedBytes = declaredBytes + labelBytes;
    const rate = rateOf(limits);
    if (!this.#rates.take(tenant, chargedBytes, rate)) {
      distributorMetrics.discarded(label, 'rate_limited', declaredBytes);
      return { refused: rateLimited(rate, chargedBytes) };
    }
    return { routed, declaredBytes };
  }

  /** @returns one per admission, in order; undefined where nothing failed */
  async #writeAdmitted(admissions: readonly Admission[], rate: Rate, signal: AbortSignal): Promise<unknown[]> {
    const failures: unknown[] = admissions.map((admission) => ('refused' in admission ? admission.refused : undefined));
    const admitted = [...admissions.keys()].filter((i) => failures[i] === undefined);
    const step = this.#config.pushConcurrencyMax || Math.max(1, admitted.length);
    const waves: Promise<void>[] = [];
    distributorMetrics.waiting(admitted.length);
    for (let start = 0; start < admitted.length; start += step) {
      const indices = admitted.slice(start, start + step);
      distributorMetrics.waiting(-indices.length);
      // The refused ones are out.
      const wave = indices.map((i) => admissions[i] as Exclude<Admission, { refused: StoreError }>);
      await new Promise<void>((next) => {
        const written = this.#writeWave(wave, rate, signal, next).then((settled) => {
          for (const [i, index] of indices.entries()) failures[index] = settled[i];
          next(); // Where none was taken, because the writer refused them.
        });
        waves.push(written);
      });
    }
    await Promise.all(waves);
    return failures;
  }

  /** @returns why each of them failed, if it did. Never rejects */
  async #writeWave(
    wave: readonly Exclude<Admission, { refused: StoreError }>[],
    rate: Rate,
    signal: AbortSignal,
    taken: () => void,
  ): Promise<unknown[]> {
    try {
      if (signal.aborted) throw new StoreError('aborted', 'the push was cancelled before all of it was written');
      const outcomes = await this.#deps.writer.write(
        wave.map(({ routed }) => routed),
        signal,
        taken,
      );
      return wave.map(({ routed, declaredBytes }, i) => {
        const outcome = outcomes[i] as ProfileOutcome; // One per profile, in order: the port's promise.
        return this.#settle(routed, declaredBytes, outcome, rate);
      });
    } catch (error) {
      // None of this wave was taken. The next ones may find room.
      return wave.map(() => error);
    }
  }

  /** Counts what became of a profile and charges what it was larger than it said. @returns why it failed, if it did */
  #settle({ tenant }: RoutedProfile, declaredBytes: Bytes, outcome: ProfileOutcome, rate: Rate): unknown {
    if (outcome.kind === 'failed') return outcome.error;
    const label = this.#tenantLabel(tenant);
    this.#rates.charge(tenant, outcome.rawBytes - declaredBytes, rate);
    distributorMetrics.decompressed(label, outcome.rawBytes);
    if (outcome.kind === 'refused') {
      distributorMetrics.discarded(label, outcome.reason, outcome.rawBytes);
      return fromWire(outcome.error);
    }
    if (outcome.kind === 'dropped' && outcome.reason !== undefined) {
      distributorMetrics.discarded(label, outcome.reason, outcome.rawBytes);
    }
    return undefined;
  }

  #tenantLabel(tenant: string): string {
    return this.#config.tenantMetrics ? tenant : '';
  }
}

function isFailure(failure: unknown): boolean {
  return failure !== undefined;
}

function rateOf({ ingestionRateBytes, ingestionBurstBytes }: LimitsConfig): Rate {
  return { bytesPerSecond: ingestionRateBytes, burstBytes: ingestionBurstBytes };
}

function rateLimited({ bytesPerSecond, burstBytes }: Rate, actualBytes: Bytes): StoreError {
  return refusal(
    'rate_limited',
    `push rate limit (ingestion_rate_mb, ingestion_burst_size_mb) exceeded: ${bytesPerSecond} bytes per second with ` +
      `bursts of ${burstBytes}, a profile of ${actualBytes} bytes with its labels does not fit now`,
    { bytesPerSecond, burstBytes, actualBytes },
    'limit-exceeded',
  );
}

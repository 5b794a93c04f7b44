import { type LimitsConfig, profileLimitsOf } from '#src/config/limits.ts';
import { fromWire, StoreError } from '#src/domain/errors.ts';
import { sizeText } from '#src/domain/model/amount-text.ts';
import { LimitFlag } from '#src/domain/model/limit-flags.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import type { AttributeRule } from '#src/domain/otlp/attribute-rules.ts';
import { otlpMessageTooLarge } from '#src/domain/otlp/otlp-errors.ts';
import { declaredSizeBytes, sizeOver } from '#src/domain/pprof/inflate.ts';
import { profileTooLarge, refusal } from '#src/domain/pprof/profile-errors.ts';
import { MAIN_LOOP_ENVELOPE, readPushEnvelope } from '#src/domain/pprof/push-envelope.ts';
import { withRequestLabels } from '#src/domain/series/request-labels.ts';
import type { Upload } from '#src/domain/upload/upload.ts';
import type { Clock } from '#src/platform/clock.ts';
import { nextTurn } from '#src/platform/next-turn.ts';
import { messageTooLarge } from '#src/workers/open-message.ts';
import { distributorMetrics } from './distributor-metrics.ts';
import { FirstFailure, neverFits } from './first-failure.ts';
import { OtlpFailures } from './otlp-failures.ts';
import type {
  MessageOpener,
  OpenedProfile,
  OtlpMessage,
  OtlpOutcome,
  ProfileOutcome,
  ProfileWriter,
  PushedProfile,
  PushMessage,
  PushService,
  RoutedProfile,
} from './ports.ts';
import { isOverBurst, type Rate, RateLimiter, rateLimited } from './rate-limiter.ts';

export type DistributorConfig = {
  /**
   * How many profiles of one push wait for a thread at once, so that a large one does not stand before all others. The
   * next ones follow when those were taken, and do not wait until they are durable. 0: all of them.
   */
  readonly pushConcurrencyMax: number;
  /** Whether metrics have a label for the tenant. Many tenants make many series. */
  readonly tenantMetrics: boolean;
  /**
   * Bytes of messages that were opened by threads and are not answered yet. What was sent compressed is here as large as
   * it is, so the bound of the bodies says nothing about it.
   */
  readonly openedBytesMax: Bytes;
  /** What becomes of the attributes of OTLP profiles. */
  readonly attributeRules: readonly AttributeRule[];
};

export const distributorDefaults: DistributorConfig = {
  pushConcurrencyMax: 256,
  tenantMetrics: false,
  openedBytesMax: 256 << 20,
  attributeRules: [],
};

export type DistributorDeps = {
  readonly clock: Clock;
  readonly writer: ProfileWriter;
  readonly opener: MessageOpener;
  readonly limitsOf: (tenant: string) => LimitsConfig;
};

/** A message is inflated within this, where an operator switched the limit of the body off. */
const MESSAGE_BYTES_MAX: Bytes = 256 << 20;

/** After so many profiles of a push, others get a turn: a few milliseconds. */
const SLICE_PROFILES = 1024;

/** A profile that is refused takes as long as so many others: its error has a stack and a text. */
const REFUSAL_PROFILES = 16;

/** A profile that is small enough to go in. */
type Admitted = {
  /** In its push. */
  readonly index: number;
  readonly routed: RoutedProfile;
  readonly declaredBytes: Bytes;
  /** With its labels. */
  readonly chargedBytes: Bytes;
};

/** What the profiles of a push have in common on their way. */
type Push = { readonly tenant: string; readonly rate: Rate; readonly failure: Failures };

/** Is told what failed, by the place of the profile in its push. */
type Failures = Pick<FirstFailure, 'note'>;

/**
 * Takes pushes in: checks what can be checked without decoding, routes each profile by tenant and service, and answers
 * when all of them are durable and visible.
 *
 * A push is not atomic. Every profile is attempted and has an outcome of its own; `FirstFailure` is the answer, and what
 * was stored stays. A client that sends the push again stores it twice: delivery is at least once.
 */
export class Distributor implements PushService {
  readonly #config: DistributorConfig;
  readonly #deps: DistributorDeps;
  readonly #rates: RateLimiter;
  #openedBytes: Bytes = 0;

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
    const bounds = { maxBytes, limits: profileLimitsOf(limits) };
    const profiles = await this.#opened(this.#deps.opener.open(message, bounds, signal));
    await this.#holding(profiles, () => this.#push(tenant, profiles, signal));
  }

  async pushProfiles(tenant: string, profiles: readonly PushedProfile[], signal: AbortSignal): Promise<void> {
    await this.#push(tenant, withRequestLabels(profiles, this.#deps.limitsOf(tenant)), signal);
  }

  async pushUpload(tenant: string, upload: Upload, signal: AbortSignal): Promise<void> {
    const limits = this.#deps.limitsOf(tenant);
    const bounds = { maxBytes: limits.ingestionBodyBytesMax || MESSAGE_BYTES_MAX, limits: profileLimitsOf(limits) };
    const profiles = await this.#opened(this.#deps.opener.openUpload(upload, bounds, signal));
    if (profiles.length > 0) await this.#holding(profiles, () => this.#push(tenant, profiles, signal));
  }

  async pushOtlp(tenant: string, message: OtlpMessage, signal: AbortSignal): Promise<OtlpOutcome> {
    const limits = this.#deps.limitsOf(tenant);
    const maxBytes = limits.ingestionBodyBytesMax || MESSAGE_BYTES_MAX;
    if (message.body.length > maxBytes) throw otlpMessageTooLarge(maxBytes, message.body.length);
    const bounds = { maxBytes, limits: profileLimitsOf(limits) };
    const opening = this.#deps.opener.openOtlp(message, this.#config.attributeRules, bounds, signal);
    const opened = await this.#opened(opening);
    for (const [reason, count] of Object.entries(opened.rejected.reasons)) {
      distributorMetrics.rejected(this.#tenantLabel(tenant), reason, count);
    }
    const failures = new OtlpFailures(opened);
    const { profiles } = opened;
    if (profiles.length > 0) {
      await this.#holding(profiles, () => this.#store(tenant, profiles, failures, signal));
    }
    return failures.outcome();
  }

  /** One alone is held however large it is: refused, it would be sent again for ever. */
  async #holding(profiles: readonly OpenedProfile[], work: () => Promise<unknown>): Promise<void> {
    const bytes = openedBytesOf(profiles);
    const { openedBytesMax } = this.#config;
    if (this.#openedBytes > 0 && this.#openedBytes + bytes > openedBytesMax) {
      const actualBytes = this.#openedBytes + bytes;
      const message =
        `messages that are open and not stored yet take more than --${LimitFlag.ingestBuffer}: ` +
        `limit ${sizeText(openedBytesMax)}, actual ${sizeText(actualBytes)}`;
      throw new StoreError('unavailable', message, { limitBytes: openedBytesMax, actualBytes });
    }
    this.#addOpened(bytes);
    try {
      await work();
    } finally {
      this.#addOpened(-bytes);
    }
  }

  #addOpened(bytes: Bytes): void {
    this.#openedBytes += bytes;
    distributorMetrics.opened(bytes);
  }

  async #opened<Opened>(opening: Promise<Opened>): Promise<Opened> {
    try {
      return await opening;
    } catch (error) {
      if (error instanceof StoreError) distributorMetrics.messageRefused(error);
      throw error;
    }
  }

  async #push(tenant: string, profiles: readonly OpenedProfile[], signal: AbortSignal): Promise<void> {
    if (profiles.length === 0) throw new StoreError('invalid-argument', 'no profiles received');
    const failure = new FirstFailure();
    const letIn = await this.#store(tenant, profiles, failure, signal);
    const error = failure.first();
    // Who hears that a limit is exceeded sends all of it again, and what was stored would be there twice.
    if (letIn > 0 && error instanceof StoreError && neverFits(error)) {
      throw new StoreError('invalid-argument', error.message, error.details);
    }
    failure.throwIfAny();
  }

  /** @returns how many of the profiles were let in, whatever became of them then */
  async #store(
    tenant: string,
    profiles: readonly OpenedProfile[],
    failure: Failures,
    signal: AbortSignal,
  ): Promise<number> {
    distributorMetrics.batch(this.#tenantLabel(tenant), profiles.length);
    const limits = this.#deps.limitsOf(tenant);
    this.#checkBatchSize(tenant, profiles, limits);
    const push: Push = { tenant, rate: rateOf(limits), failure };
    const within = await this.#withinLimits(push, profiles, limits);
    if (!this.#isWithinRate(push, within)) return 0;
    await this.#writeAdmitted(within, push, signal);
    return within.length;
  }

  /** Those that are small enough by themselves. */
  async #withinLimits(push: Push, profiles: readonly OpenedProfile[], limits: LimitsConfig): Promise<Admitted[]> {
    const { tenant, rate, failure } = push;
    const profileLimits = profileLimitsOf(limits);
    const ownsBuffer = profiles.length === 1;
    const within: Admitted[] = [];
    let sliceProfiles = 0;
    for (const [index, opened] of profiles.entries()) {
      if (sliceProfiles >= SLICE_PROFILES) {
        await nextTurn();
        sliceProfiles = 0;
      }
      sliceProfiles++;
      const routed = { ...opened, tenant, limits: profileLimits, ownsBuffer };
      try {
        within.push(this.#measured(index, routed, rate));
      } catch (error) {
        failure.note(index, error);
        sliceProfiles += REFUSAL_PROFILES;
      }
    }
    return within;
  }

  /**
   * Whether all of the push may be written now; none of it may be otherwise. Who is told to come again would store a
   * second time what was let in before the rest was refused.
   *
   * More than a burst is never there at once: where profiles that would fit each are together so much, it is enough that
   * nothing is owed, and the tenant owes the rest then. To wait for a full bucket would be in vain where others of the
   * tenant always take a little of it.
   */
  #isWithinRate({ tenant, rate, failure }: Push, profiles: readonly Admitted[]): boolean {
    const bytes = chargedBytesOf(profiles);
    const neededBytes = isOverBurst(bytes, rate) ? 0 : bytes;
    if (this.#rates.take(tenant, neededBytes, rate)) {
      this.#rates.charge(tenant, bytes - neededBytes, rate);
      return true;
    }
    const declaredBytes = profiles.reduce((sum, profile) => sum + profile.declaredBytes, 0);
    distributorMetrics.discarded(this.#tenantLabel(tenant), 'rate_limited', declaredBytes, profiles.length);
    const waitMs = this.#rates.waitMs(tenant, neededBytes, rate);
    // One error for all of them, which the first of them has for the others.
    const [first] = profiles;
    if (first !== undefined) failure.note(first.index, rateLimited(rate, profiles.length, bytes, waitMs));
    return false;
  }

  /** The whole push is refused: storing a part of what is too much would invite the rest again and again. */
  #checkBatchSize(tenant: string, profiles: readonly PushedProfile[], limits: LimitsConfig): void {
    const limitBytes = limits.ingestionBodyBytesMax;
    if (limitBytes === 0) return;
    const actualBytes = profiles.reduce((sum, { profile }) => sum + declaredSizeBytes(profile), 0);
    if (actualBytes <= limitBytes) return;
    const reason = 'body_size_limit_exceeded';
    const claimed = profiles.some(({ profile }) => declaredSizeBytes(profile) > profile.length);
    distributorMetrics.discarded(this.#tenantLabel(tenant), reason, actualBytes, profiles.length);
    throw refusal(
      reason,
      `the profiles of the push are together larger than --${LimitFlag.ingestionBody}: limit ${sizeText(limitBytes)}, ` +
        `actual ${sizeText(actualBytes)} uncompressed${claimed ? ', as gzip trailers say' : ''}`,
      { limitBytes, actualBytes },
    );
  }

  /**
   * Size before rate: what is too large for any rate should be told so, and cost its sender nothing else.
   *
   * @throws StoreError 'invalid-argument'; 'limit-exceeded' when it is larger than a burst, so that it never fits
   */
  #measured(index: number, routed: RoutedProfile, rate: Rate): Admitted {
    const { tenant, profile, labelBytes, limits } = routed;
    const declaredBytes = declaredSizeBytes(profile);
    const label = this.#tenantLabel(tenant);
    distributorMetrics.received(label, profile.length);
    const sizeMax = limits.maxProfileSizeBytes;
    if (sizeMax > 0 && declaredBytes > sizeMax) {
      // Counted by the limit: nobody knows whether the claim is true.
      distributorMetrics.discarded(label, 'profile_size_limit', sizeMax);
      throw profileTooLarge(sizeMax, sizeOver(sizeMax, profile));
    }
    const chargedBytes = declaredBytes + labelBytes;
    if (isOverBurst(chargedBytes, rate)) {
      distributorMetrics.discarded(label, 'rate_limited', declaredBytes);
      throw rateLimited(rate, 1, chargedBytes, undefined);
    }
    return { index, routed, declaredBytes, chargedBytes };
  }

  async #writeAdmitted(admitted: readonly Admitted[], push: Push, signal: AbortSignal): Promise<void> {
    const step = this.#config.pushConcurrencyMax || Math.max(1, admitted.length);
    const waves: Promise<void>[] = [];
    distributorMetrics.waiting(admitted.length);
    for (let start = 0; start < admitted.length; start += step) {
      const wave = admitted.slice(start, start + step);
      distributorMetrics.waiting(-wave.length);
      // It is over before its profiles were taken where the writer refuses them. The next ones may find room.
      await new Promise<void>((next) => {
        waves.push(this.#writeWave(wave, push, signal, next).finally(next));
      });
    }
    await Promise.all(waves);
  }

  async #writeWave(wave: readonly Admitted[], push: Push, signal: AbortSignal, taken: () => void): Promise<void> {
    try {
      if (signal.aborted) throw new StoreError('aborted', 'the push was cancelled before all of it was written');
      const profiles = wave.map(({ routed }) => routed);
      const outcomes = await this.#deps.writer.write(profiles, signal, taken);
      for (const [i, admitted] of wave.entries()) {
        this.#settle(admitted, outcomes[i] as ProfileOutcome, push); // One per profile, in order: the port's promise.
      }
    } catch (error) {
      this.#noteUnwritten(wave, error, push);
    }
  }

  /** What is not written, through no fault of its own, is free: sent again it is charged again. */
  #noteUnwritten(profiles: readonly Admitted[], error: unknown, { tenant, rate, failure }: Push): void {
    this.#rates.giveBack(tenant, chargedBytesOf(profiles), rate);
    for (const { index } of profiles) failure.note(index, error);
  }

  /**
   * Counts what became of a profile and charges what it was larger than it said. One that a thread refused stays
   * charged, because it took the thread's time like any other.
   */
  #settle(admitted: Admitted, outcome: ProfileOutcome, push: Push): void {
    const { index, declaredBytes } = admitted;
    const { tenant } = push;
    if (outcome.kind === 'failed') {
      this.#noteUnwritten([admitted], outcome.error, push);
      return;
    }
    const label = this.#tenantLabel(tenant);
    this.#rates.charge(tenant, outcome.rawBytes - declaredBytes, push.rate);
    distributorMetrics.decompressed(label, outcome.rawBytes);
    if (outcome.kind === 'refused') {
      distributorMetrics.discarded(label, outcome.reason, outcome.rawBytes);
      push.failure.note(index, fromWire(outcome.error));
    } else if (outcome.kind === 'dropped' && outcome.reason !== undefined) {
      distributorMetrics.discarded(label, outcome.reason, outcome.rawBytes);
    }
  }

  #tenantLabel(tenant: string): string {
    return this.#config.tenantMetrics ? tenant : '';
  }
}

function chargedBytesOf(profiles: readonly Admitted[]): Bytes {
  return profiles.reduce((sum, { chargedBytes }) => sum + chargedBytes, 0);
}

/** What the main loop has for a profile while it is on its way, and for a label, beside their bytes. */
const PROFILE_BYTES: Bytes = 512;
const LABEL_BYTES: Bytes = 96;

/** Profiles of one series share its labels, and stand together. */
function openedBytesOf(profiles: readonly OpenedProfile[]): Bytes {
  let bytes = 0;
  let before: OpenedProfile['labels'] | undefined;
  for (const { profile, labels, labelBytes } of profiles) {
    bytes += PROFILE_BYTES + profile.length;
    if (labels !== before) bytes += LABEL_BYTES * labels.length + labelBytes;
    before = labels;
  }
  return bytes;
}

function rateOf({ ingestionRateBytes, ingestionBurstBytes }: LimitsConfig): Rate {
  return { bytesPerSecond: ingestionRateBytes, burstBytes: ingestionBurstBytes };
}

import { fromWire } from '#src/domain/errors.ts';
import { isPassedOver } from '#src/domain/otlp/otlp-errors.ts';
import type { RejectedProfiles } from '#src/domain/otlp/rejections.ts';
import { FirstFailure, isRefusal } from './first-failure.ts';
import type { OtlpOutcome, OtlpProfiles } from './ports.ts';

/**
 * What an OTLP push is answered with. Profiles that no second attempt could store are counted and named, and their
 * siblings are not sent again for their sake. Anything else that failed is a reason to send the message again, though
 * what was stored of it is then there twice: OTLP has no answer that asks for a part, a partial success must not be sent
 * again, and a profile that is counted twice is seen, while one that is lost is not.
 *
 * A profile of which some parts by service are refused is counted as rejected, though the others are stored.
 *
 * A message of which nothing is stored has failed, save where Pyroscope passes over all of the faults: then it is taken,
 * and the answer says what was rejected.
 *
 * @source the OTLP specification, "Partial Success", "Retryable Response Codes" and "Duplicate Data"
 */
export class OtlpFailures {
  readonly #sources: Uint32Array;
  readonly #unconverted: RejectedProfiles;
  /** By their places among the opened profiles: a profile of several services is several of them. */
  readonly #refusedParts = new Set<number>();
  readonly #refusal = new FirstFailure();
  readonly #retryable = new FirstFailure();

  constructor({ sources, rejected }: Pick<OtlpProfiles, 'sources' | 'rejected'>) {
    this.#sources = sources;
    this.#unconverted = rejected;
  }

  /** @param index  of the opened profile */
  note(index: number, error: unknown): void {
    if (isRefusal(error)) {
      this.#refusedParts.add(index);
      this.#refusal.note(index, error);
    } else this.#retryable.note(index, error);
  }

  /** @throws StoreError unless the message was taken */
  outcome(): OtlpOutcome {
    this.#retryable.throwIfAny();
    const { count, error } = this.#unconverted;
    const refusedSources = new Set([...this.#refusedParts].map((part) => this.#sources[part]));
    const rejectedProfiles = count + refusedSources.size;
    const storedCount = this.#sources.length - this.#refusedParts.size;
    const refused = this.#refusal.first();
    if (storedCount === 0 && error !== undefined && !isPassedOver(error)) throw fromWire(error);
    if (storedCount === 0 && refused !== undefined) throw refused;
    const message = error?.message ?? (refused instanceof Error ? refused.message : '');
    return { rejectedProfiles, message };
  }
}

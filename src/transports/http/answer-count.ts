import type { Bytes } from '#src/domain/model/units.ts';
import type { HttpMetrics } from './http-metrics.ts';

/** Counts the bytes of answers that clients have not read yet. */
export class AnswerCount {
  readonly #metrics: HttpMetrics;
  #bytes: Bytes = 0;

  constructor(metrics: HttpMetrics) {
    this.#metrics = metrics;
  }

  get bytes(): Bytes {
    return this.#bytes;
  }

  /** @param bytes negative when they are read, or nobody will */
  add(bytes: Bytes): void {
    this.#bytes += bytes;
    this.#metrics.answerBytes(this.#bytes);
  }
}

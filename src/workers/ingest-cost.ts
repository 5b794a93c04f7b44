import type { Bytes } from '#src/domain/model/units.ts';

/**
 * What a profile has cost so far, as bytes of a plain pprof that takes a thread as long: 25 to 60 MB/s.
 *
 * A small profile may stand for much. A thread that takes several at once stops by what they came to, so all that is more
 * than the bytes of the profile must be counted here, refusals included.
 */
export class IngestCost {
  #bytes: Bytes = 0;

  get bytes(): Bytes {
    return this.#bytes;
  }

  add(bytes: Bytes): void {
    this.#bytes += bytes;
  }
}

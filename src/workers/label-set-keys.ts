import type { Labels } from '#src/domain/model/labels.ts';

const NUMBER_BYTES = 4;

/**
 * Gives sets of labels short keys: the numbers of their texts, side by side.
 *
 *     labels   __name__=cpu  endpoint=/pay  zone=a        texts   __name__ 0, cpu 1, endpoint 2, /pay 3, zone 4, a 5, …
 *     key              0001           0203    0405
 *
 * Texts are looked for as they are: V8 keeps the hash of one with it, which a text put together for the purpose would not
 * have, and sets mostly share the objects of their texts.
 */
export class LabelSetKeys {
  readonly #numberByText = new Map<string, number>();
  #buffer = Buffer.alloc(64 * NUMBER_BYTES);

  /** Equal for equal labels in the same order, and only for those. @cost O(labels) */
  keyOf(labels: Labels): string {
    const sizeBytes = 2 * labels.length * NUMBER_BYTES;
    if (sizeBytes > this.#buffer.length) this.#buffer = Buffer.alloc(2 * sizeBytes);
    let at = 0;
    for (const { name, value } of labels) {
      at = this.#buffer.writeUInt32LE(this.#numberOf(name), at);
      at = this.#buffer.writeUInt32LE(this.#numberOf(value), at);
    }
    return this.#buffer.toString('latin1', 0, sizeBytes);
  }

  #numberOf(text: string): number {
    const known = this.#numberByText.get(text);
    if (known !== undefined) return known;
    const number = this.#numberByText.size;
    this.#numberByText.set(text, number);
    return number;
  }
}

import type { Label, Labels } from '#src/domain/model/labels.ts';
import { KEY_LENGTH_MAX, mapKey } from '#src/domain/model/map-key.ts';

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
  /** Of texts that are too long to be keys, and of their values by label as well, which many sets share. */
  readonly #numberByDigest = new Map<string, number>();
  readonly #numberByLabel = new WeakMap<Label, number>();
  #buffer = Buffer.alloc(64 * NUMBER_BYTES);

  /** Equal for equal labels in the same order, and only for those. @cost O(labels), plus the bytes of long names, and once those of long values */
  keyOf(labels: Labels): string {
    const sizeBytes = 2 * labels.length * NUMBER_BYTES;
    if (sizeBytes > this.#buffer.length) this.#buffer = Buffer.alloc(2 * sizeBytes);
    let at = 0;
    for (const label of labels) {
      at = this.#buffer.writeUInt32LE(this.#numberOf(label.name), at);
      at = this.#buffer.writeUInt32LE(this.#numberOfValue(label), at);
    }
    // Eight characters a label, so that none looks like a digest.
    return mapKey(this.#buffer.toString('latin1', 0, sizeBytes));
  }

  #numberOfValue(label: Label): number {
    const { value } = label;
    if (value.length <= KEY_LENGTH_MAX) return this.#numberOf(value);
    return numberIn(this.#numberByLabel, label, () => this.#numberOf(value));
  }

  #numberOf(text: string): number {
    const numbers = text.length > KEY_LENGTH_MAX ? this.#numberByDigest : this.#numberByText;
    return numberIn(numbers, mapKey(text), () => this.#numberByText.size + this.#numberByDigest.size);
  }
}

function numberIn<K>(
  numbers: { get(key: K): number | undefined; set(key: K, number: number): unknown },
  key: K,
  next: () => number,
): number {
  let number = numbers.get(key);
  if (number === undefined) {
    number = next();
    numbers.set(key, number);
  }
  return number;
}

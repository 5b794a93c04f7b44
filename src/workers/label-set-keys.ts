import type { Label, Labels } from '#src/domain/model/labels.ts';

const NUMBER_BYTES = 4;

/**
 * Gives sets of labels short keys: a number per label, side by side.
 *
 *     labels   __name__=cpu  endpoint=/pay  zone=a        texts   __name__=cpu 0, endpoint=/pay 1, zone=a 2, …
 *     key              0000           0001    0002
 *
 * The texts of a label are looked at once per label object, so sets that share their objects cost little each.
 */
export class LabelSetKeys {
  readonly #numberByText: Map<string, number>;
  readonly #numberByLabel = new Map<Label, number>();
  #newTextLength = 0;
  #buffer = Buffer.alloc(64 * NUMBER_BYTES);

  /** @param numberByText  of an instance whose keys should be comparable with those of this one; it grows */
  constructor(numberByText: Map<string, number> = new Map()) {
    this.#numberByText = numberByText;
  }

  /** Characters of the texts that this instance was the first to see. */
  get newTextLength(): number {
    return this.#newTextLength;
  }

  /** Equal for equal labels in the same order, and only for those. @cost O(labels) */
  keyOf(labels: Labels): string {
    const sizeBytes = labels.length * NUMBER_BYTES;
    if (sizeBytes > this.#buffer.length) this.#buffer = Buffer.alloc(2 * sizeBytes);
    let at = 0;
    for (const label of labels) at = this.#buffer.writeUInt32LE(this.#numberOf(label), at);
    return this.#buffer.toString('latin1', 0, sizeBytes);
  }

  #numberOf(label: Label): number {
    const known = this.#numberByLabel.get(label);
    if (known !== undefined) return known;
    // With the length, because a text may hold any separator.
    const text = `${label.name.length} ${label.name}${label.value}`;
    let number = this.#numberByText.get(text);
    if (number === undefined) {
      number = this.#numberByText.size;
      this.#numberByText.set(text, number);
      this.#newTextLength += text.length;
    }
    this.#numberByLabel.set(label, number);
    return number;
  }
}

/** Counts what happens before the event loop turns. */
export class TurnCount {
  #count = 0;

  /** How many there were in this turn. */
  get count(): number {
    return this.#count;
  }

  /** @returns how many there were in this turn, with this one */
  add(): number {
    if (this.#count++ === 0) {
      setImmediate(() => {
        this.#count = 0;
      });
    }
    return this.#count;
  }
}

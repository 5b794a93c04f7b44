/** Counts what happens before the event loop turns: how long others have been waiting, in units of work. */
export class TurnCount {
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** @returns how many there were in this turn, with this one */
  add(): number {
    if (this.#count++ === 0) setImmediate(() => this.clear());
    return this.#count;
  }

  clear(): void {
    this.#count = 0;
  }
}

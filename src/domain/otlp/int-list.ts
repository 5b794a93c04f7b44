/** Whole numbers of 32 bits, appended one by one: a column while nobody knows how long it becomes. */
export class IntList {
  values = new Int32Array(64);
  length = 0;

  push(value: number): void {
    if (this.length === this.values.length) this.#grow();
    this.values[this.length++] = value;
  }

  clear(): void {
    this.length = 0;
  }

  /** By half, so that appending stays cheap and little is left over. */
  #grow(): void {
    const larger = new Int32Array(this.values.length + (this.values.length >> 1));
    larger.set(this.values);
    this.values = larger;
  }
}

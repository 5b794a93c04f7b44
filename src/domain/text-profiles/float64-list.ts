/** Numbers, appended one by one. Of typed memory: a list of numbers that are not small whole ones takes thrice as much. */
export class Float64List {
  #values = new Float64Array(16);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(value: number): void {
    if (this.#length === this.#values.length) {
      const longer = new Float64Array(2 * this.#length);
      longer.set(this.#values);
      this.#values = longer;
    }
    this.#values[this.#length++] = value;
  }

  at(i: number): number {
    return this.#values[i];
  }
}

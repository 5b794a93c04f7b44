import { Random } from '../fixtures/random.ts';

/**
 * Well-formed bodies of one kind that faults are put into. They are made once, when they are first needed: to make one
 * takes longer than to change and to read it. Always the same ones, so that a payload depends on its own number alone.
 */
export class Seeds<T> {
  readonly #make: (random: Random) => T;
  readonly #count: number;
  #made: readonly T[] | undefined;

  constructor(count: number, make: (random: Random) => T) {
    this.#count = count;
    this.#make = make;
  }

  get all(): readonly T[] {
    this.#made ??= Array.from({ length: this.#count }, (_, i) => this.#make(new Random(i)));
    return this.#made;
  }

  any(random: Random): T {
    return random.pick(this.all);
  }
}

import { familiesMax } from './block-format.ts';

/** The profile type of a value column, as a number that equal types share. 0 is none. */
type TypeNumber = number;

/**
 * Gives lists of profile types a family of a symbol space each, and all late ones the same.
 *
 * A block does not say which type a value column has when all of its values are 0. Such a place of a list, 0, fits any
 * type, and learns it from the list that it met.
 */
export class TypeFamilies {
  readonly #families: TypeNumber[][] = [];
  #hasLate = false;

  /** One above the highest family. */
  get count(): number {
    return this.#hasLate ? familiesMax + 1 : this.#families.length;
  }

  /** @param types  one per value column */
  find(types: readonly TypeNumber[]): number {
    const known = this.#families.findIndex((family) => fits(family, types));
    if (known >= 0) {
      for (const [column, type] of types.entries()) if (type !== 0) this.#families[known][column] = type;
      return known;
    }
    if (this.#families.length < familiesMax) return this.#families.push([...types]) - 1;
    this.#hasLate = true;
    return familiesMax;
  }
}

function fits(family: readonly TypeNumber[], types: readonly TypeNumber[]): boolean {
  return family.length === types.length && family.every((type, i) => type === types[i] || type === 0 || types[i] === 0);
}

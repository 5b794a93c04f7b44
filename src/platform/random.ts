import { randomFillSync } from 'node:crypto';

/** The only source of randomness. Simulations pass one that follows from a seed. */
export interface RandomSource {
  /** Overwrites all of `bytes`. */
  fill(bytes: Uint8Array): void;
}

export const systemRandom: RandomSource = {
  fill: (bytes) => {
    randomFillSync(bytes);
  },
};

import type { Bytes } from '#src/domain/model/units.ts';

/** What a process holds, by the names of its parts. */
export type MemorySample = Readonly<Record<string, Bytes>>;

/**
 * Looks whether memory goes on growing. What a run needs rises for a while, until the most that some payload needs was met;
 * it stands still then, or it leaks.
 */
export class MemoryPlateau {
  readonly #growthMax: MemorySample;
  readonly #samples: MemorySample[] = [];

  /** @param growthMax  what may be more at the end than ever in the first half, for code that was compiled, and noise */
  constructor(growthMax: MemorySample) {
    this.#growthMax = growthMax;
  }

  add(sample: MemorySample): void {
    this.#samples.push(sample);
  }

  /** @returns what is more now than at any time of the first half; none as well where there are too few samples */
  growth(): string[] {
    const samples = this.#samples;
    const last = samples.at(-1);
    if (last === undefined || samples.length < 4) return [];
    const firstHalf = samples.slice(0, Math.ceil(samples.length / 2));
    return Object.entries(this.#growthMax).flatMap(([part, growthMax]) => {
      const most = Math.max(...firstHalf.map((sample) => sample[part]));
      if (last[part] <= most + growthMax) return [];
      return [`${part} grew from ${mebibytes(most)} at most in the first half to ${mebibytes(last[part])}`];
    });
  }

  /** All samples, a line per part. */
  text(): string {
    return Object.keys(this.#growthMax)
      .map((part) => `${part.padEnd(9)} ${this.#samples.map((sample) => mebibytes(sample[part])).join(' ')}`)
      .join('\n');
  }
}

function mebibytes(bytes: Bytes): string {
  return `${Math.round(bytes / 2 ** 20)}M`;
}

// Changes bytes of recordings, real ones and made ones, and converts them: each is taken or refused by name, no step takes
// more than a second of CPU time, and memory does not grow. Exits with 1 and says the seed when that does not hold.
//
//   scripts/node --expose-gc scripts/fuzz-jfr.ts [--rounds 10000] [--seed N]

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { limitsSection, profileLimitsOf } from '#src/config/limits.ts';
import { StoreError } from '#src/domain/errors.ts';
import { convertJfr } from '#src/domain/jfr/convert-jfr.ts';
import { inflateInSteps } from '#src/workers/inflate-steps.ts';
import { everyKindOfEvent } from '../test/fixtures/jfr-builder.ts';
import { mutated } from '../test/fixtures/mutated.ts';
import { Random, runSeed } from '../test/fixtures/random.ts';

const CORPUS = join(import.meta.dirname, '../test/data/corpus');
/** How often a real recording, which takes fifty times as long as a made one. */
const REAL_SHARE = 0.02;
const STEP_MS_MAX = 1000;
const GROWTH_BYTES_MAX = 64 << 20;

const { values: options } = parseArgs({ options: { rounds: { type: 'string' }, seed: { type: 'string' } } });
const rounds = Number(options.rounds ?? 10_000);
const seed = Number(options.seed ?? runSeed());
const random = new Random(seed);
const real = readdirSync(CORPUS)
  .filter((name) => name.endsWith('.jfr.gz'))
  .map((name) => gunzipSync(readFileSync(join(CORPUS, name))));
const bounds = { maxBytes: 256 << 20, limits: profileLimitsOf(limitsSection.defaults) };

console.log(`seed ${seed}, ${rounds} rounds`);
const outcomes = { taken: 0, refused: 0 };
let [longestMs, longestRound] = [0, 0];
const heapAtStart = heapBytes();
for (let round = 0; round < rounds; round++) {
  const whole = random.chance(REAL_SHARE) ? random.pick(real) : everyKindOfEvent(random);
  const body = mutated(random, whole, real);
  try {
    const steps = convertJfr(
      {
        ...{ format: 'jfr', body, fromForm: false, jfrLabels: undefined, app: 'app', tags: [], spyName: 'javaspy' },
        ...{ fromNanos: 1n, untilNanos: 2n, sampleRate: 100 },
      },
      bounds,
      { secret: [seed, ~seed], inflate: (file, maxBytes) => inflateInSteps(file, maxBytes, undefined) },
    );
    for (let done = false; !done; ) {
      const start = process.cpuUsage();
      done = steps.next().done === true;
      const { user, system } = process.cpuUsage(start);
      const tookMs = (user + system) / 1000;
      if (tookMs > longestMs) [longestMs, longestRound] = [tookMs, round];
    }
    outcomes.taken++;
  } catch (error) {
    if (!(error instanceof StoreError)) {
      console.error(`round ${round} of seed ${seed}:`, error);
      process.exit(1);
    }
    outcomes.refused++;
  }
}
const grownBytes = heapBytes() - heapAtStart;
console.log(JSON.stringify({ ...outcomes, longestMs: Math.round(longestMs), longestRound, grownBytes }));
process.exitCode = longestMs > STEP_MS_MAX || grownBytes > GROWTH_BYTES_MAX ? 1 : 0;

/** After a collection, where `--expose-gc` allows to ask for one. */
function heapBytes(): number {
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

// Feeds damaged bodies of every text format to their readers, in this process, and bodies that are made to cost much:
//
//   node scripts/fuzz-uploads.ts                        10,000 damaged ones, from a new seed, and costly ones of 4 MiB
//   node scripts/fuzz-uploads.ts --rounds N --seed S --megabytes M
//
// Ends with status 1 when one is neither read nor refused by name, when a step takes more than a second of CPU, or when the
// heap has grown at the end. Folded text once took the square of its length, because the end of a frame was searched for
// in all lines that followed: no test of what is read can see that.

import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { StoreError } from '#src/domain/errors.ts';
import { fuzzUploads } from '../test/fixtures/fuzz-uploads.ts';
import { type HostileUpload, hostileUploads } from '../test/fixtures/hostile-uploads.ts';
import { Random, runSeed } from '../test/fixtures/random.ts';
import { converterOf, upload } from '../test/fixtures/uploads.ts';

const STEP_MS_MAX = 1000;
const HEAP_GROWTH_MAX = 16 << 20;
const PART_ROUNDS = 1000;

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '10000' },
    seed: { type: 'string', default: String(runSeed()) },
    megabytes: { type: 'string', default: '4' },
  },
});
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

fuzz(new Random(Number(options.seed)), Number(options.rounds));
for (const hostile of hostileUploads(Number(options.megabytes) << 20)) measureHostile(hostile);

function fuzz(random: Random, rounds: number): void {
  console.log(`${rounds} rounds from seed ${options.seed}`);
  fuzzUploads(random, Math.min(rounds, PART_ROUNDS), cpuMs); // What is compiled and kept for ever is there afterwards.
  const heapBefore = heapBytes();
  const sums = { converted: 0, refused: 0, slowestStepMs: 0 };
  for (let done = 0; done < rounds; done += PART_ROUNDS) {
    const part = fuzzUploads(random, Math.min(PART_ROUNDS, rounds - done), cpuMs);
    sums.converted += part.converted;
    sums.refused += part.refused;
    sums.slowestStepMs = Math.max(sums.slowestStepMs, part.slowestStepMs);
  }
  const growth = heapBytes() - heapBefore;
  const { converted, refused, slowestStepMs } = sums;
  console.log(
    `${converted} converted, ${refused} refused; slowest step ${slowestStepMs.toFixed(0)} ms of CPU; ` +
      `heap grew by ${(growth / 2 ** 20).toFixed(1)} MiB`,
  );
  if (slowestStepMs > STEP_MS_MAX || growth > HEAP_GROWTH_MAX) process.exitCode = 1;
}

function measureHostile({ name, format, body, bounds }: HostileUpload): void {
  const steps = converterOf(format)(upload(format, body(), { app: 'x.bytes' }), bounds);
  const startMs = cpuMs();
  let slowestStepMs = 0;
  let result = 'converted';
  try {
    for (let done = false; !done; ) {
      const stepStartMs = cpuMs();
      done = steps.next().done === true;
      slowestStepMs = Math.max(slowestStepMs, cpuMs() - stepStartMs);
    }
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    result = error.message;
  }
  const times = `${(cpuMs() - startMs).toFixed(0).padStart(5)} ms, slowest step ${slowestStepMs.toFixed(0).padStart(3)} ms`;
  console.log(`${format.padEnd(10)} ${name.padEnd(46)} ${times}  ${result.slice(0, 100)}`);
  if (slowestStepMs > STEP_MS_MAX) process.exitCode = 1;
}

function cpuMs(): number {
  return process.cpuUsage().user / 1000;
}

function heapBytes(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryBudget } from '#src/domain/model/memory-budget.ts';
import { SampleEncoder } from '#src/domain/otlp/sample-encoder.ts';
import { decodeProfile } from '#src/domain/pprof/decode.ts';
import { PprofBuilder } from '#src/domain/pprof/pprof-builder.ts';

test('encodes numbers of every length', () => {
  const numbers = Array.from({ length: 31 }, (_, bit) => 2 ** bit).flatMap((one) => [one - 1, one]);
  const values = [0n, 1n, -1n, 2n ** 31n, 2n ** 32n, -(2n ** 32n), 2n ** 63n - 1n, -(2n ** 63n)];
  const builder = new PprofBuilder({
    ...{ sampleTypes: [{ type: 'a', unit: 'b' }], timeNanos: 0n, durationNanos: 0n, period: 0n },
  });
  const encoder = new SampleEncoder(new MemoryBudget(1 << 20, () => new Error('full')));
  for (const [i, value] of values.entries()) {
    encoder.clear();
    if (i > 0) for (const number of numbers) encoder.locations.push(number);
    if (i > 1) for (const number of [...numbers, ...numbers.slice(1), 5]) encoder.labels.push(number);
    builder.encodedSample(encoder.encoded(value));
  }

  const { samples } = decodeProfile(builder.take());

  deepEqual(
    samples.map((sample) => sample.values),
    values.map((value) => [value]),
  );
  deepEqual(samples[0]?.locationIds, []);
  deepEqual(samples[1]?.labels, []);
  const last = samples.at(-1);
  deepEqual(last?.locationIds, numbers.map(BigInt));
  deepEqual(
    last?.labels.flatMap(({ key, str }) => [key, str]),
    [...numbers, ...numbers.slice(1), 5].map(BigInt),
  );
});

import { deepEqual } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { storedTypeOf } from '#src/domain/otlp/stored-type.ts';

const type = (text: string) => ({ type: text.split('/')[0] as string, unit: text.split('/')[1] as string });

describe('storedTypeOf', () => {
  for (const [sampled, period, value, name, stored, values] of [
    ['samples/count', 'cpu/nanoseconds', 10n, 'process_cpu', 'cpu/nanoseconds', 'times-period'],
    ['samples/count', 'cpu/nanoseconds', 0n, 'samples', 'samples/count', 'as-is'],
    ['samples/count', 'cpu/ns', 10n, 'cpu', 'samples/count', 'as-is'],
    ['cpu/nanoseconds', 'cpu/nanoseconds', 1n, 'cpu', 'cpu/nanoseconds', 'as-is'],
    ['off_cpu/nanoseconds', undefined, 0n, 'off_cpu', 'off_cpu/nanoseconds', 'summed'],
    ['off_cpu/nanoseconds', 'cpu/nanoseconds', 1n, 'cpu', 'off_cpu/nanoseconds', 'as-is'],
    ['objects/count', undefined, 0n, 'objects', 'objects/count', 'as-is'],
    ['objects/count', '/', 5n, 'objects', 'objects/count', 'as-is'],
    ['alloc_space/bytes', 'space/bytes', 524_288n, 'space', 'alloc_space/bytes', 'as-is'],
  ] as const) {
    test(`stores ${sampled} with period ${period ?? 'none'} ${value} as ${name}`, () => {
      deepEqual(storedTypeOf(type(sampled), period === undefined ? undefined : type(period), value), {
        name,
        sampleType: type(stored),
        values,
      });
    });
  }
});

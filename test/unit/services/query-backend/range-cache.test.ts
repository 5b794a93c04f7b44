import { deepEqual, equal, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { metrics } from '#src/platform/metrics.ts';
import { RangeCache } from '#src/services/query-backend/range-cache.ts';

const at = (offset: number, sizeBytes: number) => ({ offset, sizeBytes });
const filled = (value: number, length: number) => new Uint8Array(length).fill(value);

async function valueOf(name: string, labels: Record<string, string> = {}): Promise<number> {
  const found = await metrics.getSingleMetric(name)?.get();
  const sample = found?.values.find((value) =>
    Object.entries(labels).every(([key, label]) => value.labels[key] === label),
  );
  return sample?.value ?? 0;
}

describe('RangeCache', () => {
  test('has what was put, as a copy that may be given away', () => {
    const cache = new RangeCache(1 << 20);
    const bytes = filled(1, 100);
    cache.put('a', at(0, 100), bytes);
    bytes.fill(9);

    const first = cache.get('a', at(0, 100));
    ok(first !== undefined);
    structuredClone(first, { transfer: [first.buffer] });

    deepEqual(cache.get('a', at(0, 100)), filled(1, 100));
  });

  test('tells objects and ranges apart', () => {
    const cache = new RangeCache(1 << 20);
    cache.put('a', at(0, 100), filled(1, 100));

    equal(cache.get('b', at(0, 100)), undefined);
    equal(cache.get('a', at(1, 100)), undefined);
    equal(cache.get('a', at(0, 99)), undefined);
  });

  test('forgets the ranges of an object, and no other', () => {
    const cache = new RangeCache(1 << 20);
    for (const path of ['a', 'ab', 'b'])
      for (const offset of [0, 100]) cache.put(path, at(offset, 100), filled(1, 100));
    const bytes = cache.bytes;

    cache.drop('a');

    equal(cache.get('a', at(0, 100)) ?? cache.get('a', at(100, 100)), undefined);
    ok(cache.get('ab', at(0, 100)) && cache.get('b', at(100, 100)));
    equal(cache.bytes, (bytes / 6) * 4);
  });

  test('never holds more than its bound, and lets go of what was used longest ago', async () => {
    const cache = new RangeCache(10_000);
    const before = await valueOf('kiln_query_backend_cache_evictions_total');
    for (let i = 0; i < 4; i++) cache.put('a', at(i * 2000, 2000), filled(i, 2000));
    ok(cache.get('a', at(0, 2000)));

    for (let i = 4; i < 6; i++) {
      cache.put('a', at(i * 2000, 2000), filled(i, 2000));
      ok(cache.bytes <= 10_000, `${cache.bytes} bytes`);
    }

    const kept = [0, 1, 2, 3, 4, 5].filter((i) => cache.get('a', at(i * 2000, 2000)) !== undefined);
    deepEqual(kept, [0, 3, 4, 5]);
    equal(await valueOf('kiln_query_backend_cache_bytes'), cache.bytes);
    equal((await valueOf('kiln_query_backend_cache_evictions_total')) - before, 2);
  });

  test('takes no piece above 64 KiB, none larger than itself, and none that is cut short', () => {
    const cache = new RangeCache(100_000);
    cache.put('a', at(0, (64 << 10) + 1), filled(1, (64 << 10) + 1));
    cache.put('a', at(0, 10), filled(1, 9));
    equal(cache.bytes, 0);
    cache.put('a', at(0, 64 << 10), filled(1, 64 << 10));
    ok(cache.get('a', at(0, 64 << 10)));

    const none = new RangeCache(0);
    none.put('a', at(0, 10), filled(1, 10));
    equal(none.get('a', at(0, 10)), undefined);
  });

  test('counts what it had and what it did not', async () => {
    const cache = new RangeCache(1 << 20);
    const counts = () =>
      Promise.all(['hit', 'miss'].map((result) => valueOf('kiln_query_backend_cache_lookups_total', { result })));
    const [hits, misses] = await counts();

    cache.get('a', at(0, 5));
    cache.put('a', at(0, 5), filled(1, 5));
    cache.get('a', at(0, 5));
    cache.get('a', at(0, 5));

    deepEqual(await counts(), [hits + 2, misses + 1]);
  });
});

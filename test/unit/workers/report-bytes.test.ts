import { equal, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { reportBytes } from '#src/workers/report-bytes.ts';

describe('reportBytes', () => {
  test('counts typed arrays to the byte, and what holds them about', () => {
    const columns = { parent: new Int32Array(1000), self: new BigInt64Array(1000), bytes: new Uint8Array(77) };

    const bytes = reportBytes(columns);

    ok(bytes >= 12_077 && bytes < 12_177, `${bytes}`);
  });

  test('counts what a part of a buffer holds, not the whole of it', () => {
    equal(reportBytes(new Uint8Array(1000).subarray(10, 20)), 10);
  });

  test('counts strings by their length, in lists and objects, however deep', () => {
    const short = reportBytes([[{ name: 'a', value: 'b' }]]);
    const long = reportBytes([[{ name: 'a', value: 'b'.repeat(501) }]]);

    equal(long - short, 1000);
  });

  test('is no more for a whole than for its parts', () => {
    const parts = [['a', 'b'], ['c']];

    ok(reportBytes(parts.flat()) <= parts.reduce((sum, part) => sum + reportBytes(part), 0));
  });

  test('takes long lists', () => {
    ok(reportBytes(new Array<string>(1_000_000).fill('x')) > 1_000_000);
  });
});

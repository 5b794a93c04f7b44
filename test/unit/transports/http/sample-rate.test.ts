import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { parseSampleRate } from '#src/transports/http/sample-rate.ts';

test('parseSampleRate takes whole numbers of 32 bits, and 100 for everything else', () => {
  const rates: [string | null, number][] = [
    ['99', 99],
    ['0', 0],
    ['007', 7],
    ['4294967295', 4294967295],
    ['4294967296', 100],
    ['9'.repeat(400), 100],
    ['-5', 100],
    ['+5', 100],
    ['99.5', 100],
    ['1e3', 100],
    ['abc', 100],
    [' 5', 100],
    ['', 100],
    [null, 100],
  ];
  for (const [text, rate] of rates) equal(parseSampleRate(text), rate, `${text}`);
});

import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import type { StoreError } from '#src/domain/errors.ts';
import { fuzzUploads } from '../../../fixtures/fuzz-uploads.ts';
import { hostileUploads } from '../../../fixtures/hostile-uploads.ts';
import { Random, runSeed } from '../../../fixtures/random.ts';
import { convert, upload } from '../../../fixtures/uploads.ts';

// More of it, and how long it takes: node scripts/fuzz-uploads.ts

const seed = runSeed();
test(`any bytes are read or refused, and what is read holds (seed ${seed})`, () => {
  const { converted, refused } = fuzzUploads(new Random(seed), 600, () => 0);

  // Otherwise it would have shown nothing.
  ok(converted > 60 && refused > 60, `${converted} converted, ${refused} refused`);
});

for (const { name, format, body, bounds } of hostileUploads(100_000)) {
  test(`${format} of ${name} is read, or refused by name`, () => {
    try {
      convert({ ...upload(format, body(), { app: 'x.bytes' }), format }, bounds);
    } catch (error) {
      equal((error as StoreError).code, 'invalid-argument', String(error));
    }
  });
}

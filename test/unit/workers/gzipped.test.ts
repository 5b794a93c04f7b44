import { deepEqual, equal, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { runSteps } from '#src/domain/model/steps.ts';
import { gzipped } from '#src/workers/gzipped.ts';
import { Random } from '../../fixtures/random.ts';

/** Text that deflate finds something in. */
function textOf(random: Random, sizeBytes: number): Uint8Array {
  return Uint8Array.from({ length: sizeBytes }, () => 97 + random.int(0, 3));
}

describe('gzipped', () => {
  // Around the size of a step, of which there are many in a large answer.
  for (const pieceBytes of [[], [0], [1], [524_287], [524_288], [524_289], [65_536, 0, 500_000, 3_000_000, 1]]) {
    test(`is one member that inflates to the pieces, of ${pieceBytes.join(' + ') || 'no'} bytes`, () => {
      const random = new Random(1);
      const pieces = pieceBytes.map((sizeBytes) => textOf(random, sizeBytes));

      const compressed = Buffer.concat(runSteps(gzipped(pieces)));

      const whole = Buffer.concat(pieces);
      deepEqual(gunzipSync(compressed), whole);
      ok(compressed.length < whole.length / 2 + 64, `${compressed.length} bytes`);
      // A reader that stops behind the first member has all of it: the size in the trailer says so.
      equal(compressed.readUInt32LE(compressed.length - 4), whole.length);
    });
  }

  test('compresses large answers in many steps', () => {
    const steps = gzipped(Array.from({ length: 64 }, () => textOf(new Random(1), 65_536)));
    let count = 1;
    while (!steps.next().done) count++;

    equal(count, 9); // 512 KiB each, and the end.
  });
});

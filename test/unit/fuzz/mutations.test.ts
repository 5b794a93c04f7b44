import { ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { decodeProfile } from '#src/domain/pprof/decode.ts';
import { encodePprof, plainPprof } from '../../fixtures/pprof-builder.ts';
import { Random } from '../../fixtures/random.ts';
import { gzipped } from '../../fuzz/gzip-faults.ts';
import { mutatedJson } from '../../fuzz/mutate-json.ts';
import { mutatedMessage } from '../../fuzz/mutate-protobuf.ts';

const ROUNDS = 1000;

/** How often `holds` did, of the rounds. */
function shareOf(holds: (random: Random) => unknown): number {
  let count = 0;
  for (let seed = 0; seed < ROUNDS; seed++) {
    try {
      if (holds(new Random(seed)) !== false) count++;
    } catch {
      // It did not.
    }
  }
  return count / ROUNDS;
}

// Faults that only spoil the outermost layer would find nothing behind it, and those that spoil nothing find nothing at all.
describe('faults', () => {
  test('of a message leave many that can still be decoded, and change most', () => {
    const profile = encodePprof(plainPprof({ samples: [{ stack: 'main;work', v: [3], labels: { a: 'b' } }] }));

    const decodable = shareOf((random) => decodeProfile(mutatedMessage(random, profile)));
    const changed = shareOf((random) => Buffer.compare(mutatedMessage(random, profile), profile) !== 0);

    ok(decodable > 0.3 && decodable < 0.95, `${decodable} decodable`);
    ok(changed > 0.85, `${changed} changed`);
  });

  test('of JSON leave many that can still be parsed', () => {
    const json = Buffer.from(JSON.stringify({ a: [1, 2, { b: 'text' }], c: '7', d: [[1, 'x'], [2]] }));

    const parsable = shareOf((random) => JSON.parse(Buffer.from(mutatedJson(random, json)).toString()));

    ok(parsable > 0.3 && parsable < 0.8, `${parsable} parsable`);
  });

  test('of gzip leave half of it whole', () => {
    const whole = shareOf((random) => gunzipSync(gzipped(random, Buffer.from('text'))).equals(Buffer.from('text')));

    ok(whole > 0.5 && whole < 0.8, `${whole} whole`);
  });
});

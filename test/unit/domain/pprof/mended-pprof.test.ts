import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { decodeProfile } from '#src/domain/pprof/decode.ts';
import { withNameFixups } from '#src/domain/pprof/ingest-fixups.ts';
import { fixupMessagesMax, mendedPprof } from '#src/domain/pprof/mended-pprof.ts';
import { writePlainProfile } from '#src/domain/pprof/plain-writer.ts';
import { openLimits } from '../../../fixtures/ingest.ts';
import { encodePprof, plainPprof, pprof } from '../../../fixtures/pprof-builder.ts';
import { Random } from '../../../fixtures/random.ts';
import { randomDescription } from '../../../fixtures/random-profile.ts';
import { uvarint } from '../../../fixtures/uploads.ts';

const ingestOf = (spyName: string) => ({ spyName, fromNanos: 5n, displayNames: undefined });

test('mendedPprof changes in bytes what withNameFixups changes in objects, whatever the order of the fields', () => {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 32));
  const random = new Random(seed);
  for (let round = 0; round < 100; round++) {
    const profile = plainPprof(randomDescription(random, random.int(1, 60)));
    for (const spyName of ['pyspy', 'rbspy', 'scripting', 'dotnetspy']) {
      const [first, second] = [encodePprof(profile), encodePprof({ ...profile, strings: [], timeNanos: 0n })];
      const twice = Buffer.concat([first, second]);

      for (const bytes of [first, twice]) {
        const mended = decodeProfile(mendedPprof(bytes, ingestOf(spyName), openLimits));

        const expected = withNameFixups(decodeProfile(bytes), ingestOf(spyName), openLimits);
        deepEqual(writePlainProfile(mended), writePlainProfile(expected), `SEED=${seed} round ${round} ${spyName}`);
      }
    }
  }
});

test('mendedPprof takes fixup_messages_max messages of each kind and refuses more by name', () => {
  const field = (number: number, body: Uint8Array): Buffer =>
    Buffer.concat([uvarint(number * 8 + 2), uvarint(body.length), body]);
  const one = field(1, Buffer.of(8, 0));
  const lines = (count: number): Buffer => field(4, Buffer.alloc(2 * count, Buffer.of(0x22, 0)));
  const many = (number: number, count: number): Buffer => Buffer.alloc(2 * count, Buffer.of(number * 8 + 2, 0));
  const shapes: [kind: string, of: (count: number) => Buffer][] = [
    ['locations', (count) => many(4, count)],
    ['functions', (count) => many(5, count)],
    ['strings', (count) => many(6, count)],
    ['lines', (count) => lines(count - 1)],
  ];
  for (const [kind, of] of shapes) {
    const mend = (count: number): Uint8Array =>
      mendedPprof(Buffer.concat([one, of(count - 1)]), ingestOf('pyspy'), openLimits);

    equal(mend(fixupMessagesMax).length > fixupMessagesMax, true, kind);
    throws(() => mend(fixupMessagesMax + 1), {
      code: 'invalid-argument',
      message: /fixup_messages_max, .*: limit 262144, actual at least 262145/,
    });
  }
});

test('mendedPprof refuses bytes that are cut off', () => {
  const bytes = pprof({ samples: [{ stack: 'main;work', v: [1] }] });
  const cut = bytes.subarray(0, bytes.length - 1);

  throws(() => mendedPprof(cut, ingestOf('rbspy'), openLimits), /cannot be decoded as pprof/);
});

import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { decodeProfile } from '#src/domain/pprof/decode.ts';
import { withNameFixups } from '#src/domain/pprof/ingest-fixups.ts';
import { fixupMessagesMax, mendedPprof } from '#src/domain/pprof/mended-pprof.ts';
import { plainStringOf } from '#src/domain/pprof/plain-profile.ts';
import { writePlainProfile } from '#src/domain/pprof/plain-writer.ts';
import { openLimits } from '../../../fixtures/ingest.ts';
import { encodePprof, plainPprof, pprof } from '../../../fixtures/pprof-builder.ts';
import { Random } from '../../../fixtures/random.ts';
import { randomDescription } from '../../../fixtures/random-profile.ts';
import { uvarint } from '../../../fixtures/uploads.ts';

const ingestOf = (spyName: string) => ({ spyName, fromNanos: 5n, displayNames: undefined });

/** A field that holds bytes. */
const field = (number: number, body: Uint8Array): Buffer =>
  Buffer.concat([uvarint(number * 8 + 2), uvarint(body.length), body]);
const many = (number: number, count: number): Buffer => Buffer.alloc(2 * count, Buffer.of(number * 8 + 2, 0));

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

test('mendedPprof tells files and names apart by all bits of their rows', () => {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 32));
  const random = new Random(seed);
  // Rows that differ in one bit, or not at all.
  const row = (): bigint => (random.chance(0.2) ? 0n : 2n ** BigInt(random.int(0, 19)));
  const functions = Array.from({ length: 3000 }, (_, i) => ({
    ...{ id: BigInt(i + 1), name: row(), systemName: BigInt(i), filename: row(), startLine: BigInt(i) },
  }));
  const profile = { ...plainPprof({ samples: [] }), strings: [], functions };
  const bytes = Buffer.concat([writePlainProfile(profile), many(6, 1_000_000)]);

  const mended = decodeProfile(mendedPprof(bytes, ingestOf('rbspy'), openLimits));

  const expected = withNameFixups(decodeProfile(bytes), ingestOf('rbspy'), openLimits);
  deepEqual(mended.functions, expected.functions, `SEED=${seed}`);
  equal(mended.strings.length, expected.strings.length);
});

for (const fill of ['', 'x'.repeat(300)]) {
  test(`mendedPprof takes what is not UTF-8 for no text, behind ${fill.length} characters`, () => {
    const profile = plainPprof({ samples: [{ stack: [{ fn: 'work', file: 'f' }], v: [1] }] });
    for (const [end, name] of [
      [Buffer.of(0xff), ' work'],
      [Buffer.from('é'), `${fill}é work`],
    ] as const) {
      const file = plainStringOf(Buffer.concat([Buffer.from(fill), end]));
      const strings = profile.strings.map((string) => (string.text === 'f' ? file : string));

      const bytes = mendedPprof(writePlainProfile({ ...profile, strings }), ingestOf('pyspy'), openLimits);

      equal(decodeProfile(bytes).strings.at(-1)?.text, name);
    }
  });
}

for (const spyName of ['pyspy', 'dotnetspy']) {
  test(`mendedPprof takes fixup_messages_max functions and strings from ${spyName} and refuses more by name`, () => {
    const mend = (functions: number, strings: number): Uint8Array =>
      mendedPprof(Buffer.concat([many(5, functions), many(6, strings)]), ingestOf(spyName), openLimits);
    const half = fixupMessagesMax / 2;

    equal(mend(half, half).length >= 2 * fixupMessagesMax, true);
    throws(() => mend(half + 1, half), {
      code: 'invalid-argument',
      message: /more functions and strings than fixup_messages_max, .*: limit 1048576, actual 1048577/,
    });
    throws(() => mend(half, half + 1), /fixup_messages_max/);
  });
}

test('mendedPprof does not count what it copies: locations, lines and samples', () => {
  const bytes = Buffer.concat([many(2, 600_000), many(4, 600_000), field(4, many(4, 600_000))]);

  deepEqual(Buffer.from(mendedPprof(bytes, ingestOf('pyspy'), openLimits)), bytes);
});

test('mendedPprof reads the last of a field that occurs twice, and ignores fields that nobody knows', () => {
  const number = (of: number, value: number): Buffer => Buffer.concat([uvarint(of * 8), uvarint(value)]);
  const fn = Buffer.concat([number(1, 9), number(2, 1), number(9, 5), number(1, 7), number(2, 2), number(4, 1)]);
  const texts = ['', 'a.rb', 'work'].map((text) => field(6, Buffer.from(text)));
  const bytes = Buffer.concat([field(5, fn), ...texts]);

  const mended = decodeProfile(mendedPprof(bytes, ingestOf('rbspy'), openLimits));

  deepEqual(mended.functions, [{ id: 7n, name: 3n, systemName: 0n, filename: 1n, startLine: 0n }]);
  equal(mended.strings[3]?.text, 'a.rb work');
});

test('mendedPprof gives functions of .NET without ids those of their locations, whatever else is in them', () => {
  const number = (of: number, value: bigint): Buffer =>
    Buffer.from(new BinaryWriter().tag(of, 0).uint64(value).finish());
  const locations = [1n, 2n ** 40n + 5n, 2n ** 64n - 1n].map((id) => field(4, number(1, id)));
  const functions = [3n, 4n, 5n].map((start) => field(5, Buffer.concat([number(1, 0n), number(5, start)])));
  const idsOf = (bytes: Uint8Array): bigint[] =>
    decodeProfile(mendedPprof(bytes, ingestOf('dotnetspy'), openLimits)).functions.map(({ id }) => id);

  deepEqual(idsOf(Buffer.concat([...locations, ...functions])), [1n, 2n ** 40n + 5n, 2n ** 64n - 1n]);
  deepEqual(idsOf(Buffer.concat([...locations.slice(1), ...functions])), [0n, 0n, 0n]);
  deepEqual(idsOf(Buffer.concat([...locations, ...functions.slice(1), field(5, number(1, 8n))])), [0n, 0n, 8n]);
});

for (const spyName of ['pyspy', 'rbspy', 'scripting']) {
  test(`mendedPprof names functions of ${spyName} whatever their ids are, up to the largest that there is`, () => {
    const profile = plainPprof({ samples: [{ stack: [{ fn: 'work', file: 'f' }, 'idle'], v: [1] }] });
    const last = 2n ** 64n - 1n;
    const functions = profile.functions.map((fn, row) => ({ ...fn, id: last - BigInt(row) }));

    const mended = decodeProfile(
      mendedPprof(writePlainProfile({ ...profile, functions }), ingestOf(spyName), openLimits),
    );

    const named = mended.functions.map(({ id, name }) => [id, mended.strings[Number(name)]?.text]);
    deepEqual(named.slice(0, 2), [
      [last, 'f work'],
      [last - 1n, ' idle'],
    ]);
    ok(mended.functions.every(({ id }) => id > 0n));
  });
}

test('mendedPprof refuses bytes that are cut off', () => {
  const bytes = pprof({ samples: [{ stack: 'main;work', v: [1] }] });
  const cut = bytes.subarray(0, bytes.length - 1);

  throws(() => mendedPprof(cut, ingestOf('rbspy'), openLimits), /cannot be decoded as pprof/);
});

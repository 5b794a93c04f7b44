import { deepEqual, equal, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { StoreError } from '#src/domain/errors.ts';
import { decodeProfile } from '#src/domain/pprof/decode.ts';
import { writePlainProfile } from '#src/domain/pprof/plain-writer.ts';
import { encodePprof, plainPprof, pprof } from '../../../fixtures/pprof-builder.ts';
import { Random, runSeed } from '../../../fixtures/random.ts';
import { randomDescription } from '../../../fixtures/random-profile.ts';

const one = plainPprof({ samples: [{ stack: 'main;work', v: [3], labels: { a: 'x' }, num: { bytes: 9 } }] });

describe('decodeProfile', () => {
  test('reads back what was written, with every field', () => {
    const profile = {
      ...plainPprof({
        types: ['samples/count', 'cpu/nanoseconds'],
        timeNanos: 1_700_000_000_123_456_789n,
        durationNanos: 10_000_000_000n,
        defaultType: 'cpu',
        comments: ['hello', 'there'],
        mappings: [{ file: '/bin/app', buildId: 'b', start: 4096, limit: 8192, offset: 1 }],
        samples: [{ stack: [{ fn: 'main', addr: 5000, inlined: [{ fn: 'inner', line: 7 }] }], v: [1, -5] }],
      }),
      dropFrames: 1n,
      keepFrames: 2n,
    };

    deepEqual(decodeProfile(encodePprof(profile)), profile);
  });

  test('takes numbers that are not packed', () => {
    deepEqual(decodeProfile(encodePprof(one, { packed: false })), one);
  });

  test('steps over fields that it does not know, in every message', () => {
    deepEqual(decodeProfile(encodePprof(one, { unknownFields: true })), one);
  });

  test('takes the last value of a field that is there twice', () => {
    const later = new BinaryWriter().tag(9, WireType.Varint).int64(77n).finish();

    equal(decodeProfile(Buffer.concat([encodePprof({ ...one, timeNanos: 5n }), later])).timeNanos, 77n);
  });

  test('keeps 64 bits of ids, addresses and values', () => {
    const large = 2n ** 64n - 1n;
    const profile = {
      ...one,
      samples: [{ locationIds: [large], values: [-(2n ** 63n)], labels: [] }],
      locations: [{ id: large, mappingId: 0n, address: large, lines: [], folded: true }],
    };

    deepEqual(decodeProfile(encodePprof(profile)), profile);
  });

  test('keeps the bytes of a string that is not UTF-8, and a byte order mark', () => {
    const profile = { ...one, strings: [{ bytes: Uint8Array.of(0x61, 0xff), text: undefined }] };

    deepEqual(decodeProfile(encodePprof(profile)).strings[0]?.text, undefined);
    deepEqual(
      decodeProfile(encodePprof({ ...one, strings: [{ bytes: Buffer.from('\ufeffa'), text: '' }] })).strings[0]?.text,
      '\ufeffa',
    );
  });

  test('refuses more samples than the limit before it builds them', () => {
    const empty = Buffer.concat(Array.from({ length: 11 }, () => Buffer.of(0x12, 0)));

    equal(decodeProfile(empty, 11).samples.length, 11);
    throws(() => decodeProfile(empty, 10), { code: 'invalid-argument', message: /limit 10, actual 11/ });
  });

  for (const [name, bytes] of [
    ['a text', Buffer.from('hello world')],
    ['field 0', Buffer.alloc(10)],
    ['a length beyond the end', Buffer.of(0x32, 5, 0x61)],
    ['a length of more than 32 bits', Buffer.of(0x32, 0x81, 0x80, 0x80, 0x80, 0x10, 0x61)],
    ['a varint that never ends', Buffer.alloc(30, 0xff)],
    ['a varint that is cut off', Buffer.of(0x48, 0x80)],
    ['a string that is a number', Buffer.of(0x30, 1)],
    ['a time that is a message', Buffer.of(0x4a, 1, 0)],
    ['a group', Buffer.of(0xa3, 6, 0xa4, 6)],
  ] as const) {
    test(`refuses ${name}`, () => {
      throws(() => decodeProfile(bytes), { name: 'StoreError', code: 'invalid-argument' });
    });
  }

  test('refuses with a named error wherever a profile is cut off', () => {
    const bytes = pprof({ samples: [{ stack: 'main;work', v: [3], labels: { a: 'x' } }] });

    for (let end = 0; end < bytes.length; end++) {
      try {
        decodeProfile(bytes.subarray(0, end));
      } catch (error) {
        equal(error instanceof StoreError && error.code, 'invalid-argument', `cut at ${end}: ${error}`);
      }
    }
  });

  const seed = runSeed();
  test(`never fails but with a named error on damaged bytes (seed ${seed})`, () => {
    const random = new Random(seed);
    for (let round = 0; round < 500; round++) {
      const bytes = pprof(randomDescription(random, 3));
      for (let flips = random.int(1, 4); flips > 0; flips--)
        bytes[random.int(0, bytes.length - 1)] = random.int(0, 255);
      try {
        decodeProfile(bytes);
      } catch (error) {
        equal(error instanceof StoreError && error.code, 'invalid-argument', `round ${round}: ${error}`);
      }
    }
  });

  test(`reads back what the writer of the server writes (seed ${seed})`, () => {
    const random = new Random(seed);
    for (let round = 0; round < 100; round++) {
      const profile = plainPprof(randomDescription(random));
      deepEqual(decodeProfile(writePlainProfile(profile)), profile, `round ${round}`);
    }
  });
});

import { ok, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import type { StoreError } from '#src/domain/errors.ts';
import { runSteps } from '#src/domain/model/steps.ts';
import { convertOtlp } from '#src/domain/otlp/convert-otlp.ts';
import { otlpFromJson } from '#src/domain/otlp/otlp-json.ts';
import { MAIN_LOOP_ENVELOPE, readPushEnvelope } from '#src/domain/pprof/push-envelope.ts';
import { readPushJson } from '#src/domain/pprof/push-json.ts';
import { defaultLimits } from '../../../fixtures/limits.ts';
import { pprof } from '../../../fixtures/pprof-builder.ts';

const bounds = { maxBytes: 1 << 20, limits: defaultLimits };
const READERS = {
  'a push': (bytes: Uint8Array) => readPushEnvelope(bytes, MAIN_LOOP_ENVELOPE),
  'a push in JSON': (bytes: Uint8Array) => readPushJson(bytes, MAIN_LOOP_ENVELOPE),
  'an OTLP message': (bytes: Uint8Array) => runSteps(convertOtlp(bytes, { rules: [], bounds })),
  'an OTLP message in JSON': (bytes: Uint8Array) => runSteps(otlpFromJson(bytes)),
} as const;

const profile = pprof({ samples: [{ stack: 'main;work', v: [1] }] });
const FOREIGN = [
  ['pprof', profile, /; it looks like pprof, which \/ingest takes with format=pprof$/],
  [
    'gzip',
    gzipSync(profile),
    /; it looks like gzip, compressed twice or sent without saying so \(Content-Encoding, or /,
  ],
  ['zstd', zstdCompressSync(profile), /; it looks like zstd, where only gzip is known$/],
  ['zlib', deflateSync(profile), /; it looks like zlib, where only gzip is known$/],
  ['a recording', Buffer.from('FLR\0\0\x02\0\0'), /; it looks like a recording of the Java Flight .* with format=jfr$/],
] as const;

describe('the refusal of', () => {
  for (const [sent, read] of Object.entries(READERS)) {
    for (const [what, bytes, words] of FOREIGN) {
      test(`${sent} that is ${what} says so`, () => {
        throws(() => read(Buffer.from(bytes)), { code: 'invalid-argument', message: words });
      });
    }
  }

  for (const sent of ['a push', 'an OTLP message'] as const) {
    test(`${sent} that is JSON or text says so`, () => {
      const read = (text: string) => READERS[sent](Buffer.from(text));
      throws(() => read('{"series":[]}'), { message: /; it looks like JSON, which needs a content type/ });
      throws(() => read('main;work 3\n'), { message: /; it looks like text, such as folded stacks, which \/ingest/ });
    });
  }

  test('a message that looks like nothing else says nothing', () => {
    for (const [sent, bytes] of [
      ['a push', Buffer.from('0a100a0e0a085f5f', 'hex')],
      ['an OTLP message', Buffer.from('0a100a0e0a085f5f', 'hex')],
      // Their first field has 123 bytes, which begin with a field 1 as well.
      ...(['a push', 'an OTLP message'] as const).map((name) => [name, Buffer.from('0a7b0aff', 'hex')] as const),
      // Lists, words and numbers are JSON, and no text of another kind.
      ...['[]', 'null', '5', '{"series":5}', '{"resourceProfiles":5}'].flatMap((text) =>
        (['a push in JSON', 'an OTLP message in JSON'] as const).map((name) => [name, Buffer.from(text)] as const),
      ),
    ] as const) {
      try {
        READERS[sent](bytes);
      } catch (error) {
        ok(!(error as StoreError).message.includes('looks like'), (error as StoreError).message);
      }
    }
  });
});

import { equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { binaryFormat, isBinary } from '#src/domain/text-profiles/binary-format.ts';
import { pprof } from '../../../fixtures/pprof-builder.ts';

const profile = pprof({ samples: [{ stack: 'main;work', v: [1] }] });

for (const [what, bytes, words] of [
  ['a recording of Java', Buffer.from('FLR\0\0\x02\0\0'), /Java Flight Recorder.* format=jfr/],
  ['pprof', profile, /^pprof, which needs format=pprof/],
  ['gzip', gzipSync(profile), /^gzip: a compressed pprof needs format=pprof/],
  ['zstd', zstdCompressSync(profile), /^zstd/],
] as const) {
  test(`${what} is told from folded text by its beginning`, () => match(binaryFormat(bytes) ?? '', words));
}

for (const hex of ['0a04080110020a04', '0a0608830310de09', '5a04080110026001']) {
  test(`pprof that begins with ${hex} is told from folded text`, () => {
    match(binaryFormat(Buffer.from(hex, 'hex')) ?? '', /^pprof/);
  });
}

test('what no text has makes a body binary', () => {
  for (const text of ['', 'a;b 1', 'größer 日本\t1\r\n', 'é'.repeat(500), `a${'é'.repeat(500)}`]) {
    equal(isBinary(Buffer.from(text)), false, text);
  }
  // The time of a pprof, a text that ends within a character, and a control character.
  for (const hex of ['48dfa8acb483f59718', '61c3', '6100', '6185']) equal(isBinary(Buffer.from(hex, 'hex')), true, hex);
});

test('text is none of them, whatever it begins with', () => {
  for (const text of ['', 'a 1', '\n\na 1', 'FLR 1', '{closure} 3', '{"a":1} 3', 'é 1', '(main 1']) {
    equal(binaryFormat(Buffer.from(text)), undefined, text);
  }
});

import { equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { formatName, looksLike } from '#src/domain/model/byte-format.ts';
import { pprof } from '../../../fixtures/pprof-builder.ts';

const profile = pprof({ samples: [{ stack: 'main;work', v: [1] }] });

for (const [what, bytes, name] of [
  ['a recording of Java', Buffer.from('FLR\0\0\x02\0\0'), 'a recording of the Java Flight Recorder'],
  ['gzip', gzipSync(profile), 'gzip'],
  ['zstd', zstdCompressSync(profile), 'zstd'],
  ['zlib', deflateSync(profile), 'zlib'],
  ['quick zlib', deflateSync(profile, { level: 1 }), 'zlib'],
  ['thorough zlib', deflateSync(profile, { level: 9 }), 'zlib'],
  ['pprof', profile, 'pprof'],
  ...['0a04080110020a04', '0a0608830310de09', '5a04080110026001', '320012', '489cd6ce839dfa97f5180a0408'].map(
    (hex) => [`pprof that begins with ${hex}`, Buffer.from(hex, 'hex'), 'pprof'] as const,
  ),
  ['speedscope', Buffer.from('{"$schema":"x"}'), 'JSON'],
  ['JSON behind blanks', Buffer.from('\r\n\t {"a":1}'), 'JSON'],
  ...['{}', '{ \n}', '\n{\r\n  "a":1}', '{'.padEnd(80), ' '.repeat(60).concat('{"a":1}'), '{'].map(
    (text) => [`JSON that is ${JSON.stringify(text)}`, Buffer.from(text), 'JSON'] as const,
  ),
  // A line break and a brace are field 1 with 123 bytes as well.
  ...['0a7b0aff', '0a7b0a5a0a58', '0a7b0a220a20', '0a7b2200', '0a7b1279'].map(
    (hex) => [`a message that begins with ${hex}`, Buffer.from(hex.padEnd(140, '00'), 'hex'), undefined] as const,
  ),
  ['folded stacks', Buffer.from('main;work 3\nmain 4\n'.repeat(9)), 'text'],
  ['nothing', new Uint8Array(0), undefined],
  ['text with a zero', Buffer.from('text\0'), undefined],
  ['a list of messages', Buffer.from('0a100a0e', 'hex'), undefined],
] as const) {
  test(`${what} is ${name === undefined ? 'not told' : `told to be ${name}`} by its beginning`, () => {
    equal(formatName(bytes), name);
  });
}

test('bytes look like what there is advice for, and like nothing else', () => {
  match(looksLike(profile, { pprof: ', which goes elsewhere', text: '' }) ?? '', /^pprof, which goes elsewhere$/);
  equal(looksLike(Buffer.from('a 1'), { text: '' }), 'text');
  equal(looksLike(profile, { text: ', such as folded stacks' }), undefined);
  equal(looksLike(new Uint8Array(0), { text: '' }), undefined);
});

test('a view into other bytes is looked at by itself', () => {
  equal(formatName(Buffer.from('xx{"a":1}').subarray(2)), 'JSON');
  equal(formatName(Buffer.from('{{\0\0').subarray(2)), undefined);
});

import { equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { foreignFormat } from '#src/domain/pprof/foreign-format.ts';
import { pprof } from '../../../fixtures/pprof-builder.ts';

const profile = pprof({ samples: [{ stack: 'main;work', v: [1] }] });

for (const [what, bytes, words] of [
  ['a recording of Java', Buffer.from('FLR\0\0\x02\0\0'), /Java Flight Recorder.*format=jfr/],
  ['gzip in gzip', gzipSync(profile), /gzip, compressed twice/],
  ['zstd', zstdCompressSync(profile), /zstd/],
  ['zlib', deflateSync(profile), /zlib/],
  ['quick zlib', deflateSync(profile, { level: 1 }), /zlib/],
  ['thorough zlib', deflateSync(profile, { level: 9 }), /zlib/],
  ['speedscope', Buffer.from('{"$schema":"x"}'), /^JSON$/],
  ['folded stacks', Buffer.from('main;work 3\nmain 4\n'.repeat(9)), /text, such as folded stacks/],
] as const) {
  test(`${what} is told from pprof by its beginning`, () => match(foreignFormat(bytes) ?? '', words));
}

test('nothing is said of a beginning that tells nothing', () => {
  equal(foreignFormat(profile), undefined);
  equal(foreignFormat(new Uint8Array(0)), undefined);
  equal(foreignFormat(Buffer.from('text\0')), undefined);
});

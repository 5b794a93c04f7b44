import { equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { formatHint, ingestFormat } from '#src/transports/http/ingest-format.ts';

const FORM = 'multipart/form-data; boundary=x';

for (const [format, contentType, expected] of [
  ['trie', '', 'trie'],
  [null, 'binary/octet-stream+trie', 'trie'],
  ['lines', 'binary/octet-stream+trie', 'trie'],
  ['tree', '', 'tree'],
  [null, 'binary/octet-stream+tree', 'tree'],
  [null, 'binary/octet-stream+tree; x=y', 'groups'],
  ['lines', FORM, 'lines'],
  ['jfr', FORM, 'jfr'],
  ['pprof', '', 'pprof'],
  ['pprof', FORM, 'pprof-form'],
  ['speedscope', FORM, 'speedscope'],
  [null, FORM, 'pprof-form'],
  ['nonsense', FORM, 'pprof-form'],
  [null, '', 'groups'],
  ['', 'application/octet-stream', 'groups'],
  ['PPROF', '', 'groups'],
  ['nonsense', '', 'groups'],
] as const) {
  test(`format=${format} with content type "${contentType}" is ${expected}`, () => {
    equal(ingestFormat(format, contentType), expected);
  });
}

for (const [format, contentType, hint] of [
  [
    null,
    '',
    /^; the request has no format, so that it was taken for folded text\. Known are groups \(folded text\), lines, /,
  ],
  ['', '', /the request has no format/],
  ['perf', '', /the format "perf" is not known, so that/],
  ['groups', '', /^$/],
  ['lines', '', /^$/],
  ['perf', FORM, /^$/],
] as const) {
  test(`a body of format=${format} that is not ${ingestFormat(format, contentType)} is told ${hint}`, () => {
    match(formatHint(format, ingestFormat(format, contentType)), hint);
  });
}

import { deepEqual, equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { canonicalMediaType, parseMediaType } from '#src/transports/http/media-type.ts';

describe('parseMediaType', () => {
  test('reads type and parameters, names in lower case and values as they are', () => {
    const media = parseMediaType(' Text/HTML ; Charset=UTF-8;q="0.5 \\" x"');

    equal(media?.type, 'text/html');
    deepEqual(
      [...(media?.parameters ?? [])],
      [
        ['charset', 'UTF-8'],
        ['q', '0.5 " x'],
      ],
    );
  });

  test('takes a type without a slash, and one semicolon at the end', () => {
    equal(parseMediaType('json')?.type, 'json');
    equal(parseMediaType('a/b; ')?.type, 'a/b');
  });

  test('keeps backslashes that escape nothing, as in Windows paths', () => {
    equal(parseMediaType('form-data; filename="C:\\temp\\x"')?.parameters.get('filename'), 'C:\\temp\\x');
  });

  for (const text of [
    '',
    ' ',
    ';;;',
    'a/',
    '/b',
    'a/b/c',
    'a b/c',
    'a/b;;q=1',
    'a/b;q',
    'a/b;q=',
    'a/b;q="x',
    'a/b;q=1;q=2',
  ]) {
    test(`refuses ${JSON.stringify(text)}`, () => {
      equal(parseMediaType(text), undefined);
    });
  }
});

describe('canonicalMediaType', () => {
  for (const [text, canonical] of [
    ['Application/JSON', 'application/json'],
    ['application/json;charset=UTF-8', 'application/json; charset=utf-8'],
    ['application/json; charset=latin1', 'application/json; charset=latin1'],
    ['application/json; b=X; a=Y', 'application/json; a=Y; b=X'],
    ['Not; a; Type', 'not; a; type'],
    ['', ''],
  ] as const) {
    test(`makes ${JSON.stringify(canonical)} of ${JSON.stringify(text)}`, () => {
      equal(canonicalMediaType(text), canonical);
    });
  }
});

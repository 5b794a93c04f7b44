import { equal, notEqual } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseAccept, understandsUtf8LabelNames } from '#src/transports/http/accept.ts';

describe('parseAccept', () => {
  for (const header of ['', ' ', '*/*', 'json', 'text/html;q=0.9, application/json;allow-utf8-labelnames=true']) {
    test(`takes ${JSON.stringify(header)}`, () => {
      notEqual(parseAccept(header), undefined);
    });
  }

  test('has a limit on its length', () => {
    const longest = `a/b,${'x'.repeat(4092)}`;
    notEqual(parseAccept(longest), undefined);
    equal(parseAccept(`${longest}x`), undefined);
  });

  for (const header of ['text/html,,x/y', ';;;', ',', 'text/html,']) {
    test(`refuses ${JSON.stringify(header)}`, () => {
      equal(parseAccept(header), undefined);
    });
  }
});

describe('understandsUtf8LabelNames', () => {
  for (const [header, understands] of [
    ['application/json;allow-utf8-labelnames=true', true],
    ['text/html, */*; allow-utf8-labelnames=true', true],
    ['application/json;allow-utf8-labelnames=TRUE', false],
    ['application/json;allow-utf8-labelnames=1', false],
    ['application/json', false],
    ['', false],
  ] as const) {
    test(`says ${understands} for ${JSON.stringify(header)}`, () => {
      equal(understandsUtf8LabelNames(parseAccept(header) ?? []), understands);
    });
  }
});

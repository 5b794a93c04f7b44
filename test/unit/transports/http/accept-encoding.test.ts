import { equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { acceptsGzip, listsGzip } from '#src/transports/http/accept-encoding.ts';

describe('listsGzip', () => {
  for (const [header, lists] of [
    ['gzip', true],
    ['deflate, gzip, br', true],
    ['deflate gzip', true],
    ['gzip;q=1.0', false],
    ['GZIP', false],
    ['x-gzip', false],
    ['', false],
  ] as const) {
    test(`says ${lists} for ${JSON.stringify(header)}: weights are not understood`, () => {
      equal(listsGzip(header), lists);
    });
  }
});

describe('acceptsGzip', () => {
  for (const [header, accepts] of [
    ['gzip', true],
    ['br;q=1, GZIP ; q=0.1', true],
    ['gzip;q=0', false],
    ['gzip;q=0.0, br', false],
    ['gzip;q=x', false],
    ['br', false],
    ['', false],
  ] as const) {
    test(`says ${accepts} for ${JSON.stringify(header)}`, () => {
      equal(acceptsGzip(header), accepts);
    });
  }
});

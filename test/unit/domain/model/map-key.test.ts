import { equal, notEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { KEY_LENGTH_MAX, mapKey } from '#src/domain/model/map-key.ts';

test('a text is its own key, up to the length that a map takes well', () => {
  for (const text of ['', 'a', 'x'.repeat(KEY_LENGTH_MAX)]) equal(mapKey(text), text);
});

test('a longer text has a short key, which is that of no other', () => {
  const long = 'x'.repeat(KEY_LENGTH_MAX + 1);
  equal(mapKey(long).length, 45);
  equal(mapKey(long), mapKey(`${long}`));
  const others = [
    `${long}x`,
    `${long.slice(1)}y`,
    `y${long.slice(1)}`,
    `${long}\ud800`,
    `${long}\ufffd`,
    `${long}\ud801`,
  ];
  equal(new Set([long, ...others].map(mapKey)).size, 1 + others.length);
  notEqual(mapKey(long)[0], long[0]);
});

import { equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { editDistance, nearest } from '#src/config/nearest.ts';

describe('editDistance', () => {
  for (const [a, b, distance] of [
    ['', '', 0],
    ['', 'abc', 3],
    ['abc', '', 3],
    ['kitten', 'sitting', 3],
    ['port', 'prt', 1],
    ['same', 'same', 0],
  ] as const) {
    test(`takes ${distance} from "${a}" to "${b}"`, () => equal(editDistance(a, b), distance));
  }
});

describe('nearest', () => {
  test('is the closest candidate', () => {
    equal(nearest('log.levle', ['log.format', 'log.level', 'target']), 'log.level');
  });

  test('is nothing when all are far', () => {
    equal(nearest('memberlist.join', ['log.level', 'target', 'data-dir']), undefined);
    equal(nearest('x', []), undefined);
  });
});

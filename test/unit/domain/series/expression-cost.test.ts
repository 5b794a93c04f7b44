import { ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RE2JS } from 're2js';
import { expressionCost } from '#src/domain/series/expression-cost.ts';
import { Random, runSeed } from '../../../fixtures/random.ts';

const ATOMS = [
  'a',
  'é',
  '😀',
  '.',
  '\\d',
  '\\.',
  '\\x{41}',
  '\\pL',
  '[a-c]',
  '[^x]',
  '[]a-]',
  '^',
  '$',
  '\\b',
  '\\Qx*\\E',
];
const REPETITIONS = ['', '', '*', '+', '?', '+?', '{2}', '{0,3}', '{2,}', '{0}', '{3,5}?'];
const OPENINGS = ['(', '(?:', '(?i:', '(?P<name>'];

describe('expressionCost', () => {
  const seed = runSeed();
  test(`is never less than the program is long (seed ${seed})`, () => {
    const random = new Random(seed);
    let compiled = 0;
    for (let i = 0; i < 2_000; i++) {
      const expression = randomExpression(random, 3);
      const instructions = programLength(expression);
      if (instructions === undefined) continue;
      compiled++;
      ok(expressionCost(expression) >= instructions, expression);
    }
    ok(compiled > 500, `only ${compiled} were valid`);
  });

  for (const expression of [
    '.*foo.*',
    '(?i)foo.*',
    '(prod|staging)-[a-z0-9]+',
    '^web-\\d{1,5}$',
    Array.from({ length: 100 }, (_, i) => `service-${i}-.*`).join('|'),
  ]) {
    test(`is at most four times that for what people write, such as ${expression.slice(0, 30)}`, () => {
      ok(expressionCost(expression) <= 4 * (programLength(expression) ?? 0));
    });
  }

  for (const expression of [
    '.*'.repeat(60_000),
    '(a{0,900}|b)'.repeat(400),
    '(a?){1000}(a?){1000}(a?){1000}b',
    '(?:[\\pL\\pN]'.repeat(400),
    '(?i)[B-\\x{1e800}]'.repeat(50),
    '(?i)[B-\u{1e800}]'.repeat(50),
  ]) {
    test(`is beyond every limit for ${expression.slice(0, 20)} …`, () => {
      ok(expressionCost(expression) > 15_000);
    });
  }
});

/** Without its repetitions it is mostly valid. */
function randomExpression(random: Random, depth: number): string {
  let expression = '';
  for (let i = random.int(1, 4); i > 0; i--) {
    const group = depth > 0 && random.int(0, 3) === 0;
    const atom = group ? `${pick(random, OPENINGS)}${randomExpression(random, depth - 1)})` : pick(random, ATOMS);
    expression += `${atom}${pick(random, REPETITIONS)}${random.int(0, 5) === 0 ? '|' : ''}`;
  }
  return expression;
}

function pick<T>(random: Random, from: readonly T[]): T {
  return from[random.int(0, from.length - 1)];
}

function programLength(expression: string): number | undefined {
  try {
    return RE2JS.compile(expression, RE2JS.DOTALL).programSize();
  } catch {
    return undefined;
  }
}

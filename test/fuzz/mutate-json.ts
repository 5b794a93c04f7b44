import type { Random } from '../fixtures/random.ts';
import { NUMBER_TEXTS, oddBytes, oddText } from './extremes.ts';

const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|[[\]{},:]/g;

/** How much of a text is looked at: faults of a large one are in its first part. */
const LOOKED_AT = 20_000;

/** JSON with a few faults: of a token, in its place, or in the bytes of the whole. */
export function mutatedJson(random: Random, json: Uint8Array): Uint8Array {
  const text = Buffer.from(json.buffer, json.byteOffset, json.byteLength).toString('latin1');
  const tokens = text.slice(0, LOOKED_AT).match(TOKEN) ?? [];
  const rest = text.slice(LOOKED_AT);
  // What is between tokens is blank, so that a text that was cut in the middle of one is the only one that loses by it.
  let changed = [...tokens];
  for (let faults = random.pick([1, 1, 1, 2, 5]); faults > 0 && changed.length > 0; faults--) {
    const list = random.chance(0.8) ? TYPED_FAULTS : FAULTS;
    changed = random.pick(list)(random, changed, random.int(0, changed.length - 1));
  }
  const bytes = Buffer.from(changed.join(random.pick(['', '', '', ' ', '\n\t'])) + rest, 'latin1');
  if (random.chance(0.95)) return bytes;
  const at = random.int(0, bytes.length);
  const strange = random.chance(0.5) ? oddBytes(random) : Buffer.alloc(random.pick([1, 300, 300_000]), ' ');
  return Buffer.concat([bytes.subarray(0, at), strange, bytes.subarray(at)]);
}

type Fault = (random: Random, tokens: string[], at: number) => string[];

/** After which it is still JSON. */
const TYPED_FAULTS: readonly Fault[] = [
  (random, tokens) => replaced(random, tokens, isNumber, random.pick(VALID_NUMBERS)),
  (random, tokens) => replaced(random, tokens, isNumber, JSON.stringify(random.pick(VALID_NUMBERS))),
  (random, tokens) => replaced(random, tokens, isNumber, String(random.int(0, 12))),
  (random, tokens) => replaced(random, tokens, isString, latin1(JSON.stringify(oddText(random)))),
  (random, tokens) => replaced(random, tokens, isScalar, random.pick(['null', 'true', '{}', '[]', '""', '[[]]', '-1'])),
  (random, tokens) => swapped(tokens, anyPlace(random, tokens, isString), anyPlace(random, tokens, isString)),
  (random, tokens) => swapped(tokens, anyPlace(random, tokens, isNumber), anyPlace(random, tokens, isNumber)),
  (random, tokens) => repeatedElement(random, tokens, anyPlace(random, tokens, isComma)),
];

/** After which it mostly is not. */
const FAULTS: readonly Fault[] = [
  (random, tokens) => replaced(random, tokens, isNumber, latin1(random.pick(NUMBER_TEXTS))),
  (random, tokens) => replaced(random, tokens, isString, malformedString(random)),
  (random, tokens, at) => tokens.with(at, random.pick(['null', '{', '[]', '"', '\\', '}', '{"":0}'])),
  (_, tokens, at) => tokens.toSpliced(at, 1),
  (random, tokens, at) => tokens.toSpliced(at, 0, tokens[random.int(0, tokens.length - 1)]),
  (random, tokens, at) => swapped(tokens, at, random.int(0, tokens.length - 1)),
  (random, tokens) => replaced(random, tokens, isScalar, deep(random)),
  (_, tokens, at) => tokens.slice(0, at),
  (random, tokens, at) => tokens.toSpliced(at, 0, ...new Array(random.pick([1, 30, 3000])).fill('0,')),
];

const VALID_NUMBERS = NUMBER_TEXTS.filter((text) => /^-?(0|[1-9]\d*)(\.\d+)?(e[+-]?\d+)?$/.test(text));

function replaced(random: Random, tokens: string[], fits: (token: string) => boolean, by: string): string[] {
  const at = anyPlace(random, tokens, fits);
  return at === -1 ? tokens : tokens.with(at, by);
}

/** @returns -1 where there is none */
function anyPlace(random: Random, tokens: readonly string[], fits: (token: string) => boolean): number {
  const places = tokens.flatMap((token, at) => (fits(token) ? [at] : []));
  return places.length === 0 ? -1 : random.pick(places);
}

function isString(token: string): boolean {
  return token.startsWith('"');
}

/** Strings of digits are numbers as well: 64 bits are written so. */
function isNumber(token: string): boolean {
  return /^"?-?\d/.test(token);
}

function isScalar(token: string): boolean {
  return !/^[[\]{},:]$/.test(token);
}

function isComma(token: string): boolean {
  return token === ',';
}

const MALFORMED = ['"\\u12"', '"\\ud800"', '"\\q"', '"\u0001"', '"\\u0000"', '"abc', '"=="', '"A"', '"AAA*"', '"AA=A"'];

function malformedString(random: Random): string {
  return random.pick(MALFORMED);
}

function swapped(tokens: string[], a: number, b: number): string[] {
  return a === -1 || b === -1 ? tokens : tokens.with(a, tokens[b]).with(b, tokens[a]);
}

/** What stands between a comma and the next bracket or comma of the same depth, again and again. @param comma -1: none */
function repeatedElement(random: Random, tokens: string[], comma: number): string[] {
  if (comma === -1) return tokens;
  let depth = 0;
  let end = comma + 1;
  for (; end < tokens.length; end++) {
    if ('[{'.includes(tokens[end])) depth++;
    if (']}'.includes(tokens[end]) && --depth < 0) break;
    if (depth === 0 && tokens[end] === ',') break;
  }
  const element = tokens.slice(comma, end);
  const times = Math.min(random.pick([1, 2, 500]), Math.ceil(20_000 / element.length));
  return tokens.toSpliced(comma, 0, ...new Array<string[]>(times).fill(element).flat());
}

function deep(random: Random): string {
  const levels = random.pick([2, 50, 98, 101, 5000, 100_000]);
  const [open, close] = random.pick([
    ['[', ']'],
    ['{"a":', '}'],
  ]);
  return open.repeat(levels) + (random.chance(0.8) ? '1' : '') + (random.chance(0.8) ? close.repeat(levels) : '');
}

/** The text is handled by its bytes. */
function latin1(text: string): string {
  return Buffer.from(text).toString('latin1');
}

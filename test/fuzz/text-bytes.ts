import { mutated } from '../fixtures/mutated.ts';
import type { Random } from '../fixtures/random.ts';
import { type TextFormat, type TreeNode, treeBytes, uvarint } from '../fixtures/uploads.ts';
import { recorded } from './corpus.ts';
import { EXTREME_INTS, NUMBER_TEXTS, oddBytes, oddText } from './extremes.ts';
import { mutatedJson } from './mutate-json.ts';
import { Seeds } from './seeds.ts';

export const TEXT_FORMATS: readonly TextFormat[] = ['groups', 'lines', 'tree', 'trie', 'speedscope'];

const FRAMES = ['main', 'a', 'b', '', ' ', 'größe', 'x'.repeat(300), '\u0000', 'f;g'];

const seeds: Readonly<Record<TextFormat, Seeds<Uint8Array>>> = {
  groups: new Seeds(60, (random) => wellFormedText(random, 'groups')),
  lines: new Seeds(60, (random) => wellFormedText(random, 'lines')),
  tree: new Seeds(60, (random) => wellFormedText(random, 'tree')),
  trie: new Seeds(60, (random) => wellFormedText(random, 'trie')),
  speedscope: new Seeds(60, (random) => wellFormedText(random, 'speedscope')),
};

/** A body of a text format, of which every tenth has no fault, and some are of another format. */
export function anyText(random: Random, format: TextFormat): Uint8Array {
  if (random.chance(0.002)) return mutated(random, recordedText(random, format), seeds[format].all);
  if (random.chance(0.25)) return strangeText(random, format);
  const others = TEXT_FORMATS.map((other) => seeds[other].any(random));
  const whole = random.pick(random.chance(0.9) ? [seeds[format].any(random)] : others);
  if (random.chance(0.1)) return whole;
  return format === 'speedscope' && random.chance(0.6) ? mutatedJson(random, whole) : mutated(random, whole, others);
}

function recordedText(random: Random, format: TextFormat): Uint8Array {
  if (format === 'speedscope') return recorded('corpus/python-speedscope.json.gz');
  const name = random.pick(['linux-perf-folded', 'linux-perf-rust-folded', 'python-folded']);
  return recorded(`corpus/${name}.txt.gz`);
}

export function wellFormedText(random: Random, format: TextFormat): Uint8Array {
  if (format === 'speedscope') return Buffer.from(JSON.stringify(speedscope(random)));
  if (format === 'tree') return treeBytes(['', 0, ...children(random, 0, '')]);
  if (format === 'trie') return treeBytes(['', 0, ...children(random, 0, ';')]);
  const lines = Array.from({ length: random.int(0, 20) }, () => {
    const stack = list(random, 0, 8, () => random.pick(FRAMES)).join(';');
    return format === 'lines' ? stack : `${stack} ${count(random)}`;
  });
  return Buffer.from(lines.join(random.pick(['\n', '\n', '\r\n', '\n\n'])));
}

function count(random: Random): string {
  return random.pick([
    String(random.int(0, 1000)),
    '0',
    '+7',
    '9223372036854775807',
    '9007199254740993',
    '000000000000001',
  ]);
}

function children(random: Random, depth: number, end: string): TreeNode[] {
  return list(random, 0, depth > 4 ? 0 : 4, (): TreeNode => {
    const name = `${random.pick(FRAMES)}${random.chance(0.6) ? end : ''}`;
    return [name, random.pick([0, 1, 300, 2n ** 62n]), ...children(random, depth + 1, end)];
  });
}

function speedscope(random: Random): unknown {
  const frames = list(random, 1, 6, () => ({ name: random.pick(FRAMES), file: 'f', line: random.pick([1, null]) }));
  const frame = (): number => random.int(0, frames.length - (random.chance(0.02) ? 0 : 1));
  const profiles = list(random, 0, 3, () => {
    const unit = random.pick(['seconds', 'milliseconds', 'nanoseconds', 'bytes', 'none']);
    const common = { name: random.pick(FRAMES), unit, startValue: random.pick([0, 0.5]), endValue: 9 };
    if (random.chance(0.5)) {
      const samples = list(random, 0, 6, () => list(random, 0, 5, frame));
      return { type: 'sampled', ...common, samples, weights: samples.map(() => random.pick([1, 0.02, 0, 1e15, 7])) };
    }
    const opened = list(random, 0, 6, frame);
    const events = [
      ...opened.map((at, i) => ({ type: 'O', frame: at, at: i })),
      ...[...opened].reverse().map((at, i) => ({ type: 'C', frame: at, at: 10 + i / 3 })),
    ];
    return { type: 'evented', ...common, events };
  });
  const $schema = 'https://www.speedscope.app/file-format-schema.json';
  const shared = { frames };
  return random.chance(0.5) ? { $schema, profiles, shared } : { shared, profiles, $schema };
}

/** Extreme values and texts, where a well-formed body has ordinary ones. */
function strangeText(random: Random, format: TextFormat): Uint8Array {
  if (format === 'speedscope') return mutatedJson(random, mutatedJson(random, seeds.speedscope.any(random)));
  if (format === 'tree' || format === 'trie') {
    return Buffer.concat(list(random, 1, 8, () => strangeNode(random)));
  }
  const stack = (): Uint8Array => {
    if (random.chance(0.01)) return Buffer.from('a;'.repeat(random.pick([1000, 30_000])));
    return Buffer.concat(
      list(random, 0, 4, () => (random.chance(0.2) ? oddBytes(random) : Buffer.from(`${oddText(random)};`))),
    );
  };
  const line = (): Uint8Array => Buffer.concat([stack(), Buffer.from(` ${random.pick(NUMBER_TEXTS)}\n`)]);
  return Buffer.concat(list(random, 1, 8, line));
}

/** A length that may be beyond the end, and any number of children, which may not follow. */
function strangeNode(random: Random): Uint8Array {
  const name = random.chance(0.3) ? oddBytes(random) : Buffer.from(oddText(random));
  const number = (good: number): bigint => (random.chance(0.7) ? BigInt(good) : random.pick(EXTREME_INTS));
  return Buffer.concat([uvarint(number(name.length)), name, uvarint(number(3)), uvarint(number(random.int(0, 2)))]);
}

function list<T>(random: Random, min: number, max: number, element: () => T): T[] {
  return Array.from({ length: random.int(min, max) }, element);
}

import type { Random } from '../fixtures/random.ts';
import { NUMBER_TEXTS, oddText } from './extremes.ts';

const TIMES = [
  ...['now', 'now-1h', '-5m', 'x-1h', '1m+', 'now-', 'now+1y', 'now-99999999999999999999y', '20240230', '20261128'],
  ...['1700000000', '1700000000000', '1700000000000000', '1700000000000000000', '99999999999999999999', 'now-1h2'],
];

const SPIES = ['gospy', 'javaspy', 'nodespy', 'pyspy', 'rbspy', 'scripting', 'dotnetspy', '', '%00'];

/** Where the body of an `/ingest` request goes, and what the query says about it: mostly as agents write it. */
export function ingestPath(random: Random, format: string | undefined): string {
  const query: string[] = [`name=${encodeURIComponent(anyName(random))}`];
  if (format !== undefined) query.push(`format=${format}`);
  if (random.chance(0.05)) query.push(`from=${encodeURIComponent(random.pick(TIMES))}`);
  if (random.chance(0.1)) query.push(`until=${encodeURIComponent(random.pick(TIMES))}`);
  if (random.chance(0.2)) query.push(`sampleRate=${encodeURIComponent(random.pick(['100', '97', ...NUMBER_TEXTS]))}`);
  if (random.chance(0.2)) query.push(`spyName=${random.pick(SPIES)}`);
  return pathWith(random, query);
}

/** The same, and everything in it may be anything. */
export function strangeIngestPath(random: Random): string {
  const query: string[] = [];
  for (const name of ['name', 'from', 'until', 'sampleRate', 'spyName', 'format', 'units', 'aggregationType']) {
    if (name !== 'name' && random.chance(0.5)) continue;
    const value = name === 'name' ? strangeName(random) : random.pick([...TIMES, ...NUMBER_TEXTS, oddText(random)]);
    query.push(`${name}=${random.chance(0.9) ? encodeURIComponent(wellFormed(value)) : printable(value)}`);
  }
  return pathWith(random, random.chance(0.9) ? query : random.shuffled([...query, ...query]));
}

function pathWith(random: Random, query: readonly string[]): string {
  return `${random.chance(0.8) ? '/ingest' : '/pyroscope/ingest'}?${query.join(random.chance(0.98) ? '&' : ';')}`;
}

const APPS = ['fuzz', 'fuzz.cpu', 'b.wall', 'c.alloc_space', 'd.exceptions', 'e.bytes', 'f.odd', '.'];

function anyName(random: Random): string {
  if (random.chance(0.04)) return strangeName(random).slice(0, 5000);
  return (
    (random.chance(0.7) ? 'fuzz.cpu' : random.pick(APPS)) + (random.chance(0.3) ? '{env=prod,service_name=fuzz}' : '')
  );
}

const PIECES = [
  ...['{', '}', '=', ',', ' ', 'a', 'env', '__name__', 'service_name', '__session_id__', '\n', 'é', '{}', '"'],
  ...['{a=b,', 'env=é,', 'k=v}', '__name__=x,', ',=', '==', ' a = b ,'],
];

function strangeName(random: Random): string {
  const start = random.pick([...APPS, 'fuzz{', 'fuzz{', 'fuzz.cpu{a=b,', 'fuzz{a=', oddText(random), '']);
  const count = random.chance(0.02) ? random.pick([300, 5000]) : random.int(0, 12);
  return wellFormed(start + Array.from({ length: count }, () => random.pick(PIECES)).join('')).slice(0, 8000);
}

/** A lone half of a pair cannot be encoded. */
function wellFormed(text: string): string {
  return text.toWellFormed().slice(0, 8000).toWellFormed();
}

/** As it is, so far as it may stand in a request line: that leaves wrong percent signs, and characters with a meaning. */
function printable(text: string): string {
  return text.slice(0, 2000).replace(/[^!-~]|#/g, '%');
}

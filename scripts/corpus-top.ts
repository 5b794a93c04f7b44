// Writes test/data/corpus-top.json: for each profile of test/data/corpus and each of its sample types the functions
// with the largest own values, as `go tool pprof -top` says. test/integration/corpus.test.ts compares Kiln with it.
//
//   scripts/node scripts/corpus-top.ts        needs Go; only when a profile is added
//
// Names and values are pprof's own, save for one thing: Kiln takes the shapes out of Go's type parameters, as Pyroscope
// does, so that `Grow[go.shape.int]` and `Grow[go.shape.string]` are one function. Here they are added up as well.

import { execFileSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const DATA = join(import.meta.dirname, '../test/data');
const FUNCTIONS_MAX = 30;

type Row = [name: string, flat: string];

const tops: Record<string, Record<string, Row[]>> = {};
for (const file of readdirSync(join(DATA, 'corpus')).sort()) {
  const path = join(DATA, 'corpus', file);
  tops[file] = Object.fromEntries(sampleTypesOf(path).map(({ type, unit }) => [type, topOf(path, type, unit)]));
}
writeFileSync(join(DATA, 'corpus-top.json'), `${JSON.stringify(tops, null, 1)}\n`);

/** The line of `type/unit` words between the header and the samples. */
function sampleTypesOf(path: string): { type: string; unit: string }[] {
  const lines = pprof(['-raw', path]).split('\n');
  const words = lines[lines.indexOf('Samples:') + 1]!.split(' ');
  return words.map((word) => {
    const [type = '', unit = ''] = word.replace('[dflt]', '').split('/');
    return { type, unit };
  });
}

/** Values are exact because they are asked for in the unit that they are stored in; no function is left out. */
function topOf(path: string, type: string, unit: string): Row[] {
  const everything = ['-symbolize=none', '-nodefraction=0', '-edgefraction=0', '-nodecount=0'];
  const lines = pprof(['-top', ...everything, `-sample_index=${type}`, `-unit=${unit}`, path]).split('\n');
  const table = lines.slice(lines.findIndex((line) => /^ +flat +flat%/.test(line)) + 1);

  const flatByName = new Map<string, bigint>();
  for (const line of table.filter((row) => row !== '')) {
    const [name, flat] = readRow(line);
    flatByName.set(name, (flatByName.get(name) ?? 0n) + flat);
  }
  const largest = [...flatByName].filter(([, flat]) => flat > 0n).sort(([, a], [, b]) => (a < b ? 1 : a > b ? -1 : 0));
  return largest.slice(0, FUNCTIONS_MAX).map(([name, flat]) => [name, String(flat)]);
}

/** flat, flat%, sum%, cum, cum%, name. */
function readRow(line: string): [name: string, flat: bigint] {
  const [, flat, name] = /^ *(\d+)[a-z]* +\S+ +\S+ +\S+ +\S+ {2}(.*)$/i.exec(line) ?? [];
  if (flat === undefined || name === undefined) throw new Error(`not a row of the table: ${line}`);
  return [withoutShapes(name.replace(/ \((partial-)?inline\)$/, '')), BigInt(flat)];
}

/** Takes `[go.shape.…]` out of a name; brackets nest in it. */
function withoutShapes(name: string): string {
  const start = name.indexOf('[go.shape.');
  let depth = 0;
  for (let end = start; start >= 0 && end < name.length; end++) {
    if (name[end] === '[') depth++;
    if (name[end] === ']' && --depth === 0) return withoutShapes(name.slice(0, start) + name.slice(end + 1));
  }
  return name;
}

function pprof(args: readonly string[]): string {
  return execFileSync('go', ['tool', 'pprof', ...args], { encoding: 'utf8', maxBuffer: 1 << 28, stdio: 'pipe' });
}

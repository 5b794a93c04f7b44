// Writes test/data/corpus-top: for each profile of test/data/corpus the functions with the largest self values, by
// sample type, as `go tool pprof -top` says. test/integration/corpus.test.ts compares them with what Kiln answers.
//
//   scripts/node scripts/corpus-top.ts        needs Go; only when a profile is added

import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

const DATA = join(import.meta.dirname, '../test/data');
const FUNCTIONS_MAX = 30;

/** One row of the table that `-top` prints. */
type TopRow = { readonly name: string; readonly self: string };

mkdirSync(join(DATA, 'corpus-top'), { recursive: true });
for (const file of readdirSync(join(DATA, 'corpus')).sort()) {
  const profile = join(DATA, 'corpus', file);
  const tops = sampleTypesOf(profile).map(({ type, unit }) => [type, topOf(profile, type, unit)]);
  const target = join(DATA, 'corpus-top', `${basename(file, '.pb.gz')}.json`);
  writeFileSync(target, `${JSON.stringify(Object.fromEntries(tops), null, 2)}\n`);
}

/** The line of `type/unit` words that stands before the samples. */
function sampleTypesOf(profile: string): { type: string; unit: string }[] {
  const lines = pprof(['-raw', profile]).split('\n');
  const header = lines[lines.indexOf('Samples:') + 1] as string; // Every profile has samples, and types before them.
  return header.split(' ').map((word) => {
    const [type = '', unit = ''] = word.replace('[dflt]', '').split('/');
    return { type, unit };
  });
}

/** Values are exact because they are asked for in the unit that they are stored in. Nothing is left out by its size. */
function topOf(profile: string, type: string, unit: string): TopRow[] {
  const options = [`-sample_index=${type}`, `-unit=${unit}`, `-nodecount=${FUNCTIONS_MAX}`];
  const exact = ['-symbolize=none', '-nodefraction=0', '-edgefraction=0'];
  const lines = pprof(['-top', ...exact, ...options, profile]).split('\n');
  const table = lines.slice(lines.findIndex((line) => /^ +flat +flat%/.test(line)) + 1);
  return table.filter((line) => line !== '').flatMap(rowOf);
}

/** flat, flat%, sum%, cum, cum%, name; functions without a self value are no row. */
function rowOf(line: string): TopRow[] {
  const [, self = '', name = ''] = /^ *(-?\d+)[a-z]* +\S+ +\S+ +\S+ +\S+ {2}(.*)$/i.exec(line) ?? [];
  if (self === '') throw new Error(`not a row of the table: ${line}`);
  return self === '0' ? [] : [{ name: name.replace(/ \((partial-)?inline\)$/, ''), self }];
}

function pprof(args: readonly string[]): string {
  return execFileSync('go', ['tool', 'pprof', ...args], { encoding: 'utf8', maxBuffer: 1 << 28, stdio: 'pipe' });
}

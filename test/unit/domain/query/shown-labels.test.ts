import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { compareUtf8, type Labels, sortedLabels } from '#src/domain/model/labels.ts';
import { runSteps, type Steps } from '#src/domain/model/steps.ts';
import { namesOf } from '#src/domain/profile/name-table.ts';
import { LabelSetTable } from '#src/domain/query/label-set-table.ts';
import { compareLabelLists } from '#src/domain/query/series-buckets.ts';
import { type ShownNames, shownLabelSets, shownNames } from '#src/domain/query/shown-labels.ts';
import { columnsOf, labelSetsOfColumns, textsOf } from '../../../fixtures/label-set-columns.ts';
import { Random } from '../../../fixtures/random.ts';

const seed = Number(process.env['SEED'] ?? 1);

/** Among them old names and new ones, beginnings of each other, and a character above U+FFFF before one below. */
const TEXTS = ['a', 'a.b', 'ab', '_c', '9', 'Z', 'é', '\uff5e', '😀', 'b', '10', ''];
const LEGACY = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

function distinct(all: readonly Labels[]): Labels[] {
  const sets = new Map(all.map((labels) => [JSON.stringify(labels), labels]));
  return [...sets.values()].filter(({ length }) => length > 0);
}

/** What `shownLabelSets` gives, told plainly. */
function plainly(all: readonly Labels[], shown: ShownNames): Labels[] {
  const kept = all.map((labels) => labels.filter(({ name }) => shown === 'all' || LEGACY.test(name)));
  return distinct(kept).sort(compareLabelLists);
}

function randomSets(random: Random): Labels[] {
  return Array.from({ length: random.int(0, 40) }, () => {
    const names = new Set(Array.from({ length: random.int(0, 4) }, () => random.pick(TEXTS)));
    return sortedLabels([...names].map((name) => ({ name, value: random.pick(TEXTS) })));
  });
}

test(`label sets are as a plain sort has them, merged in any way (seed ${seed})`, () => {
  const random = new Random(seed);
  for (let round = 0; round < 200; round++) {
    const parts = [randomSets(random), randomSets(random)];
    const table = new LabelSetTable();
    for (const part of parts) runSteps(table.addColumns(columnsOf(part)));
    const merged = runSteps(table.take());

    const all = distinct(parts.flat());
    equal(merged.ends.length, all.length);
    const bytesOf = (text: string) => Buffer.byteLength(text);
    equal(
      merged.textBytes,
      all.flat().reduce((sum, { name, value }) => sum + bytesOf(name) + bytesOf(value), 0),
    );
    for (const shown of ['all', 'legacy'] as const) {
      deepEqual(labelSetsOfColumns(runSteps(shownLabelSets(merged, shown))), plainly(all, shown));
    }
  }
});

test(`names are as a plain sort has them (seed ${seed})`, () => {
  const random = new Random(seed);
  for (let round = 0; round < 200; round++) {
    const names = TEXTS.filter(() => random.chance(0.7)).sort(() => random.int(-1, 1));
    const sorted = names.toSorted(compareUtf8);

    deepEqual(textsOf(runSteps(shownNames(namesOf(names), 'all'))), sorted);
    const legacy = sorted.filter((name) => LEGACY.test(name));
    deepEqual(textsOf(runSteps(shownNames(namesOf(names), 'legacy'))), legacy);
  }
});

test('very many are collected, merged, left out and sorted in steps', () => {
  const n = 100_000;
  const pausesOf = (steps: Steps<unknown>): number => {
    let pauses = 0;
    while (!steps.next().done) pauses++;
    return pauses;
  };
  const values = Array.from({ length: n }, (_, i) => `${(i * 7919) % n}`);
  const columns = columnsOf(values.map((value) => [{ name: 'pod', value }]));

  const merging = pausesOf(new LabelSetTable().addColumns(columns));
  ok(merging >= 6 + 12, `${merging} pauses to merge`);
  const sorting = pausesOf(shownLabelSets(columns, 'all'));
  ok(sorting >= 2 * 25, `${sorting} pauses to sort`);
  ok(pausesOf(shownLabelSets(columns, 'legacy')) >= sorting + merging + 6);
  ok(pausesOf(shownNames(namesOf(values), 'all')) >= 25 + 6);
});

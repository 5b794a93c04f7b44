import { deepEqual, equal, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { BlockMeta, DatasetMeta } from '#src/domain/block/block-meta.ts';
import { compareUtf8, type Labels } from '#src/domain/model/labels.ts';
import { type MatchLimits, MatchMeter } from '#src/domain/series/match-meter.ts';
import type { Matcher } from '#src/domain/series/matcher.ts';
import { type IndexQuery, MetadataIndex } from '#src/services/metastore/metadata-index.ts';
import { Random, runSeed } from '../../../fixtures/random.ts';
import { ORIGIN_MS, randomBlock, SPREAD_MS, TENANTS } from './random-blocks.ts';

const UNLIMITED: MatchLimits = {
  compiledCostMax: Number.POSITIVE_INFINITY,
  stepsMax: Number.POSITIVE_INFINITY,
  timeMsMax: Number.POSITIVE_INFINITY,
};

/** On which every look takes a millisecond. */
function slowClock(): () => number {
  let ms = 0;
  return () => ms++;
}

describe('MetadataIndex', () => {
  const seed = runSeed();
  test(`answers as a plain walk over all blocks does (seed ${seed})`, () => {
    const random = new Random(seed);
    const index = new MetadataIndex();
    const blocks: BlockMeta[] = [];
    let datasets = 0;
    let labelSets = 0;
    for (let round = 0; round < 400; round++) {
      for (let i = random.int(0, 2); i > 0; i--) {
        const block = randomBlock(random);
        blocks.push(block);
        ok(index.add(block));
      }
      const query = randomQuery(random);
      const found = index.findBlocks(query).map((block) => index.blockMetaOf(block));
      deepEqual(found, findBlocksPlain(blocks, query), JSON.stringify(query));
      datasets += found.length;

      const names = random
        .shuffled(['service_name', '__profile_type__', 'region', 'absent'])
        .slice(0, random.int(0, 4));
      const labels = index.findLabels(query, names);
      deepEqual(labels, findLabelsPlain(blocks, query, names), JSON.stringify({ query, names }));
      labelSets += labels.length;
    }
    ok(datasets > 100 && labelSets > 100, `nearly nothing was found: ${datasets} ${labelSets}`);
  });

  test('keeps the first of two blocks with one id', () => {
    const index = new MetadataIndex();
    const block = randomBlock(new Random(1));
    ok(index.add(block));
    equal(index.add({ ...block, shard: block.shard + 1 }), false);
    equal(index.blockCount, 1);
    deepEqual(everything(index), [block]);
  });

  test('finds ids that differ only in their last bits, through every growth of its tables', () => {
    const index = new MetadataIndex();
    const block = randomBlock(new Random(3), { datasets: 1 });
    const ids = Array.from(
      { length: 3_000 },
      (_, i) => `01ARZ3NDEKTSV4RRFFQ69${(i + 65_536).toString(16).toUpperCase()}`,
    );
    for (const id of ids) ok(index.add({ ...block, id }));
    for (const id of ids) ok(index.has(id) && !index.add({ ...block, id }));
    equal(index.has('01ARZ3NDEKTSV4RRFFQ69FFFFF'), false);
    deepEqual(
      everything(index).map(({ id }) => id),
      ids,
    );
  });

  test('has both ends of a range and of a dataset', () => {
    const index = new MetadataIndex();
    const block = randomBlock(new Random(4), { datasets: 1 });
    const { minTimeMs, maxTimeMs } = block;
    index.add(block);
    const count = (startMs: number, endMs: number) =>
      index.findBlocks({ tenants: TENANTS, matchers: [], startMs, endMs }).length;
    equal(count(maxTimeMs, maxTimeMs + 9), 1);
    equal(count(maxTimeMs + 1, maxTimeMs + 9), 0);
    equal(count(minTimeMs - 9, minTimeMs), 1);
    equal(count(minTimeMs - 9, minTimeMs - 1), 0);
  });

  test('finds too much rather than take too long for an expression', () => {
    const index = new MetadataIndex();
    for (const [i, name] of ['ab', 'b'.repeat(20), 'c'].entries()) {
      index.add(labelled(randomBlock(new Random(i), { datasets: 1 }), [{ name: 'service_name', value: name }]));
    }
    const count = (value: string, limits: Partial<MatchLimits>, operator: Matcher['operator'] = '=~') => {
      const meter = new MatchMeter({ ...UNLIMITED, ...limits }, slowClock());
      const matchers: Matcher[] = [{ name: 'service_name', operator, value }];
      return index.findBlocks({ tenants: TENANTS, matchers, startMs: 0, endMs: 1e15, meter }).length;
    };
    equal(count('a.*', {}), 1);
    equal(count('a.*', {}, '!~'), 2);
    equal(count('a.*', { compiledCostMax: 6 }), 3, 'not compiled');
    equal(count('a.*', { compiledCostMax: 6 }, '!~'), 3, 'not compiled, and it is the same for what must not match');
    equal(count('a.*', { stepsMax: 30 }), 2, 'the long value is not looked at');
    equal(count('a.*', { timeMsMax: 3 }), 2, 'time for the empty value and two more');
    equal(count('ab|x', { compiledCostMax: 0, stepsMax: 0, timeMsMax: 0 }), 1, 'words cost nothing');
  });

  test('takes an absent label as the empty string', () => {
    const index = new MetadataIndex();
    const [plain, placed] = [randomBlock(new Random(5), { datasets: 1 }), randomBlock(new Random(6), { datasets: 1 })];
    index.add(labelled(plain, [{ name: 'service_name', value: 'a' }]));
    index.add(
      labelled(placed, [
        { name: 'region', value: 'eu' },
        { name: 'service_name', value: 'a' },
      ]),
    );
    const idsOf = (operator: Matcher['operator'], value: string) =>
      everything(index, [{ name: 'region', operator, value }]).map(({ id }) => id);
    deepEqual(idsOf('=', ''), [plain.id]);
    deepEqual(idsOf('!=', ''), [placed.id]);
    deepEqual(idsOf('=~', '.+'), [placed.id]);
    deepEqual(idsOf('!~', '.+'), [plain.id]);
    deepEqual(idsOf('!=', 'eu'), [plain.id]);
    equal(idsOf('=~', '.*').length, 2);
    equal(idsOf('!=', 'us').length, 2);
    deepEqual(idsOf('=', 'us'), []);
  });

  test('wants one label set to satisfy all conditions, not several together', () => {
    const index = new MetadataIndex();
    const block = randomBlock(new Random(7), { datasets: 1 });
    index.add(
      labelled(
        block,
        [
          { name: '__profile_type__', value: 'cpu' },
          { name: 'region', value: 'eu' },
        ],
        [{ name: '__profile_type__', value: 'memory' }],
      ),
    );
    const cpu: Matcher = { name: '__profile_type__', operator: '=', value: 'cpu' };
    const nowhere: Matcher = { name: 'region', operator: '=', value: '' };
    equal(everything(index, [cpu]).length, 1);
    equal(everything(index, [nowhere]).length, 1);
    equal(everything(index, [cpu, nowhere]).length, 0);
  });
});

function labelled(block: BlockMeta, ...labels: Labels[]): BlockMeta {
  return { ...block, datasets: block.datasets.map((dataset) => ({ ...dataset, labels })) };
}

function everything(index: MetadataIndex, matchers: readonly Matcher[] = []): BlockMeta[] {
  const query = { tenants: TENANTS, startMs: 0, endMs: Number.MAX_SAFE_INTEGER, matchers };
  return index.findBlocks(query).map((block) => index.blockMetaOf(block));
}

function randomQuery(random: Random): IndexQuery {
  const startMs = ORIGIN_MS + random.int(-1_000_000, SPREAD_MS);
  return {
    startMs,
    endMs: startMs + random.int(0, random.chance(0.5) ? SPREAD_MS : 600_000),
    tenants: random.shuffled([...TENANTS, 'nobody', 'alpha']).slice(0, random.int(1, 7)),
    matchers: Array.from({ length: random.int(0, 3) }, () => ({
      name: random.pick(['service_name', '__profile_type__', 'region', 'absent']),
      operator: random.pick(['=', '!=', '=~', '!~'] as const),
      value: random.pick(['', 'web', 'api', 'eu', 'we', 'web.*', 'api|db', '.*', '.+', '.*cpu.*', 'memory:.*', 'ünï']),
    })),
  };
}

// The definition: no postings, no partitions, no interning, and expressions by another engine.

function findBlocksPlain(blocks: readonly BlockMeta[], query: IndexQuery): BlockMeta[] {
  return blocks
    .filter((block) => overlaps(block, query))
    .map((block) => ({ ...block, datasets: block.datasets.filter((d) => matchingSets(d, query).length > 0) }))
    .filter(({ datasets }) => datasets.length > 0)
    .sort((a, b) => compareUtf8(a.tenant, b.tenant) || a.shard - b.shard || compareUtf8(a.id, b.id));
}

function findLabelsPlain(blocks: readonly BlockMeta[], query: IndexQuery, names: readonly string[]): Labels[] {
  const sets = blocks.flatMap(({ datasets }) => datasets.flatMap((dataset) => matchingSets(dataset, query)));
  const projected = sets.map((labels) => labels.filter(({ name }) => names.includes(name)));
  const flat = projected.filter(({ length }) => length > 0).map((labels) => labels.flatMap((l) => [l.name, l.value]));
  const distinct = [...new Map(flat.map((words) => [words.join('\0'), words])).values()];
  distinct.sort((a, b) => {
    const i = a.findIndex((word, at) => word !== b[at]);
    return i === -1 || b[i] === undefined ? a.length - b.length : compareUtf8(a[i] as string, b[i] as string);
  });
  return distinct.map((words) =>
    words.flatMap((name, i) => (i % 2 === 0 ? [{ name, value: words[i + 1] as string }] : [])),
  );
}

function matchingSets(dataset: DatasetMeta, query: IndexQuery): Labels[] {
  if (!query.tenants.includes(dataset.tenant) || !overlaps(dataset, query)) return [];
  return dataset.labels.filter((labels) => query.matchers.every((matcher) => satisfies(labels, matcher)));
}

function satisfies(labels: Labels, { name, operator, value }: Matcher): boolean {
  const actual = labels.find((label) => label.name === name)?.value ?? '';
  const matches = operator.includes('~') ? new RegExp(`^(?:${value})$`, 's').test(actual) : actual === value;
  return operator.startsWith('!') ? !matches : matches;
}

function overlaps(times: { minTimeMs: number; maxTimeMs: number }, { startMs, endMs }: IndexQuery): boolean {
  return times.minTimeMs <= endMs && times.maxTimeMs >= startMs;
}

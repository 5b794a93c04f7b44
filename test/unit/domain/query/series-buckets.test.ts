import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Labels, sortedLabels } from '#src/domain/model/labels.ts';
import { KEY_LENGTH_MAX } from '#src/domain/model/map-key.ts';
import { runSteps } from '#src/domain/model/steps.ts';
import {
  type BucketQuery,
  type ProfilePoints,
  readRangeOf,
  SeriesBuckets,
  stepMsOf,
  topSeries,
} from '#src/domain/query/series-buckets.ts';
import { Random } from '../../../fixtures/random.ts';
import { bucketPoints, mergeBucketedSeries } from '../../../fixtures/series-buckets.ts';
import { textWorkOf } from '../../../fixtures/text-work.ts';

const seed = Number(process.env['SEED'] ?? 1);

type Point = { at: number; value: number; labels?: Record<string, string>; id?: number };

function labelsOf(labels: Record<string, string>): Labels {
  return sortedLabels(Object.entries(labels).map(([name, value]) => ({ name, value })));
}

function pointsOf(points: readonly Point[]): ProfilePoints {
  return {
    labels: points.map(({ labels = {} }) => labelsOf(labels)),
    series: Uint32Array.from(points.keys()),
    timeMs: Float64Array.from(points, ({ at }) => at),
    value: BigInt64Array.from(points, ({ value }) => BigInt(value)),
    profileIds: Uint8Array.from(points.flatMap(({ id = 0 }, i) => [...new Array(15).fill(0), id || i + 1])),
  };
}

function query(startMs: number, endMs: number, stepMs: number, rest: Partial<BucketQuery> = {}): BucketQuery {
  return { startMs, endMs, stepMs, groupBy: [], exemplars: false, ...rest };
}

/** Series as `labels: time=value …`. */
function shown(points: readonly Point[], asked: BucketQuery, limit?: number): string[] {
  return topSeries(bucketPoints(pointsOf(points), asked), limit).map(({ labels, timeMs, value }) => {
    const name = labels.map((label) => `${label.name}=${label.value}`).join(',');
    return `{${name}} ${Array.from(timeMs, (time, i) => `${time}→${value[i]}`).join(' ')}`;
  });
}

const spread: Point[] = [5_000, 10_000, 10_001, 20_000, 25_000, 29_000, 31_000].map((at, i) => ({ at, value: 2 ** i }));

describe('sums', () => {
  test('stop at the last number that fits', () => {
    const max = 2n ** 63n - 1n;
    const points = {
      ...pointsOf([
        { at: 0, value: 0 },
        { at: 0, value: 1 },
      ]),
      series: new Uint32Array(2),
    };
    points.value[0] = max;
    deepEqual([...bucketPoints(points, query(0, 10, 10)).value], [max]);
    points.value.fill(-(2n ** 63n));
    deepEqual([...bucketPoints(points, query(0, 10, 10)).value], [-(2n ** 63n)]);
  });

  test('are kept apart however names and values are cut', () => {
    const at = 0;
    const points: Point[] = [
      { at, value: 1, labels: { a: 'b1 1 cd' } },
      { at, value: 1, labels: { a: 'b', c: 'd' } },
      { at, value: 1, labels: { a: 'bc', c: '' } },
      { at, value: 1, labels: { a: '' } },
      { at, value: 1 },
    ];
    equal(shown(points, query(0, 10, 10, { groupBy: ['a', 'c'] })).length, points.length);
  });
});

describe('groups of long labels', () => {
  test('are told apart without a long text as the key of a map', () => {
    const points = Array.from({ length: 20 }, (_, i) => ({
      ...{ at: i, value: 1 },
      labels: { a: `${'x'.repeat(9000)}${i % 10}`, b: 'y'.repeat(9000) },
    }));
    let series = 0;

    const { longestKey } = textWorkOf(() => {
      series = bucketPoints(pointsOf(points), query(0, 100, 100, { groupBy: ['a', 'b'] })).groups.length;
    });

    equal(series, 10);
    ok(longestKey <= KEY_LENGTH_MAX, `a map has a key of ${longestKey} characters`);
  });

  test('are looked at in more steps', () => {
    const stepsOf = (characters: number): number => {
      const labels = { a: 'x'.repeat(characters) };
      const points = Array.from({ length: 200 }, (_, i) => ({ at: i, value: 1, labels }));
      const steps = new SeriesBuckets().addPoints(pointsOf(points), query(0, 1000, 1, { groupBy: ['a'] }));
      let count = 0;
      while (!steps.next().done) count++;
      return count;
    };
    ok(stepsOf(100_000) > stepsOf(100));
  });
});

describe('stepMsOf', () => {
  test('is whole milliseconds, at least one', () => {
    equal(stepMsOf(0.001), 1);
    equal(stepMsOf(10.0009), 10_000);
    throws(() => stepMsOf(0.0009), { code: 'invalid-argument' });
    throws(() => stepMsOf(Number.NEGATIVE_INFINITY), { code: 'invalid-argument' });
  });

  test('lets steps pass that nothing fits in', () => {
    equal(stepMsOf(Number.NaN), undefined);
    equal(stepMsOf(Number.POSITIVE_INFINITY), undefined);
    equal(stepMsOf(1e300), undefined);
  });
});

describe('bucketPoints', () => {
  test('puts points on the right edges of steps that begin at the start', () => {
    deepEqual(readRangeOf({ startMs: 10_000, endMs: 32_000, stepMs: 10_000 }), { startMs: 0, endMs: 32_000 });
    deepEqual(shown(spread, query(10_000, 32_000, 10_000)), ['{} 10000→3 20000→12 30000→48']);
    deepEqual(shown(spread, query(10_000, 40_000, 10_000)), ['{} 10000→3 20000→12 30000→48 40000→64']);
    deepEqual(shown(spread, query(10_001, 31_000, 5_000)), ['{} 10001→6 20001→8 25001→16 30001→32']);
    deepEqual(shown(spread, query(10_000, 10_000, 10_000)), ['{} 10000→3']);
  });

  test('takes the first step closed on both sides', () => {
    const edge = [
      { at: 0, value: 1 },
      { at: -1, value: 2 },
    ];
    deepEqual(shown(edge, query(10, 10, 10)), ['{} 10→1']);
  });

  test('adds up points of one time', () => {
    const points = [1, 1, 2, 3, 4, 5].map((n) => ({ at: n, value: n }));
    deepEqual(shown(points, query(1, 5, 1)), ['{} 1→2 2→2 3→3 4→4 5→5']);
  });

  test('groups by labels in the order asked for, and leaves out those that a series lacks', () => {
    const points = [
      { at: 1, value: 1, labels: { zone: 'x', env: 'p' } },
      { at: 1, value: 8, labels: { zone: 'y', env: 'p' } },
      { at: 1, value: 2, labels: { env: 'q' } },
      { at: 1, value: 8, labels: { zone: 'x' } },
    ];
    const grouped = (...groupBy: string[]) => shown(points, query(1, 1, 1, { groupBy }));
    deepEqual(grouped('zone'), ['{zone=x} 1→9', '{zone=y} 1→8', '{} 1→2']);
    deepEqual(grouped('env', 'zone'), ['{env=p,zone=y} 1→8', '{zone=x} 1→8', '{env=q} 1→2', '{env=p,zone=x} 1→1']);
    deepEqual(grouped('zone', 'env'), ['{zone=x} 1→8', '{zone=y,env=p} 1→8', '{env=q} 1→2', '{zone=x,env=p} 1→1']);
    deepEqual(grouped('missing'), ['{} 1→19']);
    deepEqual(shown(points, query(1, 1, 1, { groupBy: ['zone'] }), 1), ['{zone=x} 1→9']);
    equal(shown(points, query(1, 1, 1, { groupBy: ['zone'] }), -1).length, 3);
  });

  test('keeps sums beyond 2^53 exact', () => {
    const { labels, series, timeMs, profileIds } = pointsOf([
      { at: 1, value: 0 },
      { at: 1, value: 0 },
    ]);
    const value = BigInt64Array.of(4611686018427387904n, 9007199254740993n);
    const [series1] = topSeries(bucketPoints({ labels, series, timeMs, value, profileIds }, query(1, 1, 1)), 0);
    equal(series1.value[0], 4620693217682128897n);
  });
});

describe('exemplars', () => {
  const asked = (rest: Partial<BucketQuery> = {}) => query(1_000, 3_000, 1_000, { exemplars: true, ...rest });
  const best = (points: readonly Point[], asking = asked()) =>
    topSeries(bucketPoints(pointsOf(points), asking), 0).map(({ exemplars }) =>
      exemplars.map(({ timeMs, value, labels }) => `${timeMs} ${value} ${labels.map((l) => l.name).join(',')}`),
    );

  test('are the profiles with the highest values, with their own times', () => {
    const points = [
      { at: 947, value: 100 },
      { at: 987, value: 300 },
      { at: 1_847, value: 200 },
    ];
    deepEqual(best(points), [['987 300 ', '1847 200 ']]);
    deepEqual(shown(points, asked()), ['{} 1000→400 2000→200']);
  });

  test('are the earliest of equals, then the first by id', () => {
    deepEqual(
      best([
        { at: 990, value: 5 },
        { at: 980, value: 5 },
      ]),
      [['980 5 ']],
    );
    const [series] = topSeries(
      bucketPoints(
        pointsOf([
          { at: 990, value: 5, id: 9 },
          { at: 990, value: 5, id: 8 },
        ]),
        asked(),
      ),
      0,
    );
    equal(series.exemplars[0].profileId, '00000000-0000-0000-0000-000000000008');
  });

  test('have the labels that the series has not', () => {
    const point = { at: 990, value: 5, labels: { pod: 'a', service_name: 's', zone: 'z' } };
    deepEqual(best([point], asked({ groupBy: ['pod'] })), [['990 5 service_name,zone']]);
    deepEqual(best([point], asked({ groupBy: ['pod', 'zone'] })), [['990 5 service_name']]);
    // Recorded: the name that is not in order stays.
    deepEqual(best([point], asked({ groupBy: ['service_name', 'pod'] })), [['990 5 pod,zone']]);
  });

  test('of one profile in several series count together, with the labels they share', () => {
    const points = [
      { at: 990, value: 5, id: 1, labels: { env: 'p', span: '1' } },
      { at: 990, value: 6, id: 1, labels: { env: 'p', span: '2' } },
      { at: 990, value: 7, id: 2, labels: { env: 'q' } },
    ];
    deepEqual(best(points), [['990 11 env']]);
  });

  test('of one profile in several reports do not add up', () => {
    const reports = [
      [{ at: 990, value: 5, id: 1, labels: { env: 'p', span: '1' } }],
      [{ at: 990, value: 6, id: 1, labels: { env: 'p', span: '2' } }],
    ].map((points) => bucketPoints(pointsOf(points), asked()));
    const [series] = topSeries(mergeBucketedSeries(reports), 0);
    equal(series.value[0], 11n);
    equal(series.exemplars[0].value, 6n);
    deepEqual(series.exemplars[0].labels, [{ name: 'env', value: 'p' }]);
  });
});

test(`merging the reports of parts gives the report of all, in any order (seed ${seed})`, () => {
  const random = new Random(seed);
  for (let round = 0; round < 100; round++) {
    const asked = query(100, 100 + random.int(0, 200), random.int(1, 60), {
      groupBy: random.pick([[], ['a'], ['b', 'a']]),
      exemplars: random.chance(0.5),
    });
    const points: Point[] = Array.from({ length: random.int(0, 60) }, (_, i) => ({
      at: random.int(30, 320),
      value: random.int(0, 50),
      labels: random.chance(0.8) ? { a: random.pick(['1', '2']), b: random.pick(['x', 'y']) } : {},
      id: i + 1,
    }));
    const parts: Point[][] = [[], [], []];
    for (const point of points) random.pick(parts).push(point);
    const reports = parts.map((part) => bucketPoints(pointsOf(part), asked));
    const whole = bucketPoints(pointsOf(points), asked);
    // Groups without points are in the report of a part as they are in that of the whole.
    deepEqual(topSeries(mergeBucketedSeries(reports), 0), topSeries(whole, 0));
    deepEqual(topSeries(mergeBucketedSeries([...reports].reverse()), 0), topSeries(whole, 0));
    deepEqual(mergeBucketedSeries([whole]), whole);
  }
});

test('very many points are added up, merged and reported in steps', () => {
  const n = 100_000;
  const points = {
    labels: [[{ name: 'pod', value: 'a' }], [{ name: 'pod', value: 'b' }]],
    series: Uint32Array.from({ length: n }, (_, i) => i & 1),
    timeMs: Float64Array.from({ length: n }, (_, i) => i),
    value: new BigInt64Array(n).fill(1n),
    profileIds: undefined,
  };
  const pausesOf = (steps: Generator<undefined, unknown>): number => {
    let pauses = 0;
    while (!steps.next().done) pauses++;
    return pauses;
  };
  const asked = { startMs: 0, endMs: n, stepMs: 1, groupBy: ['pod'], exemplars: false };
  const buckets = new SeriesBuckets();

  ok(pausesOf(buckets.addPoints(points, asked)) >= 6);
  const report = runSteps(buckets.take());
  equal(report.value.length, n);
  ok(pausesOf(new SeriesBuckets().addReport(report)) >= 6);
  const withIds = { ...points, profileIds: new Uint8Array(16 * n) };
  ok(pausesOf(new SeriesBuckets().addPoints(withIds, { ...asked, exemplars: true })) >= 24);
  const many = new SeriesBuckets();
  const groups = Array.from({ length: n }, (_, i) => [{ name: 'pod', value: `${i}` }]);
  ok(pausesOf(many.addReport({ ...report, groups })) >= 30);
  ok(pausesOf(many.take()) >= 6);
});

test('label sets are grouped by many names in steps', () => {
  const labels = labelsOf(Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`name_${i}`, 'x'])));
  const n = 4000;
  const points = {
    labels: new Array<Labels>(n).fill(labels),
    series: Uint32Array.of(0),
    timeMs: Float64Array.of(1),
    value: BigInt64Array.of(1n),
  };
  const groupBy = Array.from({ length: 128 }, (_, i) => `nobody_${i}`);
  const pausesOf = (exemplars: boolean): number => {
    const profileIds = exemplars ? new Uint8Array(16) : undefined;
    const steps = new SeriesBuckets().addPoints({ ...points, profileIds }, query(1, 1, 1, { groupBy, exemplars }));
    let pauses = 0;
    while (!steps.next().done) pauses++;
    return pauses;
  };

  const plain = pausesOf(false);
  ok(plain >= 400, `${plain} pauses for ${n * 30 * 128} looks`);
  ok(pausesOf(true) >= plain + 15, 'labels of exemplars are looked at in steps as well');
});

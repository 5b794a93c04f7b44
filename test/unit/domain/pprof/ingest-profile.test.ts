import { deepEqual, equal, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type IngestRequest, type IngestResult, ingestPlain } from '#src/domain/pprof/ingest-profile.ts';
import type { IngestedSeries } from '#src/domain/pprof/split.ts';
import { compileRelabelRule } from '#src/domain/series/relabel.ts';
import { labelList, labelText } from '../../../fixtures/labels.ts';
import { defaultProfileLimits } from '../../../fixtures/limits.ts';
import { encodePprof, foldedSamples, plainPprof, pprof } from '../../../fixtures/pprof-builder.ts';
import { Random, runSeed } from '../../../fixtures/random.ts';
import { randomDescription } from '../../../fixtures/random-profile.ts';

const nowMs = 1_790_000_000_000;
const shop = labelList({ __name__: 'process_cpu', service_name: 'shop' });

function ingest(bytes: Uint8Array, request: Partial<IngestRequest> = {}): IngestResult {
  return ingestPlain(bytes, { labels: shop, ingest: undefined, limits: defaultProfileLimits, nowMs, ...request });
}

function seriesOf(bytes: Uint8Array, request: Partial<IngestRequest> = {}): readonly IngestedSeries[] {
  const result = ingest(bytes, request);
  if (result.kind !== 'stored') throw new Error(`${result.kind}: ${JSON.stringify(result)}`);
  return result.series;
}

/** Folded text again: root first, names only, sorted. */
function foldedOf({ samples }: IngestedSeries): string[] {
  return samples
    .map(({ stack, value }) => {
      const names = stack.flatMap(({ lines, address }) =>
        lines.length === 0 ? [`0x${address.toString(16)}`] : lines.map(({ name }) => name),
      );
      return `${names.reverse().join(';')} ${value}`;
    })
    .sort();
}

describe('ingestPlain', () => {
  test('stores a profile under its labels and those that follow from it', () => {
    const bytes = pprof({ samples: foldedSamples('main;parse 1\nmain;write 3') });

    const [series, ...others] = seriesOf(bytes);

    equal(others.length, 0);
    equal(
      labelText(series?.labels ?? []),
      '__name__=process_cpu, __period_type__=cpu, __period_unit__=nanoseconds, ' +
        '__profile_type__=process_cpu:cpu:nanoseconds:cpu:nanoseconds, __service_name__=shop, __type__=cpu, ' +
        '__unit__=nanoseconds, service_name=shop',
    );
    deepEqual(series && foldedOf(series), ['main;parse 1', 'main;write 3']);
    equal(series?.total, 4n);
  });

  test('makes a series of every set of sample labels and every sample type', () => {
    const bytes = pprof({
      types: ['samples/count', 'cpu/nanoseconds'],
      samples: [
        { stack: 'main;pay', v: [1, 10], labels: { endpoint: '/pay' } },
        { stack: 'main;pay', v: [2, 20], labels: { endpoint: '/pay', profile_id: '0102030405060708' } },
        { stack: 'main;list', v: [4, 40], labels: { endpoint: '/list' } },
        { stack: 'main;idle', v: [8, 80] },
      ],
    });

    const totals = seriesOf(bytes).map(({ labels, total }) => {
      const valueOf = (name: string): string | undefined => labels.find((label) => label.name === name)?.value;
      return `${valueOf('__type__')} ${valueOf('endpoint')} ${total}`;
    });

    deepEqual(totals, [
      'samples /pay 3',
      'cpu /pay 30',
      'samples /list 4',
      'cpu /list 40',
      'samples undefined 8',
      'cpu undefined 80',
    ]);
  });

  test('keeps span and trace ids with their samples', () => {
    const labels = { profile_id: '0102030405060708', trace_id: '0123456789abcdef0123456789ABCDEF' };
    const bytes = pprof({
      samples: [
        { stack: 'a', v: [1], labels },
        { stack: 'a', v: [2], labels: { span_id: '0102030405060708', trace_id: 'short' } },
        { stack: 'a', v: [4], labels: { span_id: 'no span' } },
        { stack: 'a', v: [8] },
      ],
    });

    const [series, ...others] = seriesOf(bytes);

    equal(others.length, 0);
    deepEqual(
      series?.samples.map(({ value, spanId, traceId }) => [value, spanId.toString(16), traceId]),
      [
        [1n, '807060504030201', '0123456789abcdef0123456789abcdef'],
        [2n, '807060504030201', '0'.repeat(32)],
        [12n, '0', '0'.repeat(32)],
      ],
    );
  });

  test('joins samples whose labels differ only where the series label wins', () => {
    const bytes = pprof({
      samples: [
        { stack: 'x', v: [10], labels: { zone: 'b' } },
        { stack: 'x', v: [5] },
      ],
    });

    const [series, ...others] = seriesOf(bytes, { labels: [...shop, { name: 'zone', value: 'a' }] });

    equal(others.length, 0);
    deepEqual(series && foldedOf(series), ['x 15']);
  });

  test('leaves out a sample type that has only zeros', () => {
    const bytes = pprof({ types: ['alloc_space/bytes', 'inuse_space/bytes'], samples: [{ stack: 'a', v: [1, 0] }] });

    equal(seriesOf(bytes).length, 1);
  });

  test('makes one sample of stacks that are equal although the profile says everything twice', () => {
    const profile = plainPprof({
      samples: [
        { stack: [{ fn: 'a', addr: 1 }], v: [1] },
        { stack: [{ fn: 'a', addr: 2 }], v: [2] },
      ],
    });

    deepEqual(foldedOf(seriesOf(encodePprof(profile))[0] as IngestedSeries), ['a 3']);
  });

  test('drops what has nothing left, with any labels', () => {
    const zero = pprof({ samples: [{ stack: 'a', v: [0] }] });

    deepEqual(ingest(zero), { kind: 'dropped' });
    deepEqual(ingest(pprof({ samples: [] })), { kind: 'dropped' });
    deepEqual(ingest(zero, { labels: [] }), { kind: 'dropped' });
  });

  test('refuses labels of profiles that have something left', () => {
    const result = ingest(pprof({ samples: [{ stack: 'a', v: [1] }] }), { labels: labelList({ service_name: 's' }) });

    ok(result.kind === 'refused');
    equal(result.error.code, 'invalid-argument');
    equal(result.error.details.reason, 'invalid_labels');
  });

  test('refuses a sample with more text labels than a series may have', () => {
    const labels = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`l${i}`, 'x']));

    const result = ingest(pprof({ samples: [{ stack: 'a', v: [1], labels }] }));

    ok(result.kind === 'refused');
    equal(result.error.details.reason, 'max_label_names_per_series');
  });

  test('drops groups that a relabeling rule drops, and says so when none is left', () => {
    const drop = compileRelabelRule({ action: 'drop', sourceLabels: ['endpoint'], regex: '/health' });
    const health = { stack: 'a', v: [1], labels: { endpoint: '/health' } };
    const bytes = pprof({ samples: [health, { stack: 'b', v: [2] }] });

    deepEqual(foldedOf(seriesOf(bytes, { relabelRules: [drop] })[0] as IngestedSeries), ['b 2']);
    deepEqual(ingest(pprof({ samples: [health] }), { relabelRules: [drop] }), {
      kind: 'dropped',
      reason: 'dropped_by_relabel_rules',
    });
  });

  test('cuts type parameters from Go names and adds up what became equal', () => {
    const bytes = pprof({
      samples: [
        { stack: [{ fn: 'main.main', file: '/src/main.go' }, { fn: 'slices.Sort[go.shape.[]int]' }], v: [1] },
        { stack: [{ fn: 'main.main', file: '/src/main.go' }, { fn: 'slices.Sort[go.shape.[]string]' }], v: [2] },
        { stack: [{ fn: 'main.main', file: '/src/main.go' }, { fn: 'pkg.Map[int]' }], v: [4] },
      ],
    });

    deepEqual(foldedOf(seriesOf(bytes)[0] as IngestedSeries), ['main.main;pkg.Map[int] 4', 'main.main;slices.Sort 3']);
  });

  test('leaves such names alone in other languages', () => {
    const bytes = pprof({ samples: [{ stack: 'main;f[go.shape.int]', v: [1] }] });
    const labels = [...shop, { name: 'pyroscope_spy', value: 'pyspy' }];

    deepEqual(foldedOf(seriesOf(bytes, { labels })[0] as IngestedSeries), ['main;f[go.shape.int] 1']);
  });

  test('writes where the source is into the build id of every mapping', () => {
    const labels = [
      ...shop,
      ...labelList({ service_repository: 'https://example.com/r', service_git_ref: 'abc', service_root_path: 'sub' }),
    ];
    const bytes = pprof({
      mappings: [{ file: '/bin/app', buildId: 'deadbeef' }],
      samples: [{ stack: [{ fn: 'a' }, { fn: 'b', mapping: 0 }], v: [3] }],
    });

    const stack = seriesOf(bytes, { labels })[0]?.samples[0]?.stack ?? [];

    deepEqual(
      stack.map(({ mapping }) => mapping?.buildId),
      [
        '{"repository":"https://example.com/r","git_ref":"abc","root_path":"sub"}',
        '{"repository":"https://example.com/r","git_ref":"abc","build_id":"deadbeef","root_path":"sub"}',
      ],
    );
  });

  test('names what comes through /ingest by its sample types, and takes its time from the request', () => {
    const fromNanos = BigInt(nowMs - 60_000) * 1_000_000n;
    const bytes = pprof({
      types: ['inuse-space/bytes'],
      period: ['x/y', 1],
      timeNanos: 5n,
      samples: [{ stack: 'a', v: [5] }],
    });
    const request = {
      labels: labelList({ service_name: 'd' }),
      ingest: { spyName: 'dotnetspy', fromNanos, displayNames: undefined },
    };

    const result = ingest(bytes, request);

    ok(result.kind === 'stored');
    equal(result.timeNanos, fromNanos);
    equal(
      result.series[0]?.labels.find(({ name }) => name === '__profile_type__')?.value,
      'memory:inuse_space:bytes:x:y',
    );
  });

  const seed = runSeed();
  test(`does not care how a profile is written down (seed ${seed})`, () => {
    const random = new Random(seed);
    for (let round = 0; round < 60; round++) {
      const profile = plainPprof(randomDescription(random));
      const shuffled = {
        ...profile,
        locations: random.shuffled(profile.locations),
        functions: random.shuffled(profile.functions),
      };

      const expected = ingest(encodePprof(profile));

      deepEqual(ingest(encodePprof(shuffled, { packed: false, unknownFields: true })), expected, `round ${round}`);
    }
  });

  test(`stores every value that is not dropped, once (seed ${seed})`, () => {
    const random = new Random(seed);
    for (let round = 0; round < 60; round++) {
      const description = randomDescription(random);
      const kept = description.samples.filter(({ v }) => v.every((value) => value >= 0));
      const expected = kept.reduce((sum, { v }) => sum + v.reduce<bigint>((a, b) => a + BigInt(b), 0n), 0n);

      const result = ingest(pprof(description));

      const series = result.kind === 'stored' ? result.series : [];
      equal(
        series.reduce((sum, { total }) => sum + total, 0n),
        expected,
        `round ${round}`,
      );
      for (const { samples, total } of series)
        equal(
          samples.reduce((sum, { value }) => sum + value, 0n),
          total,
        );
    }
  });
});

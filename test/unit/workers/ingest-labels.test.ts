import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { bothResults } from '../../fixtures/ingest.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { labelList } from '../../fixtures/labels.ts';
import { encodePprof, plainPprof, pprof } from '../../fixtures/pprof-builder.ts';

const kernels = testKernels();

describe('ingestProfile, labels of samples', () => {
  // The table of groups has room for 64 at first.
  for (const groups of [1, 2, 31, 32, 33, 100, 2000]) {
    test(`splits a profile into ${groups} series`, () => {
      const samples = Array.from({ length: groups * 2 }, (_, i) => ({
        stack: `main;f${i % 5}`,
        v: [i + 1],
        labels: [
          ['b', `x${i % groups}`],
          ['a', 'same'],
        ] as const,
      }));

      const lines = bothResults(kernels, pprof({ samples }));

      equal(lines.filter((line) => line.includes(' total ')).length, groups);
    });
  }

  // Sorted by insertion below 48 labels, by digits from there on. The last count would take
  // the former billions of steps.
  for (const count of [2, 47, 48, 49, 300, 70_000]) {
    test(`sorts ${count} labels of one sample that come in reverse`, () => {
      const limits = { maxLabelNamesPerSeries: 0 };
      const names = Array.from({ length: count }, (_, i) => `k${i}`);
      const reversed = pprof({
        samples: [
          // This one gives the names their numbers, and has several values for one of them.
          { stack: 'main', v: [1], labels: [...names, 'k1', 'k1'].map((name, i) => [name, `${i % 3}`] as const) },
          { stack: 'main', v: [2], labels: names.toReversed().map((name) => [name, 'x'] as const) },
          { stack: 'main', v: [4], labels: names.map((name) => [name, 'x'] as const) },
        ],
      });

      const lines = bothResults(kernels, reversed, limits);

      deepEqual(lines.flatMap((line) => /total (\d+)/.exec(line)?.[1] ?? []).sort(), ['1', '6']);
    });
  }

  test('finds one series in labels that differ in order, repetition and emptiness', () => {
    const labels: readonly (readonly (readonly [string, string])[])[] = [
      [
        ['a', '1'],
        ['b', '2'],
      ],
      [
        ['b', '2'],
        ['a', '1'],
      ],
      [
        ['b', '2'],
        ['c', ''],
        ['a', '1'],
      ],
    ];

    const lines = bothResults(
      kernels,
      pprof({ samples: labels.map((pairs) => ({ stack: 'main', v: [1], labels: pairs })) }),
    );

    equal(lines.length, 2);
    bothResults(
      kernels,
      pprof({
        samples: [
          {
            stack: 'main',
            v: [1],
            labels: [
              ['a', '2'],
              ['a', '1'],
              ['a', '3'],
            ],
          },
        ],
      }),
    );
  });

  test('finds one series where the profile repeats a string', () => {
    const base = plainPprof({
      samples: [
        { stack: 'main', v: [1], labels: { key: 'x' } },
        { stack: 'main', v: [2], labels: { key: 'y' } },
      ],
    });
    const strings = base.strings.map((string) =>
      string.text === 'y' ? { text: 'x', bytes: Buffer.from('x') } : string,
    );

    const lines = bothResults(kernels, encodePprof({ ...base, strings }));

    equal(lines.length, 2);
    match(lines[0], /total 3|key=x/);
  });

  test('tells label sets apart whose texts look alike when they are put in a row', () => {
    const samples = [
      { stack: 'main', v: [1], labels: { a: '1\uffffb\uffff2' } },
      { stack: 'main', v: [2], labels: { a: '1', b: '2' } },
    ];

    const lines = bothResults(kernels, pprof({ samples }));

    equal(lines.filter((line) => line.includes(' total ')).length, 2);
  });

  test('keeps the last good span id, whichever of its two names it has', () => {
    const ids: readonly (readonly (readonly [string, string])[])[] = [
      [['span_id', '0102030405060708']],
      [['profile_id', '0102030405060708']],
      [
        ['span_id', '0102030405060708'],
        ['profile_id', 'fF00000000000000'],
      ],
      [
        ['span_id', '0102030405060708'],
        ['span_id', 'g102030405060708'],
      ],
      [['span_id', '010203040506070']],
      [['span_id', '01020304050607080']],
      [['span_id', '0000000000000000']],
      [
        ['trace_id', '0102030405060708090A0B0C0D0E0F10'],
        ['span_id', 'ffffffffffffffff'],
      ],
      [['trace_id', '0102030405060708']],
    ];

    bothResults(kernels, pprof({ samples: ids.map((labels, i) => ({ stack: 'main', v: [i + 1], labels })) }));
    for (const labels of ids) bothResults(kernels, pprof({ samples: [{ stack: 'main', v: [1], labels }] }));
  });
});

describe('ingestProfile, what a request adds', () => {
  const samples = [
    {
      stack: [
        { fn: 'main', file: 'a.py' },
        { addr: 4242, mapping: 0 },
      ],
      v: [5],
    },
  ];
  const version = labelList({
    __name__: 'process_cpu',
    service_name: 'shop',
    service_repository: 'https://git.example/shop?a=<b>&c',
    service_git_ref: 'v1',
  });

  test('writes the version into the build id of every mapping, also where there is none', () => {
    const mappings = [
      { file: '/bin/app', buildId: 'abc' },
      { file: '/lib/x.so', functions: false },
    ];

    const lines = bothResults(kernels, pprof({ mappings, samples }), {}, { labels: version });

    match(lines.join('\n'), /"build_id":"abc"/);
    match(lines.join('\n'), /git_ref/);
    bothResults(kernels, pprof({ mappings: [], samples }), {}, { labels: version });
  });

  test('does without built-in rules when the limits switch them off', () => {
    const labels = labelList({ __name__: 'godeltaprof_memory', service_name: 'shop' });
    const profile = pprof({ types: ['alloc_space/bytes'], period: null, samples });

    const on = bothResults(kernels, profile, {}, { labels });
    const off = bothResults(kernels, profile, { ingestionRelabelingDefaultRulesPosition: 'disabled' }, { labels });

    match(on[0], /__name__=memory/);
    match(off[0], /__name__=godeltaprof_memory/);
  });

  const from = 1_795_000_000_000_000_000n;
  for (const timeNanos of [0n, 1n, 1_700_000_000_000n, 1_795_000_000_000_000_123n]) {
    test(`stores a time of ${timeNanos} from /ingest as the plain version does`, () => {
      const ingest = { spyName: 'gospy', fromNanos: from, displayNames: undefined };

      const lines = bothResults(kernels, pprof({ timeNanos, samples }), {}, { ingest });

      ok(lines.join('\n').includes(` at ${timeNanos < 10n ** 16n ? from : timeNanos} `));
    });
  }

  for (const spyName of ['pyspy', 'rbspy', 'scripting', 'gospy', 'unknown', 'ebpfspy']) {
    test(`names functions of ${spyName} as the plain version does`, () => {
      const ingest = { spyName, fromNanos: from, displayNames: undefined };
      const stack = [
        { fn: 'main', file: 'app.py', line: 3 },
        { fn: 'main', file: 'app.py', line: 4, start: 1 },
        { fn: 'run', file: '/usr/lib/run.py' },
      ];

      bothResults(kernels, pprof({ samples: [{ stack, v: [5] }] }), {}, { ingest });
    });
  }

  test('mends profiles of .NET without function ids and with dashes in their types', () => {
    const base = plainPprof({ types: ['inuse-space/bytes'], period: null, samples: [{ stack: 'a;b', v: [5] }] });
    const profile = encodePprof({ ...base, functions: base.functions.map((fn) => ({ ...fn, id: 0n })) });
    const ingest = { fromNanos: from, displayNames: undefined };

    match(bothResults(kernels, profile, {}, { ingest: { ...ingest, spyName: 'dotnetspy' } })[0], /inuse_space/);
    const old = { ...ingest, spyName: 'unknown', displayNames: { 'inuse-space': 'memory' } };
    match(bothResults(kernels, profile, {}, { ingest: old })[0], /inuse_space/);
    match(bothResults(kernels, profile, {}, { ingest: { ...ingest, spyName: 'gospy' } })[0], /^refused/);
  });
});

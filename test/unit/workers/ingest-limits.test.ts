import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { requestLabels } from '#src/domain/series/request-labels.ts';
import { dashedSampleTypes, functionsOfOneFile } from '../../fixtures/amplified-pprof.ts';
import { bothResults, kernelResult, openLimits } from '../../fixtures/ingest.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { defaultProfileLimits } from '../../fixtures/limits.ts';
import { encodePprof, pprof } from '../../fixtures/pprof-builder.ts';

const kernels = testKernels();

describe('ingestProfile, limits', () => {
  const many = (count: number): Uint8Array =>
    pprof({ samples: Array.from({ length: count }, (_, i) => ({ stack: `f${i}`, v: [1] })) });
  const deep = (depth: number): Uint8Array =>
    pprof({ samples: [{ stack: Array.from({ length: depth }, (_, i) => `f${i}`), v: [1] }] });
  const labelled = (count: number): Uint8Array =>
    pprof({
      samples: [
        { stack: 'main', v: [1], labels: Object.fromEntries(Array.from({ length: count }, (_, i) => [`l${i}`, 'x'])) },
      ],
    });
  const named = (name: string): Uint8Array => pprof({ samples: [{ stack: [{ fn: name }], v: [1] }] });

  for (const [limit, accepted, refused] of [
    [{ maxProfileStacktraceSamples: 10 }, many(10), many(11)],
    [{ maxProfileStacktraceSampleLabels: 10 }, labelled(10), labelled(11)],
    [{ maxProfileSizeBytes: many(5).length }, many(5), many(6)],
  ] as const) {
    test(`takes a profile of exactly ${JSON.stringify(limit)} and refuses a larger one by name`, () => {
      equal(bothResults(kernels, accepted, limit)[0].startsWith('refused'), false);

      const refusedResult = kernelResult(kernels, refused, { ...openLimits, ...limit })[0];

      match(refusedResult, /^refused: (samples_limit|sample_labels_limit|profile_size_limit): /);
      match(refusedResult, /limit \d+( bytes)?, actual /);
    });
  }

  test('answers the same for labels over their limits, whether they came along or were kept back at the door', () => {
    const sent = Array.from({ length: 40 }, (_, i) => ({ name: `l${i}`, value: 'v' }));
    const { labels, labelFault } = requestLabels(sent, openLimits);
    const profiles = { good: many(1), malformed: Uint8Array.of(1, 2, 3), empty: pprof({ samples: [] }) };

    const results = Object.values(profiles).map((profile) => {
      const result = kernelResult(kernels, profile, openLimits, { labels, labelFault });
      deepEqual(result, kernelResult(kernels, profile, openLimits, { labels: sent }));
      return result[0];
    });

    match(results[0] ?? '', /^refused: max_label_names_per_series: /);
    match(results[1] ?? '', /^refused: malformed_profile: /);
    equal(results[2], 'dropped');
  });

  test('counts every label that a series has in the end: the name that /ingest finds, the fallback, those of samples', () => {
    const limit = { maxLabelNamesPerSeries: 30 };
    const labels = (count: number, ...others: string[]): { name: string; value: string }[] => [
      ...others.map((name) => ({ name, value: 'x' })),
      ...Array.from({ length: count }, (_, i) => ({ name: `own${i}`, value: 'x' })),
    ];
    const ingest = { spyName: 'x', fromNanos: 0n, displayNames: undefined };

    for (const [profile, exactly, oneMore] of [
      [many(1), { labels: labels(28), ingest }, { labels: labels(29), ingest }],
      [many(1), { labels: labels(28, '__name__') }, { labels: labels(29, '__name__') }],
      [
        labelled(20),
        { labels: labels(8, '__name__', 'service_name') },
        { labels: labels(9, '__name__', 'service_name') },
      ],
      [
        many(1),
        { labels: labels(28, '__name__', '__session_id__') },
        { labels: labels(29, '__name__', '__session_id__') },
      ],
    ] as const) {
      equal(bothResults(kernels, profile, limit, exactly)[0]?.startsWith('refused'), false);
      match(
        bothResults(kernels, profile, limit, oneMore)[0] ?? '',
        /^refused: max_label_names_per_series: .*--validation.max-label-names-per-series: limit 30, actual 31/,
      );
    }
  });

  for (const [spyName, profile, words] of [
    [
      'pyspy',
      functionsOfOneFile(2000, 1_000_000),
      /fixup_name_bytes_max: limit 16777216 bytes \(16 MiB\), actual at least /,
    ],
    [
      'rbspy',
      functionsOfOneFile(2000, 1_000_000),
      /fixup_name_bytes_max: limit 16777216 bytes \(16 MiB\), actual at least /,
    ],
    [
      'scripting',
      functionsOfOneFile(2000, 1_000_000),
      /fixup_name_bytes_max: limit 16777216 bytes \(16 MiB\), actual at least /,
    ],
    ['dotnetspy', dashedSampleTypes(1025, 1_000_000), /sample_types_max: limit 1024, actual 1025/],
    [
      'dotnetspy',
      dashedSampleTypes(50, 1_000_000),
      /^refused: label_value_too_long: .*--validation.max-length-label-value/,
    ],
  ] as const) {
    test(`refuses ${profile.sampleTypes.length} sample types of ${spyName} that would multiply a long name`, () => {
      const ingest = { spyName, fromNanos: 0n, displayNames: undefined };
      const { maxProfileSymbolValueLength, maxLabelValueLength } = defaultProfileLimits;

      const limits = { maxProfileSymbolValueLength, maxLabelValueLength };
      match(bothResults(kernels, encodePprof(profile), limits, { ingest })[0] ?? '', words);
    });
  }

  for (const depth of [9, 10, 11, 500]) {
    test(`cuts a stack of ${depth} at a limit of 10 from the leaf side`, () => {
      const lines = bothResults(kernels, deep(depth), { maxProfileStacktraceDepth: 10 });

      const frames = (lines.find((line) => line.includes(' < ')) ?? '').split(' < ');
      equal(frames.length, Math.min(depth, 10));
      match(frames.at(-1) ?? '', / f0\|/);
    });
  }

  for (const name of ['x'.repeat(9), 'x'.repeat(10), 'x'.repeat(11), `${'é'.repeat(4)}abc`, '😀😀😀', 'é'.repeat(50)]) {
    test(`keeps the last 10 bytes of ${name}, or fewer where a character would be cut`, () => {
      const lines = bothResults(kernels, named(name), { maxProfileSymbolValueLength: 10 });

      ok(lines.every((line) => !line.includes('\ufffd')));
    });
  }
});

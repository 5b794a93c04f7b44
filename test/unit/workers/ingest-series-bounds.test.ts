import { deepEqual, equal, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { sampleTypesMax } from '#src/domain/pprof/type-limit.ts';
import { Head } from '#src/workers/head.ts';
import { ingestProfile } from '#src/workers/ingest-profile.ts';
import { bothResults, INGEST_NOW_MS, ingestItem, openLimits } from '../../fixtures/ingest.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { encodePprof, plainPprof } from '../../fixtures/pprof-builder.ts';

// Few bytes that are many series, each with labels of its own: types by themselves, and types times label sets. Found by
// scripts/fuzz.ts: 2 MB of sample types kept a thread for 2.7 s, and 20 KB of gzip made 400,000 lists of labels.

/** A profile with samples that each have a label value of their own, and as many values as there are types. */
function profileOf(types: number, sampleCount = 1): Uint8Array {
  const base = plainPprof({
    samples: Array.from({ length: sampleCount }, (_, i) => ({ stack: 'main', v: [1], labels: { key: `value${i}` } })),
  });
  return encodePprof({
    ...base,
    sampleTypes: new Array(types).fill(base.sampleTypes[0]),
    samples: base.samples.map((sample) => ({ ...sample, values: new Array<bigint>(types).fill(1n) })),
  });
}

describe('ingestProfile, series', () => {
  test('stores as many sample types as there may be', () => {
    const lines = bothResults(testKernels(), profileOf(sampleTypesMax));

    equal(
      lines.some((line) => line.startsWith('refused')),
      false,
      lines[0],
    );
  });

  test('refuses more sample types by name', () => {
    deepEqual(bothResults(testKernels(), profileOf(sampleTypesMax + 1)), [
      'refused: malformed_profile: malformed profile: it has more sample types than sample_types_max: ' +
        'limit 1024, actual 1025',
    ]);
  });

  test('makes no more labels than there is room for in a head', () => {
    const kernels = testKernels({ headBytesMax: 1 << 20 });
    let labelSets = 0;
    // The labels of each series are held against this limit.
    const limits = Object.defineProperty({ ...openLimits }, 'maxLabelNamesPerSeries', {
      get: () => {
        labelSets++;
        return 0;
      },
    });

    const outcome = ingestProfile(kernels, new Head(kernels), ingestItem(profileOf(100, 2000)), limits, INGEST_NOW_MS);

    equal(outcome.kind, 'refused');
    ok(labelSets < 100, `${labelSets} of 2000 label sets`);
  });
});

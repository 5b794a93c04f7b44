import { deepEqual, equal, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fixupNameBytesMax, nameFixupOf, withIngestFixups } from '#src/domain/pprof/ingest-fixups.ts';
import type { IngestOptions } from '#src/domain/pprof/ingest-options.ts';
import { type PlainProfile, textAt } from '#src/domain/pprof/plain-profile.ts';
import { validateProfile } from '#src/domain/pprof/validate.ts';
import { dashedSampleTypes, functionsOfOneFile } from '../../../fixtures/amplified-pprof.ts';
import { INGEST_NOW_MS, openLimits } from '../../../fixtures/ingest.ts';
import { plainPprof } from '../../../fixtures/pprof-builder.ts';

const fromNanos = 1_790_000_000_000_000_000n;
const plain: IngestOptions = { spyName: 'unknown', fromNanos, displayNames: undefined };

const script = plainPprof({
  types: ['samples/count'],
  samples: [
    {
      stack: [
        { fn: '<module>', file: 'app/main.py', line: 1 },
        { fn: 'run', file: '/usr/lib/python3/threading.py', line: 9 },
        { fn: 'work', file: 'app/work.py', line: 4 },
      ],
      v: [5],
    },
  ],
});

/** Root first. */
function frameNames(profile: PlainProfile): string[] {
  const ids = profile.samples[0]?.locationIds ?? [];
  return ids
    .map((id) => {
      const functionId = profile.locations.find((location) => location.id === id)?.lines[0]?.functionId;
      return textAt(profile, profile.functions.find((fn) => fn.id === functionId)?.name ?? 0n);
    })
    .reverse();
}

describe('withIngestFixups', () => {
  test('replaces a time in 1970, whatever the unit that made it one', () => {
    const timeOf = (timeNanos: bigint): bigint =>
      withIngestFixups({ ...script, timeNanos }, plain, openLimits).timeNanos;

    equal(timeOf(0n), fromNanos);
    equal(timeOf(1_790_000_000_000n), fromNanos);
    equal(timeOf(1_790_000_000_000_000n), fromNanos);
    equal(timeOf(31_535_999_999_999_999n), fromNanos);
    equal(timeOf(31_536_000_000_000_000n), 31_536_000_000_000_000n);
  });

  test('puts files in front of the names of script languages', () => {
    for (const spyName of ['rbspy', 'scripting']) {
      deepEqual(frameNames(withIngestFixups(script, { ...plain, spyName }, openLimits)), [
        'app/main.py <module>',
        '/usr/lib/python3/threading.py run',
        'app/work.py work',
      ]);
    }
  });

  test('leaves what py-spy has from the system alone', () => {
    deepEqual(frameNames(withIngestFixups(script, { ...plain, spyName: 'pyspy' }, openLimits)), [
      'app/main.py <module>',
      'run',
      'app/work.py work',
    ]);
  });

  test('keeps system name, file and start line of a renamed function, and makes those of one file and name equal', () => {
    const profile = plainPprof({
      samples: [
        {
          stack: [
            { fn: 'f', file: 'a.rb', start: 3 },
            { fn: 'f', file: 'a.rb', start: 9 },
          ],
          v: [1],
        },
      ],
    });

    const mended = withIngestFixups(profile, { ...plain, spyName: 'rbspy' }, openLimits);

    deepEqual(
      mended.functions.map(({ id }) => id),
      profile.functions.map(({ id }) => id),
    );
    for (const { name, systemName, filename, startLine } of mended.functions) {
      deepEqual(
        [name, systemName, filename].map((row) => textAt(mended, row)),
        ['a.rb f', 'f', 'a.rb'],
      );
      equal(startLine, 3n);
    }
  });

  test('mends no names of other agents', () => {
    deepEqual(frameNames(withIngestFixups(script, { ...plain, spyName: 'nodespy' }, openLimits)), [
      '<module>',
      'run',
      'work',
    ]);
  });

  describe('for .NET', () => {
    const dotnet = plainPprof({
      types: ['inuse-space/bytes'],
      period: ['x-y/z', 1],
      samples: [{ stack: 'a;b', v: [5] }],
    });
    const typeOf = (ingest: IngestOptions): string => {
      const mended = withIngestFixups(dotnet, ingest, openLimits);
      return textAt(mended, mended.sampleTypes[0]?.type ?? 0n);
    };

    test('makes underscores of the dashes in sample types', () => {
      equal(typeOf({ ...plain, spyName: 'dotnetspy' }), 'inuse_space');
      equal(typeOf({ ...plain, displayNames: { 'inuse-space': 'x' } }), 'inuse_space');
    });

    test('does so for no other agent', () => {
      equal(typeOf({ ...plain, spyName: 'other', displayNames: { 'inuse-space': 'x' } }), 'inuse-space');
      equal(typeOf({ ...plain, displayNames: {} }), 'inuse-space');
      equal(typeOf(plain), 'inuse-space');
    });

    test('gives functions without ids those of the locations beside them', () => {
      const broken = { ...dotnet, functions: dotnet.functions.map((fn) => ({ ...fn, id: 0n })) };
      const ids = (profile: PlainProfile): bigint[] => profile.functions.map(({ id }) => id);

      deepEqual(ids(withIngestFixups(broken, { ...plain, spyName: 'dotnetspy' }, openLimits)), [1n, 2n]);
      const one = { ...broken, functions: broken.functions.slice(1) };
      deepEqual(ids(withIngestFixups(one, { ...plain, spyName: 'dotnetspy' }, openLimits)), [0n]);
    });
  });

  describe('of names that are small and would be large', () => {
    const limits = { maxProfileSymbolValueLength: 65_536 };
    const addedStrings = (profile: PlainProfile, spyName: string): number => {
      const mended = withIngestFixups(profile, { ...plain, spyName }, limits);
      return mended.strings.length - profile.strings.length;
    };

    for (const spyName of ['pyspy', 'rbspy', 'scripting']) {
      test(`takes exactly fixup_name_bytes_max of new names from ${spyName}, and refuses more by name`, () => {
        const most = fixupNameBytesMax / limits.maxProfileSymbolValueLength;

        equal(addedStrings(functionsOfOneFile(most, 1_000_000), spyName), most);
        throws(() => addedStrings(functionsOfOneFile(most + 1, 1_000_000), spyName), {
          code: 'invalid-argument',
          message: /fixup_name_bytes_max: limit 16777216 bytes \(16 MiB\), actual at least 16842752 bytes/,
        });
      });

      test(`makes the name of functions with equal rows once for ${spyName}`, () => {
        const profile = functionsOfOneFile(2000, 1_000_000);
        const name = profile.functions[0]?.name ?? 0n;
        const same = { ...profile, functions: profile.functions.map((fn) => ({ ...fn, name })) };

        equal(addedStrings(same, spyName), 1);
      });
    }

    test('mends the name that many sample types of dotnetspy have once', () => {
      equal(addedStrings(dashedSampleTypes(50, 1_000_000), 'dotnetspy'), 1);
    });

    test('refuses more sample types of dotnetspy than there may be before it mends any', () => {
      equal(addedStrings(dashedSampleTypes(1024, 10), 'dotnetspy'), 1);
      throws(() => addedStrings(dashedSampleTypes(1025, 10), 'dotnetspy'), /sample_types_max: limit 1024, actual 1025/);
    });

    test('cuts names as the validation cuts the whole ones', () => {
      for (const [fn, file] of [
        ['name', 'file'],
        ['é😀é', 'é😀é'],
        ['', 'é😀é'],
        ['é😀é', ''],
      ] as const) {
        const profile = plainPprof({ samples: [{ stack: [{ fn, file }], v: [1] }] });
        for (let max = 1; max < 20; max++) {
          const cut = { ...openLimits, maxProfileSymbolValueLength: max };
          const mended = withIngestFixups(profile, { ...plain, spyName: 'rbspy' }, cut);
          const whole = withIngestFixups(profile, { ...plain, spyName: 'rbspy' }, openLimits);
          const valid = validateProfile(whole, 0, cut, INGEST_NOW_MS);

          equal(mended.strings.at(-1)?.text, valid.strings.at(-1)?.text, `${file} ${fn} cut to ${max}`);
        }
      }
    });
  });

  test('survives references that lead nowhere', () => {
    const odd = {
      ...script,
      functions: script.functions.map((fn) => ({ ...fn, name: -1n, filename: 99n })),
      sampleTypes: [{ type: 99n, unit: -5n }],
    };

    for (const spyName of ['pyspy', 'dotnetspy']) withIngestFixups(odd, { ...plain, spyName }, openLimits);
  });
});

test('nameFixupOf tells the agents whose profiles no kernel can mend', () => {
  equal(nameFixupOf(plain), undefined);
  equal(nameFixupOf({ ...plain, spyName: 'gospy' }), undefined);
  equal(nameFixupOf({ ...plain, spyName: 'rbspy' }), 'files');
  equal(nameFixupOf({ ...plain, spyName: 'scripting' }), 'files');
  equal(nameFixupOf({ ...plain, spyName: 'pyspy' }), 'relative-files');
  equal(nameFixupOf({ ...plain, spyName: 'dotnetspy' }), 'dotnet');
  equal(nameFixupOf({ ...plain, displayNames: { 'inuse-space': '' } }), 'dotnet');
});

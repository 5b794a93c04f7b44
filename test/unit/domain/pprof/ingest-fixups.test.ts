import { deepEqual, equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { needsPlainFixups, withIngestFixups } from '#src/domain/pprof/ingest-fixups.ts';
import type { IngestOptions } from '#src/domain/pprof/ingest-options.ts';
import { type PlainProfile, textAt } from '#src/domain/pprof/plain-profile.ts';
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
    const timeOf = (timeNanos: bigint): bigint => withIngestFixups({ ...script, timeNanos }, plain).timeNanos;

    equal(timeOf(0n), fromNanos);
    equal(timeOf(1_790_000_000_000n), fromNanos);
    equal(timeOf(1_790_000_000_000_000n), fromNanos);
    equal(timeOf(31_535_999_999_999_999n), fromNanos);
    equal(timeOf(31_536_000_000_000_000n), 31_536_000_000_000_000n);
  });

  test('puts files in front of the names of script languages', () => {
    for (const spyName of ['rbspy', 'scripting']) {
      deepEqual(frameNames(withIngestFixups(script, { ...plain, spyName })), [
        'app/main.py <module>',
        '/usr/lib/python3/threading.py run',
        'app/work.py work',
      ]);
    }
  });

  test('leaves what py-spy has from the system alone', () => {
    deepEqual(frameNames(withIngestFixups(script, { ...plain, spyName: 'pyspy' })), [
      'app/main.py <module>',
      'run',
      'app/work.py work',
    ]);
  });

  test('keeps system name, file and start line of a renamed function, and makes one of those with equal names', () => {
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

    const mended = withIngestFixups(profile, { ...plain, spyName: 'rbspy' });

    equal(mended.functions.length, profile.functions.length + 1);
    const added = mended.functions.at(-1);
    equal(textAt(mended, added?.systemName ?? 0n), 'f');
    equal(textAt(mended, added?.filename ?? 0n), 'a.rb');
  });

  test('mends no names of other agents', () => {
    deepEqual(frameNames(withIngestFixups(script, { ...plain, spyName: 'nodespy' })), ['<module>', 'run', 'work']);
  });

  describe('for .NET', () => {
    const dotnet = plainPprof({
      types: ['inuse-space/bytes'],
      period: ['x-y/z', 1],
      samples: [{ stack: 'a;b', v: [5] }],
    });
    const typeOf = (ingest: IngestOptions): string => {
      const mended = withIngestFixups(dotnet, ingest);
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

      deepEqual(ids(withIngestFixups(broken, { ...plain, spyName: 'dotnetspy' })), [1n, 2n]);
      const one = { ...broken, functions: broken.functions.slice(1) };
      deepEqual(ids(withIngestFixups(one, { ...plain, spyName: 'dotnetspy' })), [0n]);
    });
  });

  test('survives references that lead nowhere', () => {
    const odd = {
      ...script,
      functions: script.functions.map((fn) => ({ ...fn, name: -1n, filename: 99n })),
      sampleTypes: [{ type: 99n, unit: -5n }],
    };

    for (const spyName of ['pyspy', 'dotnetspy']) withIngestFixups(odd, { ...plain, spyName });
  });
});

test('needsPlainFixups tells the agents whose profiles no kernel can mend', () => {
  equal(needsPlainFixups(plain), false);
  equal(needsPlainFixups({ ...plain, spyName: 'gospy' }), false);
  equal(needsPlainFixups({ ...plain, spyName: 'rbspy' }), true);
  equal(needsPlainFixups({ ...plain, spyName: 'dotnetspy' }), true);
  equal(needsPlainFixups({ ...plain, displayNames: { 'inuse-space': '' } }), true);
});

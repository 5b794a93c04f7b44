import { deepEqual, equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { normaliseProfile } from '#src/domain/pprof/normalise.ts';
import type { PlainProfile } from '#src/domain/pprof/plain-profile.ts';
import { plainPprof } from '../../../fixtures/pprof-builder.ts';

const types = ['samples/count', 'cpu/nanoseconds'];

function valuesOf(profile: PlainProfile): (readonly bigint[])[] {
  return normaliseProfile(profile).samples.map(({ values }) => values);
}

describe('normaliseProfile', () => {
  test('drops samples with a negative value or only zeros, and keeps one zero beside another value', () => {
    const profile = plainPprof({
      types,
      samples: [
        { stack: 'm;neg', v: [5, -5] },
        { stack: 'm;zero', v: [0, 0] },
        { stack: 'm;half', v: [0, 7] },
        { stack: 'm;full', v: [1, 2] },
      ],
    });

    deepEqual(valuesOf(profile), [
      [0n, 7n],
      [1n, 2n],
    ]);
  });

  test('adds up samples with equal stacks and text labels, whatever their numeric labels', () => {
    const profile = plainPprof({
      samples: [
        { stack: 'a;b', v: [1] },
        { stack: 'a;c', v: [2] },
        { stack: 'a;b', v: [4] },
        { stack: 'a;b', v: [8], num: { bytes: 512 } },
        { stack: 'a;b', v: [16], labels: { x: '1', y: '2' } },
        { stack: 'a;b', v: [32], labels: { y: '2', x: '1' } },
      ],
    });

    deepEqual(valuesOf(profile), [[13n], [2n], [48n]]);
  });

  test('stops a sum at what 64 bits can hold', () => {
    const largest = 2n ** 63n - 1n;
    const profile = plainPprof({
      samples: [
        { stack: 'a', v: [largest] },
        { stack: 'a', v: [5] },
      ],
    });

    deepEqual(valuesOf(profile), [[largest]]);
  });

  test('drops samples that refer to what does not exist', () => {
    const profile = plainPprof({
      samples: [
        { stack: 'a;b', v: [3] },
        { stack: 'c;d', v: [5] },
      ],
    });
    const [sample, ...samples] = profile.samples;
    const [location, ...locations] = profile.locations;
    if (!sample || !location) throw new Error('the builder made nothing');

    deepEqual(valuesOf({ ...profile, samples: [{ ...sample, locationIds: [77n] }, ...samples] }), [[5n]]);
    const unknownFunction = { ...location, lines: [{ functionId: 77n, line: 0n }] };
    deepEqual(valuesOf({ ...profile, locations: [unknownFunction, ...locations] }), [[5n]]);
    deepEqual(valuesOf({ ...profile, locations: [{ ...location, mappingId: 77n }, ...locations] }), [[5n]]);
    deepEqual(valuesOf({ ...profile, locations: [{ ...location, lines: [] }, ...locations] }), [[5n]]);
    deepEqual(valuesOf({ ...profile, locations: [{ ...location, lines: [], address: 9n }, ...locations] }), [
      [3n],
      [5n],
    ]);
  });

  test('keeps a sample without a stack', () => {
    deepEqual(valuesOf(plainPprof({ samples: [{ stack: '', v: [3] }] })), [[3n]]);
  });

  test('takes the addresses from mappings that have function names', () => {
    const profile = normaliseProfile(
      plainPprof({
        mappings: [
          { file: '/bin/app', start: 4096, limit: 65_536, offset: 3 },
          { file: '/lib/libc.so', start: 1 << 20, limit: 1 << 21, offset: 4096, functions: false },
        ],
        samples: [
          {
            stack: [
              { fn: 'main', addr: 5000 },
              { addr: 1_050_000, mapping: 2 },
            ],
            v: [7],
          },
        ],
      }),
    );

    deepEqual(
      profile.mappings.map(({ memoryStart }) => memoryStart),
      [0n, 1n << 20n],
    );
    deepEqual(profile.locations.map(({ address }) => address).sort(), [0n, 1_050_000n]);
    equal(profile.mappings[0]?.fileOffset, 0n);
    equal(profile.mappings[0]?.memoryLimit, 0n);
  });

  test('keeps the addresses of locations without a mapping, also where a mapping has the id 0', () => {
    const profile = plainPprof({ samples: [{ stack: [{ fn: 'main', addr: 5000, mapping: 0 }], v: [7] }] });
    const mappings = profile.mappings.map((mapping) => ({ ...mapping, id: 0n }));

    deepEqual(
      normaliseProfile({ ...profile, mappings }).locations.map(({ address }) => address),
      [5000n],
    );
  });
});

import { deepEqual, equal, notDeepEqual, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PlainLocation, PlainProfile } from '#src/domain/pprof/plain-profile.ts';
import { bothResults, kernelResult, openLimits, plainResult } from '../../fixtures/ingest.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { labelList } from '../../fixtures/labels.ts';
import { encodePprof, plainPprof, pprof, type SampleDescription } from '../../fixtures/pprof-builder.ts';
import { Random, runSeed } from '../../fixtures/random.ts';

const kernels = testKernels();
const labelsOf = (spy: string) => labelList({ __name__: 'process_cpu', service_name: 's', pyroscope_spy: spy });
const go = { labels: labelsOf('gospy') };
const other = { labels: labelsOf('ebpfspy') };

const SHAPES = ['', '', '[go.shape.int]', '[go.shape.string]'];

/** Stacks along a few trunks, cut at their root side in random places; few functions make them recursive. */
function randomSamples(random: Random): SampleDescription[] {
  const functions = random.pick([1, 2, 3, 20, 500]);
  const trunks = Array.from({ length: random.int(1, 4) }, () =>
    Array.from({ length: random.int(20, 120) }, () => random.int(0, functions - 1)),
  );
  // The runtime cuts what is deep, so at least one stack is.
  trunks[0]?.push(...Array.from({ length: 64 }, () => random.int(0, functions - 1)));
  const stacks = Array.from({ length: random.int(0, 40) }, () => {
    const trunk = random.pick(trunks);
    return trunk.slice(random.pick([0, 0, random.int(0, 10), random.int(0, trunk.length)]));
  });
  return [...trunks, ...stacks].map((stack) => ({
    stack: stack.map((fn) => ({ fn: `f${fn}${random.pick(SHAPES)}`, line: random.chance(0.99) ? 1 : 2 })),
    v: [random.int(0, 5)],
  }));
}

/** The repair looks at the depths 24, 28, 32 and 60. */
const DEPTH_LIMITS = [0, 0, 0, 23, 24, 25, 27, 28, 29, 31, 32, 33, 59, 60, 61];
const TYPES = ['cpu/nanoseconds', 'alloc_space/bytes', 'inuse_objects[go.shape.int]/count', 'wall/nanoseconds'];

/** A profile with ids that nobody has, ids that several have, and equal locations under different ids. */
function randomProfile(random: Random): PlainProfile {
  const mappings = random.pick([[], [{ file: 'app' }]]);
  const profile = plainPprof({ types: [random.pick(TYPES)], mappings, samples: randomSamples(random) });
  const chance = random.pick([0, 0.01, 0.05, 0.3]);
  const ids = profile.locations.map(({ id }) => id);
  const last = ids.length;
  const twins = profile.locations.map((location, i) => ({ ...location, id: BigInt(last + i + 1) }));
  const altered = (location: PlainLocation): PlainLocation => ({
    ...location,
    id: random.chance(chance) ? random.pick(ids) : location.id,
    mappingId: random.chance(chance) ? random.pick([0n, 77n, 78n]) : location.mappingId,
    lines: random.chance(chance / 4) ? random.pick([[], [{ functionId: 99_999n, line: 1n }]]) : location.lines,
  });
  const locations = random.shuffled([...profile.locations, ...twins]).map(altered);
  const functions = profile.functions.map((fn) =>
    random.chance(chance) ? { ...fn, id: random.pick(profile.functions).id } : fn,
  );
  const samples = profile.samples.map((sample) => {
    const absent = random.chance(chance) ? 0.05 : 0;
    const locationIds = sample.locationIds.map((id) => {
      if (random.chance(absent)) return random.pick([88_888n, 88_889n]);
      return random.chance(0.5) ? id : id + BigInt(last);
    });
    return { ...sample, locationIds };
  });
  return { ...profile, locations, functions, samples };
}

/** Frames from `first` to `last`, root first. */
function chain(first: number, last: number): { readonly fn: string }[] {
  return Array.from({ length: last - first + 1 }, (_, i) => ({ fn: `f${first + i}` }));
}

function depthsOf(lines: readonly string[]): number[] {
  return lines.filter((line) => !line.includes(' total ')).map((line) => line.split('f').length - 1);
}

describe('repairGoStacks', () => {
  test('does to random stacks what the plain version does', (t) => {
    const seed = runSeed();
    t.diagnostic(`seed ${seed}`);
    const random = new Random(seed);
    let repaired = 0;
    for (let round = 0; round < 50; round++) {
      const profile = pprof({ samples: randomSamples(random) });

      const lines = bothResults(kernels, profile, {}, go);

      if (depthsOf(lines).join() !== depthsOf(kernelResult(kernels, profile, undefined, other)).join()) repaired++;
    }
    ok(repaired > 7, `stacks were repaired in ${repaired} rounds only`);
  });

  test('does the same to references that lead nowhere or to several, and to stacks that are cut', (t) => {
    const seed = runSeed();
    t.diagnostic(`seed ${seed}`);
    const random = new Random(seed);
    let repaired = 0;
    for (let round = 0; round < 100; round++) {
      const profile = encodePprof(randomProfile(random));
      const limits = { ...openLimits, maxProfileStacktraceDepth: random.pick(DEPTH_LIMITS) };

      const lines = kernelResult(kernels, profile, limits, go);

      deepEqual(lines, plainResult(profile, limits, go), `seed ${seed}, round ${round}`);
      if (depthsOf(lines).join() !== depthsOf(kernelResult(kernels, profile, limits, other)).join()) repaired++;
    }
    ok(repaired > 5, `stacks were repaired in ${repaired} rounds only`);
  });

  test('keeps samples whose locations equal those of samples that are lost', () => {
    const deep = { stack: chain(100, 128), v: [1] };
    const profile = plainPprof({
      types: ['alloc_objects/count'],
      mappings: [],
      samples: [{ stack: ['f'], v: [7] }, { stack: [{ fn: 'f', line: 2 }], v: [5] }, deep],
    });
    const [lost, kept, ...others] = profile.locations as [PlainLocation, PlainLocation, ...PlainLocation[]];
    const locations = [{ ...kept, id: lost.id, mappingId: 77n }, kept, ...others];

    const lines = bothResults(kernels, encodePprof({ ...profile, locations }), {}, go);

    ok(
      lines.some((line) => line.endsWith(' total 6')),
      lines.join('\n'),
    );
  });

  test('takes the last of several locations or functions with one id', () => {
    const frames = [...chain(0, 69), { fn: 'other' }];
    const profile = plainPprof({
      samples: [
        { stack: frames, v: [1] },
        { stack: [...chain(4, 69), { fn: 'leaf' }], v: [2] },
      ],
    });
    const last = profile.locations.at(-1) as PlainLocation;
    for (const row of [0, 30, 69]) {
      const location = profile.locations[row] as PlainLocation;
      const fn = profile.functions[row] as PlainProfile['functions'][number];
      const another = profile.functions.at(-1) as PlainProfile['functions'][number];

      bothResults(
        kernels,
        encodePprof({ ...profile, locations: [{ ...last, id: location.id }, ...profile.locations] }),
      );
      bothResults(kernels, encodePprof({ ...profile, functions: [{ ...another, id: fn.id }, ...profile.functions] }));
    }
  });

  for (const [limit, repaired] of [
    [0, true],
    [60, true],
    [59, false],
  ] as const) {
    test(`${repaired ? 'looks' : 'does not look'} at CPU stacks that are cut to ${limit || 'nothing'}`, () => {
      const samples = [
        { stack: chain(0, 69), v: [1] },
        { stack: [...chain(5, 60), { fn: 'leaf' }], v: [2] },
      ];

      const lines = bothResults(kernels, pprof({ samples }), { maxProfileStacktraceDepth: limit }, go);

      const whole = lines.find((line) => line.includes('leaf'));
      equal(whole !== undefined && /\bf0\b/.test(whole), repaired);
    });
  }

  test('takes type parameters out of the names of sample types, as out of all strings', () => {
    const samples = [{ stack: 'main', v: [1] }];

    const lines = bothResults(kernels, pprof({ types: ['cpu[go.shape.int]/ns'], samples }), {}, go);

    ok(lines[0]?.includes('cpu:ns'), lines[0]);
  });

  // A group is known by its 24 root-most frames, a window has 16 of them, and 8 frames may be missing per step.
  for (const missing of [0, 1, 7, 8, 9]) {
    for (const depth of [23, 24, 25, 64]) {
      test(`gives a stack of ${depth} frames ${missing} missing ones as the plain version does`, () => {
        const samples = [
          { stack: chain(0, 69), v: [1] },
          { stack: [...chain(missing, missing + depth - 2), { fn: 'leaf' }], v: [2] },
        ];

        const lines = bothResults(kernels, pprof({ samples }), {}, go);

        const whole = lines.find((line) => line.includes('leaf'));
        equal(whole !== undefined && /\bf0\b/.test(whole), missing === 0 || (missing <= 8 && depth >= 24));
      });
    }
  }

  test('changes nothing at all when some stacks continue each other for ever', () => {
    const ring = (start: number) => Array.from({ length: 30 }, (_, i) => ({ fn: `r${(start + i) % 30}` }));
    const cut = [
      { stack: chain(0, 69), v: [1] },
      { stack: [...chain(5, 60), { fn: 'leaf' }], v: [1] },
    ];
    const rings = Array.from({ length: 30 }, (_, start) => ({ stack: ring(start), v: [1] }));

    const without = bothResults(kernels, pprof({ samples: cut }), {}, go);
    const withRings = bothResults(kernels, pprof({ samples: [...cut, ...rings] }), {}, go);

    notDeepEqual(
      without.find((line) => line.includes('leaf')),
      withRings.find((line) => line.includes('leaf')),
    );
  });

  // Each stack of the ring has locations of its own: they are equal to others only if bad ones are compared.
  for (const [what, mappingId] of [
    ['repairs others beside a ring of locations that are lost', 77n],
    ['repairs none beside a ring of good ones', 1n],
  ] as const) {
    test(what, () => {
      const rings = Array.from({ length: 30 }, (_, start) => ({
        stack: Array.from({ length: 30 }, (_, i) => ({ fn: `r${(start + i) % 30}`, inlined: [{ fn: `s${start}` }] })),
        v: [1],
      }));
      const profile = plainPprof({
        samples: [{ stack: chain(0, 69), v: [1] }, { stack: [...chain(5, 60), { fn: 'leaf' }], v: [1] }, ...rings],
      });
      const names = new Map(profile.functions.map(({ id, name }) => [id, profile.strings[Number(name)]?.text ?? '']));
      const locations = profile.locations.map((location) => {
        const lines = location.lines.filter(({ functionId }) => !names.get(functionId)?.startsWith('s'));
        return lines.length < location.lines.length ? { ...location, lines, mappingId } : location;
      });

      const lines = bothResults(kernels, encodePprof({ ...profile, locations }), {}, go);

      const whole = lines.find((line) => line.includes('leaf'));
      equal(whole !== undefined && /\bf0\b/.test(whole), mappingId === 77n);
    });
  }

  test('repairs others beside a ring of locations that are not there', () => {
    const cut = [
      { stack: chain(0, 69), v: [1] },
      { stack: [...chain(5, 60), { fn: 'leaf' }], v: [1] },
    ];
    const profile = plainPprof({ samples: cut });
    const rings = Array.from({ length: 30 }, (_, start) => ({
      locationIds: Array.from({ length: 30 }, (_, i) => BigInt(70_000 + ((start + i) % 30))),
      values: [1n],
      labels: [],
    }));

    const lines = bothResults(kernels, encodePprof({ ...profile, samples: [...profile.samples, ...rings] }), {}, go);

    deepEqual(lines, bothResults(kernels, pprof({ samples: cut }), {}, go));
  });

  // The tables have room for 64 rows at first, and 85 root parts.
  for (const groups of [63, 64, 65, 85, 86, 2000]) {
    test(`repairs ${groups} groups as the plain version does`, () => {
      const samples = Array.from({ length: groups }, (_, i) => ({
        stack: [
          ...chain(i % 2 === 0 ? 0 : 3, 20),
          ...Array.from({ length: 45 }, (_, j) => ({ fn: `g${i >> 1}_${j}` })),
        ],
        v: [i + 1],
      }));

      bothResults(kernels, pprof({ samples }), {}, go);
    });
  }
});

import { equal, notDeepEqual, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { bothResults, kernelResult } from '../../fixtures/ingest.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { labelList } from '../../fixtures/labels.ts';
import { pprof, type SampleDescription } from '../../fixtures/pprof-builder.ts';
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

import { equal, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Arena, type KernelInstance, type Pointer } from '#src/kernels/instance.ts';
import { Head } from '#src/workers/head.ts';
import { ingestProfile } from '#src/workers/ingest-profile.ts';
import { type slotRuns, tableRuns, treeRuns } from '../../fixtures/hash-slots.ts';
import { INGEST_NOW_MS, ingestItem, openLimits } from '../../fixtures/ingest.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { encodePprof, plainPprof } from '../../fixtures/pprof-builder.ts';

// Keys that somebody chose must not meet in the same slots, or a profile costs the square of its size. Secrets see to
// that, and these tests that structured keys, which are the first ones to try, are spread as random ones would be. Tables
// are at most half full: a random key is in a run of two or three slots, and none is longer than a few dozen.

const KEYS = 100_000;
/** Rows that are there as parents, one below the other, with key 0. */
const PATH = 2000;
const LONGEST = 200;
const MEAN = 16;

function isSpread({ used, longest, mean }: ReturnType<typeof slotRuns>): void {
  ok(used > 0.9 * KEYS, `${used} slots used`);
  ok(longest < LONGEST, `${longest} used slots side by side`);
  ok(mean < MEAN, `runs of ${mean} slots`);
}

describe('children of a tree', () => {
  const keysOf: readonly (readonly [name: string, parent: (i: number) => number, key: (i: number) => number])[] = [
    ['with keys one after the other', () => 0, (i) => i + 1],
    ['with keys a power of two apart', () => 0, (i) => (i + 1) * 0x4000],
    ['with keys that differ in high bits', () => 0, (i) => (((i + 1) << 14) | ((i + 1) >>> 18)) >>> 0],
    ['of many parents, with few keys', (i) => i >>> 6, (i) => (i & 63) + 1],
    ['whose keys follow their parents', (i) => i % 1000, (i) => 1000 - (i % 1000) + Math.floor(i / 1000) * 1024],
  ];
  for (const [name, parentOf, keyOf] of keysOf) {
    test(`${name} are found in a few steps`, () => {
      const kernels = testKernels();
      const { treeChild } = kernels.exports;
      const tree = kernels.exports.treeNew(Arena.head, 8, 0) >>> 0;
      for (let row = 0; row < PATH; row++) treeChild(tree, row, 0);

      for (let i = 0; i < KEYS; i++) treeChild(tree, parentOf(i), keyOf(i));

      equal(kernels.exports.treeRows(tree) >>> 0, PATH + 1 + KEYS);
      const { longest, mean } = treeRuns(kernels, tree);
      ok(longest < LONGEST && mean < MEAN, `${longest} used slots side by side, ${mean} in the mean`);
    });
  }
});

describe('a profile of structured symbols', () => {
  const variants: readonly (readonly [name: string, line: (i: number) => number, address: (i: number) => number])[] = [
    ['lines one after the other', (i) => i + 1, () => 0],
    ['lines 2^32 apart', (i) => (i + 1) * 2 ** 32, () => 0],
    ['addresses a page apart', () => 1, (i) => (i + 1) * 4096],
    ['lines that undo addresses', (i) => KEYS - i, (i) => i + 1],
  ];
  for (const [name, line, address] of variants) {
    test(`with ${name} has its functions and locations spread`, () => {
      const kernels = testKernels();

      const space = ingested(kernels, line, address);

      isSpread(tableRuns(kernels, kernels.exports.spaceNames(space) >>> 0));
      isSpread(tableRuns(kernels, kernels.exports.spaceFunctions(space) >>> 0));
      isSpread(tableRuns(kernels, kernels.exports.spaceLocations(space) >>> 0));
    });
  }

  /** One sample per location, each with a function of its own, whose ids are far apart. */
  function ingested(kernels: KernelInstance, line: (i: number) => number, address: (i: number) => number): Pointer {
    const plain = plainPprof({
      mappings: [{ functions: false }],
      samples: Array.from({ length: KEYS }, (_, i) => ({
        stack: [{ fn: `f${i}`, addr: address(i), start: line(i), line: line(i) }],
        v: [1],
      })),
    });
    const far = (id: bigint): bigint => id << 32n;
    const head = new Head(kernels);
    const profile = encodePprof({
      ...plain,
      samples: plain.samples.map((sample) => ({ ...sample, locationIds: sample.locationIds.map(far) })),
      locations: plain.locations.map((one) => ({ ...one, id: far(one.id) })),
    });
    equal(ingestProfile(kernels, head, ingestItem(profile), openLimits, INGEST_NOW_MS).kind, 'stored');
    return head.open('anonymous', 'shop').space.pointer;
  }
});

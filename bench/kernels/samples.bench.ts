import { decodeProfile as decodePlain } from '#src/domain/pprof/decode.ts';
import { repairGoProfile } from '#src/domain/pprof/go-repair.ts';
import { splitIntoSeries } from '#src/domain/pprof/split.ts';
import { namesOf } from '#src/domain/profile/name-table.ts';
import { groupSamples } from '#src/kernels/ingest.ts';
import { Arena } from '#src/kernels/instance.ts';
import { DecodedProfile, decodeProfile } from '#src/kernels/pprof-decode.ts';
import { putSource } from '#src/kernels/symbol-space.ts';
import { testKernels } from '../../test/fixtures/kernels.ts';
import { Random } from '../../test/fixtures/random.ts';
import { randomSymbols } from '../../test/fixtures/random-symbols.ts';
import { measure } from '../measure.ts';
import { corpusRaw, limits } from './corpus-head.ts';

// What happens to samples between decoding and encoding, where it is not the whole of another benchmark.

const kernels = testKernels();
const { exports } = kernels;

function decoded(raw: Uint8Array): DecodedProfile {
  exports.resetScratch();
  const profile = decodeProfile(kernels, { pointer: kernels.put(raw), length: raw.length }, limits);
  if (!(profile instanceof DecodedProfile)) throw new Error(`the corpus has a profile that is ${profile.kind}`);
  return profile;
}

// Profiles of Go with stacks at the limit of its runtime, and with many label sets. The kernels change what was decoded, so
// it is decoded each time: what they cost is the difference to `decode`.
for (const kind of ['go-cpu-labels', 'go-heap']) {
  const raw = corpusRaw(kind);
  const plain = decodePlain(raw);
  const work = { count: plain.samples.length, unit: 'sample' };
  measure(`kernels/samples ${kind} decode wasm`, work, () => decoded(raw));
  measure(`kernels/repairGoStacks ${kind} after decode wasm`, work, () => {
    const profile = decoded(raw);
    exports.repairGoStacks(profile.pointer);
    return profile;
  });
  measure(`kernels/repairGoStacks ${kind} plain`, work, () => repairGoProfile(plain));
  measure(`kernels/groupSamples ${kind} after decode wasm`, work, () => groupSamples(kernels, decoded(raw)));
  measure(`kernels/groupSamples ${kind} with stacks and sums plain`, work, () =>
    splitIntoSeries(plain, undefined, () => ({ kind: 'dropped', reason: 'dropped_by_relabel_rules' })),
  );
}

// A profile has about 10^3 samples of a few series, a family of a merged dataset 10^5 in many runs.
for (const [n, series] of [
  [1_000, 3],
  [100_000, 2_000],
] as const) {
  const random = new Random(1);
  const keys = BigUint64Array.from(
    { length: n },
    () => (BigInt(random.int(0, series - 1)) << 32n) | BigInt(random.int(1, n / 2)),
  );
  const work = { count: n, unit: 'row' };
  measure(`kernels/sortRows n=${n} wasm`, work, () => {
    exports.resetScratch();
    const [rows, spare] = [exports.allocScratch(n * 4) >>> 0, exports.allocScratch(n * 4) >>> 0];
    exports.ascending(rows, n);
    exports.sortRows(rows, kernels.putColumn(keys), spare, n);
    return rows;
  });
  measure(`kernels/sortRows n=${n} plain`, work, () =>
    Uint32Array.from({ length: n }, (_, i) => i).sort((a, b) =>
      keys[a] < keys[b] ? -1 : keys[a] > keys[b] ? 1 : a - b,
    ),
  );
}

{
  // A family of a block that merged twenty segments, half of whose stacktraces one of its services has.
  const rows = 100_000;
  const random = new Random(1);
  const symbols = randomSymbols(random, rows);
  const { parent, location } = symbols.stacks;
  const samples = Uint32Array.from({ length: rows / 4 }, () => random.int(0, rows - 1));
  const own = testKernels();
  const tree = own.exports.treeNew(Arena.head, rows, 0) >>> 0;
  for (let row = 1; row < rows; row++) own.exports.treeChild(tree, parent[row], location[row]);
  const source = putSource(own, symbols);
  const stack = own.putColumn(samples);
  const [list, rank, first, next] = Array.from({ length: 4 }, () => own.exports.allocScratch(rows * 4) >>> 0) as [
    number,
    number,
    number,
    number,
  ];
  const top = own.exports.arenaTop(Arena.scratch) >>> 0;
  measure(`kernels/projectStacks n=${rows} wasm`, { count: rows, unit: 'stack' }, () => {
    own.exports.releaseScratch(top);
    const stamp = own.putColumn(new Uint32Array(rows));
    own.exports.sourceRowsReset(source);
    const space = own.exports.spaceNew(Arena.scratch, 1024, 0) >>> 0;
    const count = own.exports.neededRows(tree, stamp, 1, stack, samples.length, list, 0) >>> 0;
    const target = own.exports.spaceStacks(space, 0) >>> 0;
    own.exports.projectStacks(target, space, source, tree, list, count, rank, first, next);
    return count;
  });
}

{
  // The series of a compacted dataset: five labels, of which pods differ.
  const n = 10_000;
  const texts = ['namespace', 'production', 'pod', 'region', 'eu-west-1', 'service_name', 'shop', '__profile_type__'];
  const types = ['process_cpu:cpu:nanoseconds:cpu:nanoseconds', 'memory:inuse_space:bytes:space:bytes'];
  const pods = Array.from({ length: n / 2 }, (_, i) => `shop-7d9f8b-${i}`);
  const strings = namesOf([...texts, ...types, ...pods]);
  const pairs = Array.from({ length: n }, (_, i): [number, number][] => [
    [7, texts.length + (i % 2)],
    [0, 1],
    [2, texts.length + types.length + (i >> 1)],
    [3, 4],
    [5, 6],
  ]);
  const [name, value] = [0, 1].map((side) => Uint32Array.from(pairs.flat(), (pair) => pair[side] ?? 0)) as [
    Uint32Array,
    Uint32Array,
  ];
  const offsets = Uint32Array.from({ length: n + 1 }, (_, i) => i * 5);
  const stringCount = strings.offsets.length - 1;
  measure(`kernels/internSeries n=${n} wasm`, { count: n, unit: 'series' }, () => {
    exports.resetScratch();
    const [table, series] = [exports.tableNew(Arena.scratch, 64, 1024), exports.tableNew(Arena.scratch, 64, 1024)];
    const [starts, bytes, ends] = [strings.offsets, strings.bytes, offsets].map((column) =>
      kernels.putColumn(column),
    ) as [number, number, number];
    const rows = exports.allocScratch(n * 4) >>> 0;
    const columns = [kernels.putColumn(name), kernels.putColumn(value)] as const;
    exports.internSeries(table >>> 0, series >>> 0, starts, bytes, stringCount, ends, ...columns, n, rows);
    return exports.tableRows(series);
  });
  measure(`kernels/internSeries n=${n} plain`, { count: n, unit: 'series' }, () => {
    const all = [...texts, ...types, ...pods];
    const known = new Map<string, number>();
    return pairs.map((labels) => {
      const key = JSON.stringify(labels.map(([of, text]) => [all[of], all[text]]));
      const row = known.get(key) ?? known.size + 1;
      known.set(key, row);
      return row;
    });
  });
}

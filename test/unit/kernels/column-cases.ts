import { Codec, Section } from '#src/domain/block/block-format.ts';
import type { Page } from '#src/domain/block/chunk-table.ts';
import type { ByteStrings } from '#src/domain/symbols/symbol-columns.ts';
import type { Random } from '../../fixtures/random.ts';
import { byteStrings } from '../domain/block/random-columns.ts';

/** Sizes around every step that the kernels take, and a full page. */
export const COLUMN_SIZES = [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 1000, 65_536];

/** The page that errors name. */
export const somePage: Page = {
  section: Section.sampleStacks,
  family: 3,
  column: 0,
  chunk: { codec: Codec.none, range: { offset: 1000, sizeBytes: 0 }, rawBytes: 0, crc32: 0 },
  offset: 70,
  rawBytes: 0,
  firstRow: 0,
  rowCount: 0,
};

const EDGES_32 = [0, 1, 2 ** 7, 2 ** 8 - 1, 2 ** 8, 2 ** 16 - 1, 2 ** 16, 2 ** 24 - 1, 2 ** 24, 2 ** 31, 2 ** 32 - 1];

const EDGES_64 = [0n, 1n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n].concat(
  Array.from({ length: 7 }, (_, i) => [2n ** BigInt(8 * i + 8) - 1n, 2n ** BigInt(8 * i + 8)]).flat(),
);

/** Columns with as many planes as there may be, from none to all. */
export function u32Columns(random: Random, n: number): Uint32Array[] {
  const anyWithin = (bits: number) => Uint32Array.from({ length: n }, () => random.int(0, 2 ** bits - 1));
  return [
    new Uint32Array(n),
    ...[8, 16, 24, 32].map(anyWithin),
    Uint32Array.from({ length: n }, () => random.pick(EDGES_32)),
    Uint32Array.from({ length: n }, (_, i) => 2 ** 32 - 5 + i), // Rises, and wraps.
    referencesByFirstUse(random, n),
  ];
}

export function u64Columns(random: Random, n: number): BigUint64Array[] {
  const anyWithin = (bits: number) => BigUint64Array.from({ length: n }, () => anyUint64(random) >> BigInt(64 - bits));
  const multiples = (divisor: bigint) =>
    BigUint64Array.from({ length: n }, () => BigInt(random.int(0, 1000)) * divisor);
  return [
    new BigUint64Array(n),
    ...[8, 16, 24, 32, 40, 48, 56, 64].map(anyWithin),
    BigUint64Array.from({ length: n }, () => random.pick(EDGES_64)),
    // Times since 1970, and the differences of small values of both signs.
    BigUint64Array.from({ length: n }, (_, i) => 1_795_353_600_000_000_000n + BigInt(i) * 10_000_001n),
    BigUint64Array.from({ length: n }, () => BigInt.asUintN(64, BigInt(random.int(-200, 200)))),
    ...[10_000_000n, 4096n, 3n, 2n ** 53n, 524_288n * 3n, 2n ** 54n + 2n].map(multiples),
    new BigUint64Array(n).fill(random.pick(EDGES_64)),
  ];
}

export function anyUint64(random: Random): bigint {
  return (BigInt(random.int(0, 2 ** 32 - 1)) << 32n) | BigInt(random.int(0, 2 ** 32 - 1));
}

/** Rows numbered from 1 on as they come, most of them known. */
export function referencesByFirstUse(random: Random, n: number): Uint32Array {
  let next = 1;
  return Uint32Array.from({ length: n }, () => {
    if (next === 1 || random.chance(0.2)) return next++;
    return random.int(0, next - 1);
  });
}

/** Strings that share little, much, or more than a shared length can say; sorted or not; with any bytes. */
export function stringColumns(random: Random, n: number): ByteStrings[] {
  const paths = Array.from({ length: n }, () => {
    const parts = Array.from({ length: random.int(0, 6) }, () => random.pick(['github.com', 'net', 'runtime', 'x']));
    return `${parts.join('/')}.func${random.int(0, 9)}`;
  });
  const long = 'long/'.repeat(80);
  return [
    byteStrings(Array.from({ length: n }, () => '')),
    byteStrings(Array.from({ length: n }, () => random.bytes(random.int(0, 20)))),
    byteStrings(paths.toSorted()),
    byteStrings(paths.map((path, i) => (n < 2000 && i % 3 > 0 ? long.slice(random.int(0, 200)) + path : path))),
    byteStrings(paths.map(() => 'main.main')),
  ];
}

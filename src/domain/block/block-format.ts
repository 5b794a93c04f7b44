import type { Bytes } from '#src/domain/model/units.ts';

// The numbers of docs/formats/block.md that both the writers and the readers of a block need.

/** The version that writers write, and the highest that readers read. */
export const BLOCK_VERSION = 0;

/** First four bytes of a header, and of the trailer, read as a little-endian u32. In ASCII: KSYM, KDAT, KBLK. */
export const Magic = { symbols: 0x4d59534b, dataset: 0x5441444b, footer: 0x4b4c424b } as const;

/** Section ids, in the order in which sections lie in a symbol space and in a dataset. */
export const Section = {
  strings: 1,
  functions: 2,
  mappings: 3,
  locations: 4,
  stacks: 5,
  series: 16,
  profiles: 17,
  samples: 18,
  spans: 19,
} as const;
export type Section = (typeof Section)[keyof typeof Section];

/** What a header describes, and the sections that it may have. */
export type SpaceKind = 'symbols' | 'dataset';

/** How the bytes of a chunk are stored. */
export const Codec = { none: 0, zstd: 1 } as const;
export type Codec = (typeof Codec)[keyof typeof Codec];

//  header = magic u32 | version u32 | header bytes u32 | chunk count u32 | entries | CRC-32 u32
export const HEADER_PREFIX_BYTES: Bytes = 16;
export const CHUNK_ENTRY_BYTES: Bytes = 32;
export const CRC_BYTES: Bytes = 4;

//  trailer = magic u32 | version u32 | FlatBuffers bytes u32 | CRC-32 u32
export const TRAILER_BYTES: Bytes = 16;

/** A chunk never holds more rows, so that a query for a few profiles reads few samples. */
export const chunkRowsMax = 65_536;

/** A chunk whose rows vary in size is closed once it holds this much, so that a reader needs little memory at a time. */
export const chunkRawBytesTarget: Bytes = 4 << 20;

/** Readers refuse a chunk that claims to decompress to more. Writers reach it only with a single row of this size. */
export const chunkRawBytesMax: Bytes = 64 << 20;

/** The same for all chunks of a section together: sections other than samples are decoded as a whole. */
export const sectionRawBytesMax: Bytes = 512 << 20;

/** Readers refuse a footer that claims to be larger: about a quarter million datasets. */
export const footerBytesMax: Bytes = 64 << 20;

export function headerBytesFor(chunkCount: number): Bytes {
  return HEADER_PREFIX_BYTES + chunkCount * CHUNK_ENTRY_BYTES + CRC_BYTES;
}

export function sectionName(section: number): string {
  return SECTION_NAMES.get(section) ?? `unknown section ${section}`;
}

export function kindOf(section: Section): SpaceKind {
  return section < Section.series ? 'symbols' : 'dataset';
}

const SECTION_NAMES = new Map<number, string>(Object.entries(Section).map(([name, id]) => [id, name]));

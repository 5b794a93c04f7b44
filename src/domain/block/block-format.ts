import type { Bytes } from '#src/domain/model/units.ts';

// The numbers of docs/formats/block-v1.md that both the writers and the readers of a block need.

/** The version that writers write, and the only one that readers read. */
export const BLOCK_VERSION = 1;

/** First four bytes of a header, and of the trailer, read as a little-endian u32. In ASCII: KSYM, KDAT, KBLK. */
export const Magic = { symbols: 0x4d59534b, dataset: 0x5441444b, footer: 0x4b4c424b } as const;

/** Section ids. */
export const Section = {
  names: 1,
  texts: 2,
  functions: 3,
  functionDetails: 4,
  mappings: 5,
  locations: 6,
  locationDetails: 7,
  stacks: 8,
  sampledStacks: 9,
  functionTree: 10,
  foldedStacks: 11,
  series: 16,
  types: 17,
  pushes: 18,
  profiles: 19,
  runs: 20,
  sampleStacks: 21,
  sampleValues: 22,
  spans: 23,
  totals: 24,
} as const;
export type Section = (typeof Section)[keyof typeof Section];

/** What a header describes, and the sections that it may have. */
export type SpaceKind = 'symbols' | 'dataset';

/** How the bytes of a chunk are stored. */
export const Codec = { none: 0, zstd: 1 } as const;
export type Codec = (typeof Codec)[keyof typeof Codec];

//  header = magic u32 | version u32 | header bytes u32 | chunks u32 | pages u32 | chunk entries | page entries | CRC-32
export const HEADER_PREFIX_BYTES: Bytes = 20;
export const CHUNK_ENTRY_BYTES: Bytes = 16;
export const PAGE_ENTRY_BYTES: Bytes = 16;
export const CRC_BYTES: Bytes = 4;

//  trailer = magic u32 | version u32 | FlatBuffers bytes u32 | CRC-32 u32
export const TRAILER_BYTES: Bytes = 16;

/** A page never holds more rows, so that a query for a few profiles decodes few samples. */
export const pageRowsMax = 65_536;

/** A page whose rows vary in size is closed once it holds this much, so that a reader needs little memory at a time. */
export const pageRawBytesTarget: Bytes = 1 << 20;

/**
 * A chunk is closed before a page that would make it larger. Smaller chunks cost a call of zstd each and compress
 * worse; larger ones make a query for a few rows read and decompress more.
 */
export const chunkRawBytesTarget: Bytes = 64 << 10;

/** Readers refuse a chunk that claims to decompress to more. Writers reach it only with a single row of this size. */
export const chunkRawBytesMax: Bytes = 64 << 20;

/** The same for all chunks of a symbol space or dataset together that a reader has open at a time. */
export const sectionRawBytesMax: Bytes = 512 << 20;

/**
 * Rows of a section, all families and value columns together. Readers make arrays for all of them before they open the
 * first page, and a few bytes can claim very many.
 */
export const sectionRowsMax = 64 << 20;

/** Readers refuse a footer that claims to be larger: about a quarter million datasets. */
export const footerBytesMax: Bytes = 64 << 20;

/** Families of profile types that have a stack table of their own in a symbol space. What comes later shares one. */
export const familiesMax = 64;

/** Value columns of a family. The sample types of a profile that has more are split over several families. */
export const columnsMax = 32;

export function headerBytesFor(chunkCount: number, pageCount: number): Bytes {
  return HEADER_PREFIX_BYTES + chunkCount * CHUNK_ENTRY_BYTES + pageCount * PAGE_ENTRY_BYTES + CRC_BYTES;
}

export function sectionName(section: number): string {
  return SECTION_NAMES.get(section) ?? `unknown section ${section}`;
}

export function kindOf(section: Section): SpaceKind {
  return section < Section.series ? 'symbols' : 'dataset';
}

/** Whether the pages of a section belong to the head of a dataset: what a query needs before it knows its samples. */
export function inHead(section: Section): boolean {
  return section >= Section.series && section <= Section.runs;
}

/** Whether a section exists once per family. */
export function perFamily(section: Section): boolean {
  return (section >= Section.stacks && section <= Section.foldedStacks) || section >= Section.runs;
}

/** Whether a section exists once per family and value column. */
export function perColumn(section: Section): boolean {
  return section === Section.sampleValues || section === Section.totals;
}

export function isSection(value: number): value is Section {
  return SECTION_NAMES.has(value);
}

const SECTION_NAMES = new Map<number, string>(Object.entries(Section).map(([name, id]) => [id, name]));

// A source: symbols as columns, wherever they come from (a profile that was decoded, or a symbol space of a block),
// with what is known so far of their rows in a symbol space. All fields are u32: counts, or pointers to columns.
// Row 0 of functions, mappings and locations is "none"; string 0 is the empty string.
//
// src/kernels/source.ts has the same list.

export const STRINGS: usize = 0; // count
export const STRING_AT: usize = 4; // u32[strings], where its bytes are
export const STRING_LENGTH: usize = 8; // u32[strings]
export const FUNCTIONS: usize = 12; // rows, row 0 included
export const FUNCTION_NAME: usize = 16; // u32[functions], a string
export const FUNCTION_SYSTEM: usize = 20; // u32[functions]
export const FUNCTION_FILE: usize = 24; // u32[functions]
export const FUNCTION_START: usize = 28; // i64[functions], first line
export const MAPPINGS: usize = 32; // rows
export const MAPPING_START: usize = 36; // u64[mappings]
export const MAPPING_LIMIT: usize = 40; // u64[mappings]
export const MAPPING_OFFSET: usize = 44; // u64[mappings]
export const MAPPING_FILE: usize = 48; // u32[mappings]
export const MAPPING_BUILD: usize = 52; // u32[mappings]
export const MAPPING_FLAGS: usize = 56; // u8[mappings]
export const LOCATIONS: usize = 60; // rows
export const LOCATION_MAPPING: usize = 64; // u32[locations], a mapping
export const LOCATION_ADDRESS: usize = 68; // u64[locations]
export const LOCATION_FOLDED: usize = 72; // u8[locations]
export const LOCATION_LINES: usize = 76; // u32[locations + 1], first line
export const LINE_FUNCTION: usize = 80; // u32[lines], a function
export const LINE_NUMBER: usize = 84; // i64[lines]
export const NAME_ROW: usize = 88; // u32[strings], row among the names of the symbol space, UNKNOWN until it is interned
export const FUNCTION_ROW: usize = 92; // u32[functions]
export const MAPPING_ROW: usize = 96; // u32[mappings]
export const LOCATION_ROW: usize = 100; // u32[locations]
export const TEXT_ROW: usize = 104; // u32[strings], row among its texts
export const SOURCE_BYTES: usize = 112;

export const UNKNOWN: u32 = 0xffffffff;

/** Bits of MAPPING_FLAGS. */
export const HAS_FUNCTIONS: u8 = 1;
export const HAS_FILENAMES: u8 = 2;
export const HAS_LINE_NUMBERS: u8 = 4;
export const HAS_INLINE_FRAMES: u8 = 8;

/**
 * The fields of a source, as in wasm/source.ts: u32 each, at these places. A decoded profile is a source with more
 * behind it (pprof-decode.ts).
 */
export const Source = {
  strings: 0,
  stringAt: 4,
  stringLength: 8,
  functions: 12,
  functionName: 16,
  functionSystem: 20,
  functionFile: 24,
  functionStart: 28,
  mappings: 32,
  mappingStart: 36,
  mappingLimit: 40,
  mappingOffset: 44,
  mappingFile: 48,
  mappingBuild: 52,
  mappingFlags: 56,
  locations: 60,
  locationMapping: 64,
  locationAddress: 68,
  locationFolded: 72,
  locationLines: 76,
  lineFunction: 80,
  lineNumber: 84,
  nameRow: 88,
  functionRow: 92,
  mappingRow: 96,
  locationRow: 100,
  textRow: 104,
  bytes: 112,
} as const;

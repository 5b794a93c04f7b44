import { StoreError } from '#src/domain/errors.ts';
import { quoted } from '#src/domain/model/printable.ts';
import type { Bytes } from '#src/domain/model/units.ts';

/** Real ones have a few hundred bytes. */
const CONFIG_BYTES_MAX: Bytes = 64 << 10;

/**
 * Reads `sample_type_config`: `{"<sample type>": {"display-name": "…", …}}`, as Go reads it: the name of a field in any
 * case, and `null` like what is not there.
 *
 * @returns the display name of every sample type in it, empty where it has none: that a type is there says something.
 *          undefined for `null`, which is how a client in Go writes that it has none
 * @throws  StoreError 'invalid-argument' naming what is wrong
 */
export function parseSampleTypeConfig(bytes: Uint8Array): Record<string, string> | undefined {
  if (bytes.length > CONFIG_BYTES_MAX) {
    throw malformed(`it has ${bytes.length} bytes, the limit is ${CONFIG_BYTES_MAX}`);
  }
  const parsed = parse(bytes);
  if (parsed === null) return undefined;
  const names: [string, string][] = [];
  for (const [sampleType, config] of Object.entries(objectOf(parsed, 'it'))) {
    if (config !== null) names.push([sampleType, displayNameOf(sampleType, config)]);
  }
  return Object.fromEntries(names);
}

function displayNameOf(sampleType: string, config: unknown): string {
  let displayName = '';
  for (const [field, value] of Object.entries(objectOf(config, quoted(sampleType)))) {
    if (value === null || !DISPLAY_NAME.test(field)) continue;
    if (typeof value !== 'string') throw malformed(`the ${field} of ${quoted(sampleType)} is not a string`);
    displayName = value;
  }
  return displayName;
}

/** By simple case folding, as in Go. */
const DISPLAY_NAME = /^display-name$/iu;

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString());
  } catch {
    throw malformed('it is not JSON');
  }
}

function objectOf(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw malformed(`${what} is not an object`);
}

function malformed(problem: string): StoreError {
  return new StoreError('invalid-argument', `sample_type_config: ${problem}`);
}

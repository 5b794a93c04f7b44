import { BinaryReader } from '@bufbuild/protobuf/wire';
import { StoreError } from '#src/domain/errors.ts';
import { decodeProfile } from './decode.ts';
import { withNameFixups } from './ingest-fixups.ts';
import type { IngestOptions, ProfileLimits } from './ingest-options.ts';
import { writePlainProfile } from './plain-writer.ts';
import { tooManyFixupMessages, undecodable } from './profile-errors.ts';
import { eachField, message, skip } from './wire-fields.ts';

/**
 * Sample types, locations, lines, functions and strings of a profile that is mended.
 *
 * Two bytes of a pprof are an empty one, and a hundred of memory when it is a plain object. So many are 65,000 functions with
 * a name, a location and a line each, and take half a second of CPU.
 */
export const fixupMessagesMax = 1 << 18;

const SAMPLE_TYPE = 1;
const LOCATION = 4;
const FUNCTION = 5;
const STRING = 6;
const NAMED: ReadonlySet<number> = new Set([SAMPLE_TYPE, LOCATION, FUNCTION, STRING]);
/** Of a location. */
const LINE = 4;

/**
 * A pprof with the fix-ups of names that its agent needs, as bytes again: the plain twin of it is `withIngestFixups`,
 * which also mends the time.
 *
 * Only what has to do with names becomes objects. Samples, most of a profile, are copied as they are; nothing in a pprof
 * depends on the order of messages of different kinds.
 *
 * @param bytes  pprof, not compressed
 * @throws StoreError 'invalid-argument' when it cannot be decoded, or has more of something than fix-ups take
 * @cost   O(bytes + bytes of new names)
 */
export function mendedPprof(
  bytes: Uint8Array,
  ingest: IngestOptions,
  limits: Pick<ProfileLimits, 'maxProfileSymbolValueLength'>,
): Uint8Array {
  const { named, others } = parted(bytes);
  const mended = writePlainProfile(withNameFixups(decodeProfile(named), ingest, limits));
  return Buffer.concat([others, mended]);
}

/** The fields that have to do with names, and the others, each in their order. */
function parted(bytes: Uint8Array): { named: Uint8Array; others: Uint8Array } {
  const named = new FieldRuns(bytes);
  const others = new FieldRuns(bytes);
  let messages = 0;
  try {
    const reader = new BinaryReader(bytes);
    while (reader.pos < reader.len) {
      const start = reader.pos;
      const [field, wire] = reader.tag();
      if (field === LOCATION) messages += linesOf(message(reader, wire));
      else skip(reader, wire);
      const isNamed = NAMED.has(field);
      (isNamed ? named : others).add(start, reader.pos);
      if (isNamed) messages++;
      if (messages > fixupMessagesMax) throw tooManyFixupMessages(fixupMessagesMax, messages);
    }
  } catch (error) {
    if (error instanceof StoreError) throw error;
    throw undecodable(error instanceof Error ? error.message : 'unknown reason');
  }
  return { named: named.bytes(), others: others.bytes() };
}

function linesOf(location: Uint8Array): number {
  let lines = 0;
  eachField(location, (field) => {
    if (field === LINE) lines++;
    return false;
  });
  return lines;
}

/** Parts of the input one after the other. Those that touch are one: most fields of a kind stand together. */
class FieldRuns {
  readonly #input: Uint8Array;
  readonly #runs: Uint8Array[] = [];
  #start = 0;
  #end = 0;

  constructor(input: Uint8Array) {
    this.#input = input;
  }

  add(start: number, end: number): void {
    if (start !== this.#end) {
      this.#close();
      this.#start = start;
    }
    this.#end = end;
  }

  bytes(): Uint8Array {
    this.#close();
    return Buffer.concat(this.#runs);
  }

  #close(): void {
    if (this.#end > this.#start) this.#runs.push(this.#input.subarray(this.#start, this.#end));
    this.#start = this.#end;
  }
}

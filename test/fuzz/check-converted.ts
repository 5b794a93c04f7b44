import { AssertionError, ok } from 'node:assert/strict';
import { StoreError } from '#src/domain/errors.ts';
import { decodeProfile } from '#src/domain/pprof/decode.ts';
import type { ProfileLimits } from '#src/domain/pprof/ingest-options.ts';
import { discardReasonOf } from '#src/domain/pprof/profile-errors.ts';
import { validateProfile } from '#src/domain/pprof/validate.ts';

/** What a format may have that the ingest path leaves out, or refuses. */
export type ConvertedForm = {
  /** Values below zero. */
  readonly anyValue: boolean;
  /** Any names of sample types. */
  readonly anyType: boolean;
};

/**
 * What a body was converted to is a pprof that holds: the plain decoder takes it, all references in it are good, and its
 * values are whole numbers of 64 bits. The limits of a tenant are for the ingest path, as are texts that are not UTF-8.
 *
 * @throws AssertionError
 */
export function checkConverted(profile: Uint8Array, limits: ProfileLimits, { anyValue, anyType }: ConvertedForm): void {
  try {
    const plain = decodeProfile(profile);
    ok(plain.sampleTypes.length > 0, 'it has no sample type');
    const valueMin = anyValue ? -(2n ** 63n) : 0n;
    for (const { values } of plain.samples) {
      ok(values.length === plain.sampleTypes.length, `a sample has ${values.length} values`);
      for (const value of values) ok(value >= valueMin && value < 2n ** 63n, `a value is ${value}`);
    }
    // The definition looks at texts first.
    if (plain.strings.some(({ text }) => text === undefined)) return;
    validateProfile(plain, profile.length, { ...limits, ...WITHOUT_WINDOW }, 0);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    // What is over a limit names it, those of all profiles included, whatever its reason is called.
    if (discardReasonOf(error) !== 'malformed_profile' || 'limit' in error.details) return;
    if (anyType && / has a "-"$/.test(error.message)) return;
    throw new AssertionError({ message: `it was converted to a pprof that does not hold: ${error.message}` });
  }
}

const WITHOUT_WINDOW = { rejectNewerThanMs: 0, rejectOlderThanMs: 0 };

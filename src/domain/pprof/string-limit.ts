import type { Bytes } from '#src/domain/model/units.ts';

/**
 * Bytes of a string that a profile may have where `max_profile_symbol_value_length` cuts none.
 *
 * A page of a block holds 64 MiB and every string as a whole. A build id may grow sixfold on its way there, when it is
 * written as JSON with the version of its service. The kernels have the same number.
 */
export const stringBytesMax: Bytes = 8 << 20;

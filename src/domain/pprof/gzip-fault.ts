import { formatName } from '#src/domain/model/byte-format.ts';
import type { Steps } from '#src/domain/model/steps.ts';
import type { Bytes } from '#src/domain/model/units.ts';

/** Why bytes that should be gzip were not inflated. */
export type GzipFault =
  | { readonly kind: 'cut-off' }
  | {
      readonly kind: 'corrupt';
      /** In zlib's words. */
      readonly reason: string;
      /** How many bytes were taken until it showed: the last of them is at fault, or what it ends. Undefined: nobody looked. */
      readonly offset: Bytes | undefined;
    };

/** Inflates a gzip body in steps, all its members. Who converts uploads is given it, because it takes a thread's memory. */
export type InflateSteps = (body: Uint8Array, maxBytes: Bytes) => Steps<Uint8Array | 'too-large' | GzipFault>;

/** What zlib says where a member should begin and does not. Its first two bytes tell. */
const NO_HEADER = 'incorrect header check';
const HEADER_BYTES = 2;

/** What zlib says in words that say little. */
const REASONS: Readonly<Record<string, string>> = {
  'incorrect data check': 'the checksum at its end is not that of its content',
  'incorrect length check': 'the length at its end is not that of its content',
  'need dictionary': 'it needs a dictionary',
};

/**
 * Says what is wrong with a gzip body, as a clause for the end of a message.
 *
 * @example `the gzip data is cut off: it ends early, at byte 44`
 */
export function gzipProblem(body: Uint8Array, fault: GzipFault): string {
  if (body.length === 0) return 'it is empty, and gzip never is';
  if (body[0] !== 0x1f || (body.length > 1 && body[1] !== 0x8b)) {
    const name = formatName(body);
    const as = name === undefined ? '' : `, as ${name} does`;
    return `it is not gzip, but begins with the bytes ${hex(body.subarray(0, HEADER_BYTES))}${as}`;
  }
  if (fault.kind === 'cut-off') return `the gzip data is cut off: it ends early, at byte ${body.length}`;
  const { reason, offset } = fault;
  if (reason !== NO_HEADER) {
    const at = offset === undefined ? '' : ` at byte ${offset}`;
    return `the gzip data is corrupt${at}: ${REASONS[reason] ?? reason}`;
  }
  if (offset === undefined) return 'behind the gzip data comes what is no gzip';
  const end = offset - HEADER_BYTES;
  return `the gzip data ends at byte ${end}, and behind it comes what is no gzip: ${hex(body.subarray(end, offset))}`;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

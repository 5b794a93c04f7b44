import { StoreError } from '#src/domain/errors.ts';
import { nextTurn } from '#src/platform/next-turn.ts';
import { parseMediaType } from './media-type.ts';

// Why not a library: those for Node take a stream and give streams, and copy every byte on the way. Here the body is
// in memory as a whole, and a part is two searches and a view.

export type FormPart = {
  readonly name: string;
  /** undefined for a plain field. */
  readonly filename: string | undefined;
  /** A view into the body. */
  readonly data: Uint8Array;
};

const PARTS_MAX = 64;
const PART_HEADER_BYTES_MAX = 16 << 10;
const BOUNDARY_LENGTH_MAX = 70;

/** How much is searched before others get a turn. */
const SLICE_BYTES = 1 << 20;

/**
 * Splits the body of a form.
 *
 *     preamble CRLF --boundary CRLF headers CRLF CRLF data CRLF --boundary ... CRLF --boundary-- epilogue
 *
 * @throws StoreError 'invalid-argument' naming what is wrong
 * @source RFC 2046, section 5.1; RFC 7578
 */
export async function parseForm(body: Uint8Array, contentType: string): Promise<FormPart[]> {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const boundary = `--${boundaryOf(contentType)}`;
  const delimiter = Buffer.from(`\r\n${boundary}`, 'latin1');
  const parts: FormPart[] = [];

  // The first boundary may stand at the very start, without a line break before it.
  let end = startsWith(bytes, boundary) ? boundary.length : await endOf(bytes, delimiter, 0);
  while (!startsWith(bytes.subarray(end), '--')) {
    if (parts.length === PARTS_MAX) throw malformed(`there are more parts than the limit of ${PARTS_MAX}`);
    const start = lineEnd(bytes, end);
    const next = await endOf(bytes, delimiter, start - 2);
    parts.push(readPart(bytes.subarray(start, next - delimiter.length)));
    end = next;
  }
  return parts;
}

function boundaryOf(contentType: string): string {
  const boundary = parseMediaType(contentType)?.parameters.get('boundary') ?? '';
  if (boundary === '') throw malformed('the content type has no boundary');
  if (boundary.length > BOUNDARY_LENGTH_MAX) {
    throw malformed(`the boundary has ${boundary.length} characters, the limit is ${BOUNDARY_LENGTH_MAX}`);
  }
  return boundary;
}

/** Where the next delimiter ends. Searches in slices, because a body may have hundreds of megabytes. */
async function endOf(bytes: Buffer, delimiter: Buffer, from: number): Promise<number> {
  for (let start = from; start < bytes.length; start += SLICE_BYTES) {
    if (start > from) await nextTurn();
    const slice = bytes.subarray(start, start + SLICE_BYTES + delimiter.length - 1);
    const found = slice.indexOf(delimiter);
    if (found !== -1) return start + found + delimiter.length;
  }
  throw malformed('the closing boundary is missing');
}

/** A boundary line may end in blanks. @returns where the next line starts */
function lineEnd(bytes: Buffer, from: number): number {
  let at = from;
  while (bytes[at] === 0x20 || bytes[at] === 0x09) at++;
  if (bytes[at] !== 0x0d || bytes[at + 1] !== 0x0a) throw malformed('a boundary is not followed by a line break');
  return at + 2;
}

function readPart(part: Buffer): FormPart {
  const head = part.subarray(0, PART_HEADER_BYTES_MAX);
  const blank = startsWith(head, '\r\n') ? -2 : head.indexOf('\r\n\r\n');
  if (blank === -1) {
    throw malformed(`a part has no end of headers in ${head.length} bytes, the limit is ${PART_HEADER_BYTES_MAX}`);
  }
  const headers = head.toString('utf8', 0, Math.max(blank, 0)).split('\r\n');
  const line = headers.find((header) => header.toLowerCase().startsWith('content-disposition:'));
  const disposition = parseMediaType(line?.slice(line.indexOf(':') + 1) ?? '');
  const name = disposition?.type === 'form-data' ? disposition.parameters.get('name') : undefined;
  const filename = disposition?.parameters.get('filename') ?? disposition?.parameters.get('filename*');
  return { name: name ?? '', filename: filename === '' ? undefined : filename, data: part.subarray(blank + 4) };
}

function startsWith(bytes: Buffer, text: string): boolean {
  return bytes.toString('latin1', 0, text.length) === text;
}

function malformed(problem: string): StoreError {
  return new StoreError('invalid-argument', `malformed form: ${problem}`);
}

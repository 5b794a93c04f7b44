import { quotedBytes } from '#src/domain/model/printable.ts';
import type { Steps } from '#src/domain/model/steps.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import { undecodableUpload } from '#src/domain/upload/upload.ts';
import { binaryFormat, isBinary } from './binary-format.ts';
import type { StackCollector } from './stack-collector.ts';

/** Of one line without its end, as in Pyroscope. */
export const LINE_BYTES_MAX: Bytes = 65_535;

/** What is read in one step: a millisecond, or some twenty where every line has a name of its own. */
const STEP_BYTES: Bytes = 32 << 10;

const INT64_MAX = 2n ** 63n - 1n;

export type FoldedFormat = 'groups' | 'lines';

/**
 * Reads folded stacks, one a line, root first:
 *
 *     groups    main;work 3     a stack, and its count behind the last blank; a line without a blank is nothing
 *     lines     main;work       a stack, which counts one; an empty line is nothing
 *
 * Where no line at all has a count, it is no `groups`: to skip every line would lose a profile, and nobody would hear of it.
 *
 * @throws StoreError 'invalid-argument' when a line is too long, or its count is no whole number, negative or over 64 bits,
 *         or none has one; when it is no text, but another format
 * @cost   O(bytes)
 * @source the write-path reference, "/ingest: folded text"
 */
export function* readFolded(format: FoldedFormat, body: Uint8Array, stacks: StackCollector): Steps<void> {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const binary = binaryFormat(body);
  if (binary !== undefined) throw undecodableUpload(format, `its bytes look like ${binary}`);
  const reading: Reading = { format, text, at: 0, line: 0, counted: false, uncounted: 0, stacks };
  while (reading.at < text.length) {
    readLines(reading, Math.min(reading.at + STEP_BYTES, text.length));
    yield;
  }
  const { counted, uncounted } = reading;
  if (!counted && uncounted > 0) {
    const what = uncounted === 1 ? 'its only line has no count' : `none of its ${uncounted} lines has a count`;
    throw notFolded(reading, `${what} behind a blank; with format=lines each line counts one`);
  }
}

type Reading = {
  readonly format: FoldedFormat;
  readonly text: Buffer;
  readonly stacks: StackCollector;
  /** Where the next line begins. */
  at: number;
  /** That was read last, from 1. */
  line: number;
  /** Of groups: whether any line has a count, and how many have none. */
  counted: boolean;
  uncounted: number;
};

/** Reads the lines that begin before `end`. */
function readLines(reading: Reading, end: number): void {
  const { format, text, stacks } = reading;
  while (reading.at < end) {
    const start = reading.at;
    let lineEnd = text.indexOf(NEWLINE, start);
    if (lineEnd === -1) lineEnd = text.length;
    reading.at = lineEnd + 1;
    reading.line++;
    if (lineEnd - start > LINE_BYTES_MAX) {
      throw at(reading, `it has ${lineEnd - start} bytes, the limit is ${LINE_BYTES_MAX}`);
    }
    if (text[lineEnd - 1] === RETURN && lineEnd > start) lineEnd--;
    if (format === 'lines') {
      if (lineEnd > start) stacks.add(stackOf(text, start, lineEnd, stacks), 1n);
      continue;
    }
    const blank = text.subarray(start, lineEnd).lastIndexOf(BLANK);
    if (blank === -1) {
      if (lineEnd > start) reading.uncounted++;
      continue;
    }
    reading.counted = true;
    const count = countOf(reading, start + blank + 1, lineEnd);
    if (count > 0n) stacks.add(stackOf(text, start, start + blank, stacks), count);
  }
}

/**
 * A semicolon at the end ends the last frame, and begins none. Every other frame may be without a name, as in Pyroscope;
 * and so is that of no text at all, whose value would be shown nowhere if it had no frame.
 *
 * @param start  of the line
 */
function stackOf(text: Buffer, start: number, textEnd: number, stacks: StackCollector): number {
  const end = text[textEnd - 1] === SEMICOLON ? textEnd - 1 : textEnd;
  let row = 0;
  let frameStart = start;
  // No search for the next semicolon, which would go on behind the line, and be a square of the body in all.
  for (let i = start; i <= end; i++) {
    if (i < end && text[i] !== SEMICOLON) continue;
    row = stacks.childOf(row, stacks.name(text, frameStart, i));
    frameStart = i + 1;
  }
  return row;
}

function countOf(reading: Reading, start: number, end: number): bigint {
  const { text } = reading;
  let count = 0;
  let i = start;
  while (i < end && i < start + SAFE_DIGITS && isDigit(text[i])) count = count * 10 + text[i++] - ZERO;
  if (i === end && i > start) return BigInt(count);
  return unusualCount(reading, text.subarray(start, end));
}

/** One with a sign, a very large one, or none. */
function unusualCount(reading: Reading, bytes: Buffer): bigint {
  const text = bytes.toString('latin1');
  if (!/^[+-]?[0-9]+$/.test(text)) throw at(reading, `its count ${shown(bytes)} is no whole number`);
  // A number of many digits takes more than linear time to read.
  const digits = text.replace(/^[+-]?0*/, '');
  const count = digits.length > 19 ? INT64_MAX + 1n : BigInt(digits || '0');
  if (text.startsWith('-') && count > 0n) throw at(reading, `its count ${shown(bytes)} is negative`);
  if (count > INT64_MAX) throw at(reading, `its count ${shown(bytes)} is over ${INT64_MAX}`);
  return count;
}

/** What stands for a count may be anything: a profile in another format has lines of kilobytes without a blank. */
function shown(count: Uint8Array): string {
  return quotedBytes(count, 40);
}

function at(reading: Reading, what: string) {
  return notFolded(reading, `line ${reading.line}: ${what}`);
}

function notFolded({ format, text }: Reading, what: string) {
  const hint = isBinary(text) ? '; it is no text: pprof needs format=pprof, a recording of Java format=jfr' : '';
  return undecodableUpload(format, what + hint);
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= NINE;
}

/** A count of so many digits is exact as a number. */
const SAFE_DIGITS = 15;

const [NEWLINE, RETURN, BLANK, SEMICOLON, ZERO, NINE] = [...Buffer.from('\n\r ;09')];

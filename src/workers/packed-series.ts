import type { WireError } from '#src/domain/errors.ts';
import type { Label } from '#src/domain/model/labels.ts';
import type { Steps } from '#src/domain/model/steps.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import { type RequestLabels, serviceOf } from '#src/domain/series/request-labels.ts';

/**
 * The labels of many series as columns, which move between threads without a copy. As objects they would be copied one by
 * one at both ends, and a million of them keep the main loop for a second.
 *
 *     text       __name__ cpu service_name shop __name__ cpu { "code": ... }
 *     textEnds           8  11           23   27       35  38             80     with how each is written
 *     ends                                     4                           7     texts, so 7 - 4 of the second series
 *
 * The texts of a series are names and values in turn; one more is why no series can have them, as JSON.
 *
 * @shapes textEnds Uint32Array[texts], ends and labelBytes Uint32Array[series]
 */
export type PackedSeries = {
  readonly text: Uint8Array<ArrayBuffer>;
  /** Twice where the text ends, plus 1 where it has two bytes a character and not one. */
  readonly textEnds: Uint32Array<ArrayBuffer>;
  readonly ends: Uint32Array<ArrayBuffer>;
  /** Of the labels as sent. */
  readonly labelBytes: Uint32Array<ArrayBuffer>;
};

/** Characters that have the same number in Latin-1. Others take two bytes, which keeps half of a surrogate pair as well. */
const LATIN_1 = /^[\0-\xff]*$/;

/** Texts and bytes of texts that are written in one step. */
const STEP_TEXTS = 1 << 13;
const STEP_TEXT_BYTES: Bytes = 1 << 20;

/** @cost the memory of all texts, once more */
export function* packSeries(series: readonly RequestLabels[]): Steps<PackedSeries> {
  let textCount = 0;
  let sizeBytes: Bytes = 0;
  const step = new StepCount(STEP_TEXTS, STEP_TEXT_BYTES);
  for (const { labels, labelFault } of series) {
    for (const text of textsOf(labels, labelFault)) {
      const bytes = LATIN_1.test(text) ? text.length : 2 * text.length;
      textCount++;
      sizeBytes += bytes;
      if (step.isOver(1, bytes)) yield;
    }
  }
  const text = Buffer.from(new ArrayBuffer(sizeBytes));
  const textEnds = new Uint32Array(textCount);
  const ends = new Uint32Array(series.length);
  const labelBytes = new Uint32Array(series.length);
  let [count, end] = [0, 0];
  for (const [i, { labels, labelFault, labelBytes: bytes }] of series.entries()) {
    for (const one of textsOf(labels, labelFault)) {
      const start = end;
      const isLatin1 = LATIN_1.test(one);
      end += text.write(one, end, isLatin1 ? 'latin1' : 'utf16le');
      textEnds[count++] = 2 * end + (isLatin1 ? 0 : 1);
      if (step.isOver(1, end - start)) yield;
    }
    ends[i] = count;
    labelBytes[i] = bytes;
    if (step.isOver(1, 0)) yield;
  }
  return { text: new Uint8Array(text.buffer), textEnds, ends, labelBytes };
}

/** The texts of one series: names, values, and what is wrong. */
function* textsOf(labels: readonly Label[], fault: WireError | undefined): Generator<string> {
  for (const { name, value } of labels) {
    yield name;
    yield value;
  }
  if (fault !== undefined) yield JSON.stringify(fault);
}

/** Reads series one after the other, label by label, so that whoever has little time can stop anywhere. */
export class SeriesReader {
  readonly #packed: PackedSeries;
  readonly #text: Buffer;
  #series = 0;
  #texts = 0;

  constructor(packed: PackedSeries) {
    this.#packed = packed;
    this.#text = Buffer.from(packed.text.buffer, packed.text.byteOffset, packed.text.byteLength);
  }

  /** The next series. @param step  counts texts and their bytes */
  *next(step: StepCount): Steps<RequestLabels> {
    const { ends, labelBytes } = this.#packed;
    const end = ends[this.#series];
    const labels: Label[] = [];
    while (end - this.#texts >= 2) {
      const name = this.#nextText(step);
      const value = this.#nextText(step);
      labels.push({ name, value });
      if (step.isOver(2, 0)) yield;
    }
    const labelFault = end > this.#texts ? (JSON.parse(this.#nextText(step)) as WireError) : undefined;
    return { labels, labelFault, service: serviceOf(labels), labelBytes: labelBytes[this.#series++] };
  }

  #nextText(step: StepCount): string {
    const { textEnds } = this.#packed;
    const start = this.#texts === 0 ? 0 : textEnds[this.#texts - 1] >>> 1;
    const packedEnd = textEnds[this.#texts++];
    const end = packedEnd >>> 1;
    step.add(0, end - start);
    return this.#text.toString(packedEnd % 2 === 0 ? 'latin1' : 'utf16le', start, end);
  }
}

/** Counts the work of a step against what one may have. */
export class StepCount {
  readonly #partsMax: number;
  readonly #bytesMax: Bytes;
  #parts = 0;
  #bytes: Bytes = 0;

  constructor(partsMax: number, bytesMax: Bytes) {
    this.#partsMax = partsMax;
    this.#bytesMax = bytesMax;
  }

  add(parts: number, bytes: Bytes): void {
    this.#parts += parts;
    this.#bytes += bytes;
  }

  /** Whether the step is over with these; then another one begins. */
  isOver(parts: number, bytes: Bytes): boolean {
    this.add(parts, bytes);
    if (this.#parts < this.#partsMax && this.#bytes < this.#bytesMax) return false;
    this.#parts = 0;
    this.#bytes = 0;
    return true;
  }
}

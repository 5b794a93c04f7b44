import { halvesOf } from '#src/domain/model/halves.ts';
import { levelsInSteps, STEP_ROWS, type Steps } from '#src/domain/model/steps.ts';
import type { FlameGraph } from '#src/domain/profile/flame-layout.ts';
import { nameBytes, nameCount } from '#src/domain/profile/name-table.ts';
import { varintBytes } from '#src/domain/protobuf/varint.ts';
import { ChunkedBytes, validUtf8 } from './chunked-bytes.ts';

/**
 * A flame graph as the only field of its response: number 1 of SelectMergeStacktracesResponse, and of
 * SelectMergeSpanProfileResponse.
 */
export function* encodeFlamegraphProto(graph: FlameGraph): Steps<Uint8Array[]> {
  const body = new ChunkedBytes();
  yield* writeFlameGraphProto(body, graph);
  return withLength(1, body);
}

/** The same as protobuf's JSON: 64-bit numbers as strings, zeros left out. */
export function* encodeFlamegraphJson(graph: FlameGraph): Steps<Uint8Array[]> {
  const out = new ChunkedBytes();
  out.ascii('{"flamegraph":{');
  yield* writeFlameGraphJson(out, graph);
  out.ascii('}}');
  return out.take();
}

/** Bars that are written in one step: four or seven numbers each. */
export const STEP_BARS = STEP_ROWS / 4;

/** A name costs more than a bar: it is checked, and escaped. */
const STEP_NAMES = STEP_ROWS / 16;

/** The fields 1 to 4 that FlameGraph and FlameGraphDiff share. */
export function* writeFlameGraphProto(out: ChunkedBytes, graph: FlameGraph): Steps<void> {
  for (let i = 0; i < nameCount(graph.names); i++) {
    if (i % STEP_NAMES === 0) yield;
    const name = validUtf8(nameBytes(graph.names, i));
    out.byte((1 << 3) | 2);
    out.varint(name.length);
    out.bytes(name);
  }
  const halves = halvesOf(graph.bars);
  const { levelOffsets, barWidth } = graph;
  const packedBytes = new Float64Array(levelOffsets.length);
  yield* levelsInSteps(
    levelOffsets,
    0,
    (start, end, level) => {
      let bytes = 0;
      for (let i = start * barWidth; i < end * barWidth; i++) bytes += varintBytes(halves[2 * i], halves[2 * i + 1]);
      packedBytes[level] += bytes;
    },
    STEP_BARS,
  );
  yield* levelsInSteps(
    levelOffsets,
    0,
    (start, end, level) => {
      if (start === levelOffsets[level]) {
        out.byte((2 << 3) | 2); // levels
        out.varint(1 + varintBytes(packedBytes[level], 0) + packedBytes[level]);
        out.byte((1 << 3) | 2); // values of the level, packed
        out.varint(packedBytes[level]);
      }
      for (let i = start * barWidth; i < end * barWidth; i++) out.varint64(halves[2 * i], halves[2 * i + 1]);
    },
    STEP_BARS,
  );
  out.integerField(3, graph.total);
  out.integerField(4, graph.maxSelf);
}

/** The fields that FlameGraph and FlameGraphDiff share, without the braces. */
export function* writeFlameGraphJson(out: ChunkedBytes, graph: FlameGraph): Steps<void> {
  out.ascii('"names":');
  yield* writeNamesJson(out, graph);
  out.ascii(',"levels":[');
  const halves = halvesOf(graph.bars);
  const { levelOffsets, barWidth } = graph;
  yield* levelsInSteps(
    levelOffsets,
    0,
    (start, end, level) => {
      const first = levelOffsets[level] * barWidth;
      if (start === levelOffsets[level]) out.ascii(level === 0 ? '{"values":[' : ',{"values":[');
      for (let i = start * barWidth; i < end * barWidth; i++) {
        out.ascii(i === first ? '"' : ',"');
        out.decimal64(halves[2 * i], halves[2 * i + 1]);
        out.byte(0x22);
      }
      if (end === levelOffsets[level + 1]) out.ascii(']}');
    },
    STEP_BARS,
  );
  out.byte(0x5d);
  if (graph.total !== 0n) out.ascii(`,"total":"${graph.total}"`);
  if (graph.maxSelf !== 0n) out.ascii(`,"maxSelf":"${graph.maxSelf}"`);
}

export function* writeNamesJson(out: ChunkedBytes, graph: FlameGraph): Steps<void> {
  out.byte(0x5b);
  for (let i = 0; i < nameCount(graph.names); i++) {
    if (i % STEP_NAMES === 0) yield;
    if (i > 0) out.byte(0x2c);
    out.jsonString(nameBytes(graph.names, i));
  }
  out.byte(0x5d);
}

/** The pieces of a message that is field `field` of another. */
export function withLength(field: number, body: ChunkedBytes): Uint8Array[] {
  const head = new ChunkedBytes();
  head.byte((field << 3) | 2);
  head.varint(body.sizeBytes);
  return [...head.take(), ...body.take()];
}

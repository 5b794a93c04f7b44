import type { FlameGraph } from '#src/domain/profile/flame-layout.ts';
import { nameBytes, nameCount } from '#src/domain/profile/name-table.ts';
import { ChunkedBytes, validUtf8, varintBytes } from './chunked-bytes.ts';

/**
 * A flame graph as the only field of its response: number 1 of SelectMergeStacktracesResponse, and of
 * SelectMergeSpanProfileResponse.
 */
export function encodeFlamegraphProto(graph: FlameGraph): Uint8Array[] {
  const body = new ChunkedBytes();
  writeFlameGraphProto(body, graph);
  return withLength(1, body);
}

/** The same as protobuf's JSON: 64-bit numbers as strings, zeros left out. */
export function encodeFlamegraphJson(graph: FlameGraph): Uint8Array[] {
  const out = new ChunkedBytes();
  out.ascii('{"flamegraph":{');
  writeFlameGraphJson(out, graph);
  out.ascii('}}');
  return out.take();
}

/** The fields 1 to 4 that FlameGraph and FlameGraphDiff share. */
export function writeFlameGraphProto(out: ChunkedBytes, graph: FlameGraph): void {
  for (let i = 0; i < nameCount(graph.names); i++) {
    const name = validUtf8(nameBytes(graph.names, i));
    out.byte((1 << 3) | 2);
    out.varint(name.length);
    out.bytes(name);
  }
  const halves = halvesOf(graph.bars);
  for (let level = 0; level + 1 < graph.levelOffsets.length; level++) {
    const first = graph.levelOffsets[level] * graph.barWidth;
    const end = graph.levelOffsets[level + 1] * graph.barWidth;
    let packedBytes = 0;
    for (let i = first; i < end; i++) packedBytes += varintBytes(halves[2 * i], halves[2 * i + 1]);
    out.byte((2 << 3) | 2); // levels
    out.varint(1 + varintBytes(packedBytes, 0) + packedBytes);
    out.byte((1 << 3) | 2); // values of the level, packed
    out.varint(packedBytes);
    for (let i = first; i < end; i++) out.varint64(halves[2 * i], halves[2 * i + 1]);
  }
  out.integerField(3, graph.total);
  out.integerField(4, graph.maxSelf);
}

/** The fields that FlameGraph and FlameGraphDiff share, without the braces. */
export function writeFlameGraphJson(out: ChunkedBytes, graph: FlameGraph): void {
  out.ascii('"names":');
  writeNamesJson(out, graph);
  out.ascii(',"levels":[');
  const halves = halvesOf(graph.bars);
  for (let level = 0; level + 1 < graph.levelOffsets.length; level++) {
    out.ascii(level === 0 ? '{"values":[' : ',{"values":[');
    const first = graph.levelOffsets[level] * graph.barWidth;
    const end = graph.levelOffsets[level + 1] * graph.barWidth;
    for (let i = first; i < end; i++) {
      out.ascii(i === first ? '"' : ',"');
      out.decimal64(halves[2 * i], halves[2 * i + 1]);
      out.byte(0x22);
    }
    out.ascii(']}');
  }
  out.byte(0x5d);
  if (graph.total !== 0n) out.ascii(`,"total":"${graph.total}"`);
  if (graph.maxSelf !== 0n) out.ascii(`,"maxSelf":"${graph.maxSelf}"`);
}

export function writeNamesJson(out: ChunkedBytes, graph: FlameGraph): void {
  out.byte(0x5b);
  for (let i = 0; i < nameCount(graph.names); i++) {
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

/** Low and high halves, alternating: the machines this runs on are little-endian. The high halves are signed. */
export function halvesOf(values: BigInt64Array): Int32Array {
  return new Int32Array(values.buffer, values.byteOffset, values.length * 2);
}

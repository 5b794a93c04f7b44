import type { Steps } from '#src/domain/model/steps.ts';
import type { FlameGraphDiff } from '#src/domain/profile/diff.ts';
import { ChunkedBytes } from './chunked-bytes.ts';
import { withLength, writeFlameGraphJson, writeFlameGraphProto } from './encode-flamegraph.ts';

/** A difference as the only field of DiffResponse. */
export function* encodeDiffProto(graph: FlameGraphDiff): Steps<Uint8Array[]> {
  const body = new ChunkedBytes();
  yield* writeFlameGraphProto(body, graph);
  body.integerField(5, graph.leftTotal);
  body.integerField(6, graph.rightTotal);
  return withLength(1, body);
}

/** The same as protobuf's JSON. */
export function* encodeDiffJson(graph: FlameGraphDiff): Steps<Uint8Array[]> {
  const out = new ChunkedBytes();
  out.ascii('{"flamegraph":{');
  yield* writeFlameGraphJson(out, graph);
  if (graph.leftTotal !== 0n) out.ascii(`,"leftTicks":"${graph.leftTotal}"`);
  if (graph.rightTotal !== 0n) out.ascii(`,"rightTicks":"${graph.rightTotal}"`);
  out.ascii('}}');
  return out.take();
}

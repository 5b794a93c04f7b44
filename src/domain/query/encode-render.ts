import { halvesOf } from '#src/domain/model/halves.ts';
import type { ProfileType } from '#src/domain/model/profile-type.ts';
import { levelsInSteps, type Steps } from '#src/domain/model/steps.ts';
import type { FlameGraphDiff } from '#src/domain/profile/diff.ts';
import type { FlameGraph } from '#src/domain/profile/flame-layout.ts';
import { ChunkedBytes } from './chunked-bytes.ts';
import { STEP_BARS, writeNamesJson } from './encode-flamegraph.ts';
import type { Timeline } from './timeline.ts';

/** Sample types whose values are counts of things. */
const objectTypes = new Set(['inuse_objects', 'alloc_objects', 'goroutine', 'samples']);

export type RenderGroups = ReadonlyMap<string, Timeline>;

/**
 * The answer of `/pyroscope/render`. Its 64-bit values are JSON numbers, which many readers round above 2^53.
 *
 * @param groups a timeline per value of the first label grouped by; undefined: not grouped
 */
export function* encodeRender(
  graph: FlameGraph,
  profileType: ProfileType,
  timeline: Timeline,
  groups: RenderGroups | undefined,
): Steps<Uint8Array[]> {
  const out = new ChunkedBytes();
  yield* writeFlamebearer(out, graph, profileType, 'single');
  out.ascii(',"timeline":');
  writeTimeline(out, timeline);
  out.ascii(',"groups":');
  if (groups) writeGroups(out, groups);
  else out.ascii('null');
  out.ascii(',"heatmap":null}');
  return out.take();
}

/** The answer of `/pyroscope/render-diff`. */
export function* encodeRenderDiff(graph: FlameGraphDiff, profileType: ProfileType): Steps<Uint8Array[]> {
  const out = new ChunkedBytes();
  yield* writeFlamebearer(out, graph, profileType, 'double');
  out.ascii(',"timeline":null,"groups":null,"heatmap":null');
  if (graph.leftTotal !== 0n) out.ascii(`,"leftTicks":${graph.leftTotal}`);
  if (graph.rightTotal !== 0n) out.ascii(`,"rightTicks":${graph.rightTotal}`);
  out.byte(0x7d);
  return out.take();
}

function* writeFlamebearer(
  out: ChunkedBytes,
  graph: FlameGraph,
  { sampleType, sampleUnit }: ProfileType,
  format: 'single' | 'double',
): Steps<void> {
  out.ascii('{"version":1,"flamebearer":{"names":');
  yield* writeNamesJson(out, graph);
  out.ascii(',"levels":[');
  const halves = halvesOf(graph.bars);
  const { levelOffsets, barWidth } = graph;
  yield* levelsInSteps(
    levelOffsets,
    0,
    (start, end, level) => {
      const first = levelOffsets[level] * barWidth;
      if (start === levelOffsets[level]) out.ascii(level === 0 ? '[' : ',[');
      for (let i = start * barWidth; i < end * barWidth; i++) {
        if (i > first) out.byte(0x2c);
        out.decimal64(halves[2 * i], halves[2 * i + 1]);
      }
      if (end === levelOffsets[level + 1]) out.byte(0x5d);
    },
    STEP_BARS,
  );
  out.ascii(`],"numTicks":${graph.total},"maxSelf":${graph.maxSelf}},"metadata":`);
  // A nanosecond of CPU time is called a sample here, at a rate of 10^9 of them: clients divide by the rate.
  const units = objectTypes.has(sampleType) ? 'objects' : sampleType === 'cpu' ? 'samples' : sampleUnit;
  const sampleRate = sampleType === 'cpu' ? 1_000_000_000 : 100;
  out.bytes(Buffer.from(JSON.stringify({ format, spyName: '', sampleRate, units, name: sampleType })));
}

function writeTimeline(out: ChunkedBytes, { startSeconds, stepSeconds, samples }: Timeline): void {
  out.ascii(`{"startTime":${startSeconds},"samples":[`);
  for (let i = 0; i < samples.length; i++) out.ascii(i === 0 ? `${samples[i]}` : `,${samples[i]}`);
  out.ascii(`],"durationDelta":${stepSeconds},"watermarks":null}`);
}

function writeGroups(out: ChunkedBytes, groups: RenderGroups): void {
  out.byte(0x7b);
  let separator = '';
  for (const [value, timeline] of groups) {
    out.ascii(separator);
    out.jsonString(Buffer.from(value));
    out.byte(0x3a);
    writeTimeline(out, timeline);
    separator = ',';
  }
  out.byte(0x7d);
}

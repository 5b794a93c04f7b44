import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { STEP_ROWS, type Steps } from '#src/domain/model/steps.ts';
import { labelJson, writeLabels, writeText } from './encode-labels.ts';
import { JsonPieces } from './json-pieces.ts';
import type { Exemplar, Series } from './series-buckets.ts';

/** Points that are written in one step: each becomes an object or a message. */
const STEP_POINTS = STEP_ROWS / 16;

export function* encodeSelectSeriesProto(allSeries: readonly Series[]): Steps<Uint8Array[]> {
  let points = 0;
  const writer = new BinaryWriter();
  for (const series of allSeries) {
    writer.tag(1, WireType.LengthDelimited).fork();
    writeLabels(writer, 1, series.labels);
    for (let i = 0; i < series.timeMs.length; i++) {
      if (++points % STEP_POINTS === 0) yield;
      writer.tag(2, WireType.LengthDelimited).fork();
      const value = Number(series.value[i]);
      if (value !== 0) writer.tag(1, WireType.Bit64).double(value);
      if (series.timeMs[i] !== 0) writer.tag(2, WireType.Varint).int64(series.timeMs[i]);
      if (series.exemplars.length > 0) writeExemplar(writer, series.exemplars[i]);
      writer.join();
    }
    writer.join();
  }
  return [writer.finish()];
}

/** The same as protobuf's JSON. A value is a double, which JavaScript and Go write alike. */
export function* encodeSelectSeriesJson(allSeries: readonly Series[]): Steps<Uint8Array[]> {
  if (allSeries.length === 0) return [Buffer.from('{}')];
  const out = new JsonPieces();
  out.add('{"series":[');
  let points = 0;
  for (let i = 0; i < allSeries.length; i++) {
    if (i > 0) out.add(',');
    points = yield* writeSeriesJson(out, allSeries[i], points);
  }
  out.add(']}');
  return out.take();
}

/** @param before  points that were written since the last pause @returns how many are then */
function* writeSeriesJson(out: JsonPieces, series: Series, before: number): Steps<number> {
  let points = before + 1; // A series costs about as much.
  out.add('{');
  if (series.labels.length > 0) out.add(`"labels":${JSON.stringify(series.labels.map(labelJson))},`);
  out.add('"points":[');
  for (let i = 0; i < series.timeMs.length; i++) {
    if (++points >= STEP_POINTS) {
      points = 0;
      yield;
    }
    const value = Number(series.value[i]);
    const point = {
      ...(value !== 0 && { value }),
      ...(series.timeMs[i] !== 0 && { timestamp: String(series.timeMs[i]) }),
      ...(series.exemplars.length > 0 && { exemplars: [exemplarJson(series.exemplars[i])] }),
    };
    if (i > 0) out.add(',');
    out.add(JSON.stringify(point));
  }
  out.add(']}');
  return points;
}

function writeExemplar(writer: BinaryWriter, exemplar: Exemplar): void {
  writer.tag(4, WireType.LengthDelimited).fork();
  if (exemplar.timeMs !== 0) writer.tag(1, WireType.Varint).int64(exemplar.timeMs);
  writeText(writer, 2, exemplar.profileId);
  if (exemplar.value !== 0n) writer.tag(4, WireType.Varint).int64(exemplar.value);
  writeLabels(writer, 5, exemplar.labels);
  writer.join();
}

function exemplarJson({ timeMs, profileId, value, labels }: Exemplar): object {
  return {
    ...(timeMs !== 0 && { timestamp: String(timeMs) }),
    ...(profileId !== '' && { profileId }),
    ...(value !== 0n && { value: String(value) }),
    ...(labels.length > 0 && { labels: labels.map(labelJson) }),
  };
}

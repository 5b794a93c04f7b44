import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { labelJson, writeLabels, writeText } from './encode-labels.ts';
import { JsonPieces } from './json-pieces.ts';
import type { Exemplar, Series } from './series-buckets.ts';

export function encodeSelectSeriesProto(allSeries: readonly Series[]): Uint8Array[] {
  const writer = new BinaryWriter();
  for (const series of allSeries) {
    writer.tag(1, WireType.LengthDelimited).fork();
    writeLabels(writer, 1, series.labels);
    for (let i = 0; i < series.timeMs.length; i++) {
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
export function encodeSelectSeriesJson(allSeries: readonly Series[]): Uint8Array[] {
  if (allSeries.length === 0) return [Buffer.from('{}')];
  const out = new JsonPieces();
  out.add('{"series":[');
  for (let i = 0; i < allSeries.length; i++) {
    if (i > 0) out.add(',');
    writeSeriesJson(out, allSeries[i]);
  }
  out.add(']}');
  return out.take();
}

function writeSeriesJson(out: JsonPieces, series: Series): void {
  out.add('{');
  if (series.labels.length > 0) out.add(`"labels":${JSON.stringify(series.labels.map(labelJson))},`);
  out.add('"points":[');
  for (let i = 0; i < series.timeMs.length; i++) {
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

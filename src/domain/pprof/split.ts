import type { Label, Labels } from '#src/domain/model/labels.ts';
import { addSaturated } from '#src/domain/model/saturated-sum.ts';
import type { DiscardReason } from '#src/domain/pprof/ingest-options.ts';
import type { SeriesLabels } from '#src/domain/series/series-labels.ts';
import type { VersionInfo } from '#src/domain/series/version-info.ts';
import { type PlainProfile, type PlainSample, textAt } from './plain-profile.ts';
import { locationKey, type ResolvedLocation, resolveLocations } from './resolved-location.ts';

/** What one profile adds to one series. */
export type IngestedSeries = {
  readonly labels: Labels;
  readonly service: string;
  /** No two with equal stack, span and trace; no value is 0. */
  readonly samples: readonly IngestedSample[];
  /** Sum of the values. */
  readonly total: bigint;
};

export type IngestedSample = {
  /** Leaf first. */
  readonly stack: readonly ResolvedLocation[];
  readonly value: bigint;
  /** The 8 bytes of the id, read as little endian; 0: none. */
  readonly spanId: bigint;
  /** 32 hexadecimal digits in lower case; 32 zeros: none. */
  readonly traceId: string;
};

export const NO_TRACE_ID = '0'.repeat(32);

/**
 * Splits a profile into series: by the text labels of its samples, and by sample type.
 *
 *     samples   endpoint=/pay  [1, 10]      series   endpoint=/pay  samples  1
 *               endpoint=/list [4, 40]               endpoint=/pay  cpu     10
 *                                                    endpoint=/list samples  4
 *                                                    endpoint=/list cpu     40
 *
 * Span and trace ids belong to the sample and make no series. Groups whose series have the same labels are one group.
 *
 * @param profile         normalised
 * @param seriesLabelsOf  the series of a group with these labels. What it throws refuses the whole profile
 * @returns               series with samples, in order of the first sample of their group, then sample type
 */
export function splitIntoSeries(
  profile: PlainProfile,
  version: VersionInfo | undefined,
  seriesLabelsOf: (sampleLabels: readonly Label[]) => SeriesLabels,
): { readonly series: readonly IngestedSeries[]; readonly droppedReason: DiscardReason | undefined } {
  const locations = keyedLocations(profile, version);
  const groups = new Map<string, { labels: Extract<SeriesLabels, { kind: 'series' }>; samples: ReadSample[] }>();
  const known = new Map<string, SeriesLabels>();
  let droppedReason: DiscardReason | undefined;
  for (const sample of profile.samples) {
    const read = readSample(profile, sample, locations);
    const labelsKey = JSON.stringify(read.labels);
    const labels = known.get(labelsKey) ?? seriesLabelsOf(read.labels);
    known.set(labelsKey, labels);
    if (labels.kind === 'dropped') {
      droppedReason = labels.reason;
      continue;
    }
    const key = JSON.stringify(labels.labels);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { labels, samples: [read] });
    else group.samples.push(read);
  }
  const series: IngestedSeries[] = [];
  for (const { labels, samples } of groups.values()) {
    labels.labels.forEach((ofType, type) => {
      const merged = samplesOfType(samples, type);
      if (merged.length === 0) return;
      const total = merged.reduce((sum, { value }) => addSaturated(sum, value), 0n);
      series.push({ labels: ofType, service: labels.service, samples: merged, total });
    });
  }
  return { series, droppedReason };
}

type KeyedLocation = { readonly location: ResolvedLocation; readonly key: string };

function keyedLocations(profile: PlainProfile, version: VersionInfo | undefined): Map<bigint, KeyedLocation> {
  const keyed = new Map<bigint, KeyedLocation>();
  for (const [id, location] of resolveLocations(profile, version))
    keyed.set(id, { location, key: locationKey(location) });
  return keyed;
}

type ReadSample = {
  readonly stack: readonly ResolvedLocation[];
  readonly stackKey: string;
  readonly values: readonly bigint[];
  readonly spanId: bigint;
  readonly traceId: string;
  /** Sorted, so that equal sets have equal texts. */
  readonly labels: readonly Label[];
};

function readSample(
  profile: PlainProfile,
  sample: PlainSample,
  locations: ReadonlyMap<bigint, KeyedLocation>,
): ReadSample {
  let spanId = 0n;
  let traceId = NO_TRACE_ID;
  const labels: Label[] = [];
  for (const { key, str } of sample.labels) {
    const name = textAt(profile, key);
    const value = textAt(profile, str);
    // Of several ids the last good one counts.
    if (isSpanLabel(name)) spanId = parseSpanId(value) ?? spanId;
    else if (isTraceLabel(name)) traceId = parseTraceId(value) ?? traceId;
    else labels.push({ name, value });
  }
  const keyed = sample.locationIds.map((id) => locations.get(id) as KeyedLocation); // Normalised: all are there.
  const stack = keyed.map(({ location }) => location);
  const stackKey = keyed.map(({ key }) => key).join();
  labels.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.value < b.value ? -1 : 1));
  return { stack, stackKey, values: sample.values, spanId, traceId, labels };
}

/** `profile_id` is what old clients call the span. */
export function isSpanLabel(name: string): boolean {
  return name === 'span_id' || name === 'profile_id';
}

export function isTraceLabel(name: string): boolean {
  return name === 'trace_id';
}

/** @returns undefined when the text is not exactly 16 hexadecimal digits */
export function parseSpanId(text: string): bigint | undefined {
  return /^[0-9a-fA-F]{16}$/.test(text) ? Buffer.from(text, 'hex').readBigUInt64LE() : undefined;
}

function parseTraceId(text: string): string | undefined {
  return /^[0-9a-fA-F]{32}$/.test(text) ? text.toLowerCase() : undefined;
}

function samplesOfType(samples: readonly ReadSample[], type: number): IngestedSample[] {
  const merged = new Map<string, IngestedSample>();
  for (const { stack, stackKey, values, spanId, traceId } of samples) {
    const value = values[type] ?? 0n;
    if (value === 0n) continue;
    const key = `${spanId} ${traceId} ${stackKey}`;
    const before = merged.get(key)?.value ?? 0n;
    merged.set(key, { stack, value: addSaturated(before, value), spanId, traceId });
  }
  return [...merged.values()];
}

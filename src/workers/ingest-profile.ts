import { columnsMax } from '#src/domain/block/block-format.ts';
import { fromWire, StoreError, toWire } from '#src/domain/errors.ts';
import { FORMAT_HEAD_BYTES } from '#src/domain/model/byte-format.ts';
import { LabelName, valueOf } from '#src/domain/model/labels.ts';
import { LimitFlag } from '#src/domain/model/limit-flags.ts';
import type { Bytes, UnixMs } from '#src/domain/model/units.ts';
import { mayHaveTruncatedStacks } from '#src/domain/pprof/go-truncated-stacks.ts';
import { GO_SHAPE_PREFIX } from '#src/domain/pprof/go-type-parameters.ts';
import { ingestTime, nameFixupOf } from '#src/domain/pprof/ingest-fixups.ts';
import type { IngestOptions, ProfileLimits } from '#src/domain/pprof/ingest-options.ts';
import { LANGUAGE_MARKERS, type Language, languageOfSpy } from '#src/domain/pprof/language.ts';
import { mendedPprof } from '#src/domain/pprof/mended-pprof.ts';
import { discardReasonOf, needsTooMuchMemory } from '#src/domain/pprof/profile-errors.ts';
import { checkSampleTypeCount } from '#src/domain/pprof/type-limit.ts';
import { checkSampleTypeName, timeInWindow } from '#src/domain/pprof/validate.ts';
import { seriesLabeller } from '#src/domain/series/series-labeller.ts';
import type { SeriesLabels } from '#src/domain/series/series-labels.ts';
import { labelsOnArrival } from '#src/domain/series/service-name.ts';
import { buildIdVersioner, versionInfoOf } from '#src/domain/series/version-info.ts';
import { decodeFailure } from '#src/kernels/decode-failure.ts';
import { appendSamples, DROPPED_GROUP, groupSamples, type LabelGroup } from '#src/kernels/ingest.ts';
import type { KernelInstance } from '#src/kernels/instance.ts';
import { DecodedProfile, decodeProfile } from '#src/kernels/pprof-decode.ts';
import { type Head, type HeadSpace, HeapEstimate } from './head.ts';
import { type ArenaBytes, inflateIntoArena } from './inflate-into-arena.ts';
import type { Inflater } from './inflater.ts';
import { IngestCost } from './ingest-cost.ts';
import { BATCH_BYTES_MAX, type HeadFull, type IngestItem, type IngestOutcome } from './ingest-messages.ts';
import { LabelSetIndex } from './label-set-index.ts';

/** Without a size limit of the tenant, the arena sets one: what is decoded takes a few times the space of the pprof. */
const SCRATCH_PER_RAW_BYTE = 6;

/** Bytes that names are mended in or into take some times as long as others. */
const FIXUP_WEIGHT = 4;

/**
 * Decodes one profile into the head: inflate, decode, validate, repair, split into series, intern, sum. Its plain
 * twin is `ingestPlain` in src/domain/pprof, and what both must do is said there.
 *
 * The head changes only when all of it succeeds.
 *
 * @param cost  grows by what it costs, whatever comes out. Bytes that cannot be inflated are not in it
 */
export function ingestProfile(
  kernels: KernelInstance,
  head: Head,
  item: IngestItem,
  limits: ProfileLimits,
  nowMs: UnixMs,
  inflater?: Inflater,
  cost = new IngestCost(),
): IngestOutcome | HeadFull {
  let rawBytes: Bytes = 0;
  try {
    return kernels.guard(() => {
      kernels.exports.resetScratch();
      const { maxBytes, limitName } = sizeLimit(kernels, limits);
      const raw = inflateIntoArena(kernels, inflater, item.profile, maxBytes, limitName);
      rawBytes = raw.length;
      cost.add(rawBytes);
      return ingestRaw(kernels, head, item, { raw, cost }, limits, nowMs);
    });
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    const { arena } = error.details;
    if (arena === 'head' && !head.empty) return { kind: 'head-full' };
    // It never fits, so it must not be sent again, and its siblings with it.
    const refused = arena === undefined ? error : needsTooMuchMemory(error);
    return { kind: 'refused', rawBytes, reason: discardReasonOf(refused), error: toWire(refused) };
  }
}

function ingestRaw(
  kernels: KernelInstance,
  head: Head,
  item: IngestItem,
  { raw, cost }: { raw: ArenaBytes; cost: IngestCost },
  limits: ProfileLimits,
  nowMs: UnixMs,
): IngestOutcome {
  const mended = withFixups(kernels, item.ingest, { raw, cost }, limits);
  const profile = decodeProfile(kernels, mended, limits);
  if (!(profile instanceof DecodedProfile)) {
    const beginning = kernels.takeU8(mended.pointer, Math.min(mended.length, FORMAT_HEAD_BYTES));
    throw decodeFailure(profile, limits, beginning);
  }
  const { ingest } = item;
  const sentNanos = ingest === undefined ? profile.timeNanos : ingestTime(profile.timeNanos, ingest.fromNanos);
  const timeNanos = timeInWindow(sentNanos, limits, nowMs);
  checkSampleTypeCount(profile.sampleTypeCount);
  for (const type of new Set(profile.sampleTypes.map(({ type }) => type))) checkSampleTypeName(type);

  if (languageOf(kernels, profile, item) === 'go') repairGo(kernels, profile);
  // Names of types are strings of the profile, which the repair may have changed.
  const { sampleTypes } = profile;
  kernels.exports.dropAddresses(profile.pointer);
  writeVersion(profile, item, cost);

  const { keptCount, groupCount, groups } = groupSamples(kernels, profile);
  if (keptCount === 0) return { kind: 'dropped', rawBytes: raw.length };
  if (item.labelFault !== undefined) throw fromWire(item.labelFault);
  const estimate = new HeapEstimate();
  const { seriesOfGroup, series, service } = seriesOfGroups(
    groups,
    groupCount,
    ({ labels }) => {
      const before = estimate.bytes;
      estimate.add(labels);
      cost.add(estimate.bytes - before);
      head.checkRoom(estimate.bytes);
    },
    seriesLabeller({ requestLabels: item.labels, sampleTypes, periodType: profile.periodType, ingest, limits }),
  );
  if (series.length === 0) return { kind: 'dropped', rawBytes: raw.length, reason: 'dropped_by_relabel_rules' };

  const labelsOf = series.map(({ labels }) => labels);
  head.within(estimate.bytes, () => {
    const { space, dataset } = head.open(item.tenant, service);
    const familyOfSeries = familiesOf(space, series, sampleTypes.length);
    const rows = appendSamples(kernels, profile, { space: space.pointer, dataset: dataset.pointer }, keptCount, {
      seriesOfGroup,
      seriesCount: series.length,
      familyOfSeries,
    });
    space.chargeFrames(familyOfSeries);
    const { durationNanos, period } = profile;
    dataset.add({ timeNanos, durationNanos, period, id: item.id }, rows, (row) => labelsOf[row.series][row.type]);
  });
  return { kind: 'stored', rawBytes: raw.length };
}

function sizeLimit(
  kernels: KernelInstance,
  { maxProfileSizeBytes }: ProfileLimits,
): { maxBytes: Bytes; limitName: string } {
  if (maxProfileSizeBytes > 0) return { maxBytes: maxProfileSizeBytes, limitName: `--${LimitFlag.profileSize}` };
  const maxBytes = Math.floor(kernels.limits.scratchBytesMax / SCRATCH_PER_RAW_BYTE);
  return { maxBytes, limitName: `a thread has room for (1/${SCRATCH_PER_RAW_BYTE} of --${LimitFlag.taskBytes})` };
}

/** Some agents need mending that looks at every name. They are rare: no kernel does it. */
function withFixups(
  kernels: KernelInstance,
  ingest: IngestOptions | undefined,
  { raw, cost }: { raw: ArenaBytes; cost: IngestCost },
  limits: ProfileLimits,
): ArenaBytes {
  if (ingest === undefined || nameFixupOf(ingest) === undefined) return raw;
  // Until more is known: it may be refused when all of it is done.
  cost.add(BATCH_BYTES_MAX);
  const mended = mendedPprof(kernels.takeU8(raw.pointer, raw.length), ingest, limits);
  cost.add(FIXUP_WEIGHT * (raw.length + mended.length) - BATCH_BYTES_MAX);
  return { pointer: kernels.put(mended), length: mended.length };
}

function languageOf(kernels: KernelInstance, profile: DecodedProfile, item: IngestItem): Language {
  const known = languageOfSpy(valueOf(item.labels, LabelName.spy));
  if (known !== undefined) return known;
  const marker = kernels.exports.findMarker(profile.pointer, putMarkers(kernels));
  return marker === 0 ? 'unknown' : LANGUAGE_MARKERS[marker - 1][1];
}

const MARKER_TEXT = Buffer.from(LANGUAGE_MARKERS.map(([marker]) => marker).join(''));

/** The markers as wasm/go-symbols.ts wants them: a count, then pointer and length of each. */
function putMarkers(kernels: KernelInstance): number {
  const fields = new Uint32Array(1 + 2 * LANGUAGE_MARKERS.length);
  let at = 0;
  fields[at++] = LANGUAGE_MARKERS.length;
  let pointer = kernels.put(MARKER_TEXT);
  for (const [{ length }] of LANGUAGE_MARKERS) {
    fields[at++] = pointer;
    fields[at++] = length;
    pointer += length;
  }
  return kernels.putColumn(fields);
}

function repairGo(kernels: KernelInstance, profile: DecodedProfile): void {
  kernels.exports.stripGoShapes(profile.pointer, kernels.put(Buffer.from(GO_SHAPE_PREFIX)));
  const names = profile.sampleTypes.map(({ type }) => type);
  // The deepest stack decides, and only it is known without looking at all of them.
  if (!mayHaveTruncatedStacks(names, [profile.maxDepth])) return;
  kernels.exports.repairGoStacks(profile.pointer);
}

function writeVersion(profile: DecodedProfile, item: IngestItem, cost: IngestCost): void {
  const version = versionInfoOf(labelsOnArrival(item.labels));
  if (version === undefined) return;
  const versioned = buildIdVersioner(version);
  profile.replaceBuildIds((buildId) => {
    const text = versioned(buildId);
    cost.add(text.length);
    return text;
  });
}

/** Series by series, for each part of the sample types that has a family of its own. */
function familiesOf(space: HeadSpace, series: readonly LabelledSeries[], typeCount: number): Uint32Array {
  const families: number[] = [];
  for (let first = 0; first < typeCount; first += columnsMax) {
    for (const { labels } of series) families.push(space.familyOf(labels.slice(first, first + columnsMax)));
  }
  return Uint32Array.from(families);
}

type LabelledSeries = Extract<SeriesLabels, { kind: 'series' }>;

/**
 * Groups whose samples belong to the same series get the same number.
 *
 * @param onSeries  is told of each, and may throw: very many samples with labels of their own are as many series
 */
function seriesOfGroups(
  groups: Iterable<LabelGroup>,
  groupCount: number,
  onSeries: (series: LabelledSeries) => void,
  labelsOf: (sampleLabels: LabelGroup['labels']) => SeriesLabels,
): { seriesOfGroup: Uint32Array; series: LabelledSeries[]; service: string } {
  const seriesOfGroup = new Uint32Array(groupCount).fill(DROPPED_GROUP);
  const series: LabelledSeries[] = [];
  // Of the first sample type, which stand for the others.
  const index = new LabelSetIndex();
  for (const { group, labels } of groups) {
    const found = labelsOf(labels);
    if (found.kind === 'dropped') continue;
    const number = index.numberOf(found.labels[0]);
    if (number === series.length) {
      series.push(found);
      onSeries(found);
    }
    seriesOfGroup[group] = number;
  }
  return { seriesOfGroup, series, service: series[0]?.service ?? '' };
}

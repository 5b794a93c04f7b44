import { StoreError } from '#src/domain/errors.ts';
import { type Label, LabelName } from '#src/domain/model/labels.ts';
import type { UnixMs, UnixNanos } from '#src/domain/model/units.ts';
import type { ValueTypeName } from '#src/domain/series/derive-labels.ts';
import type { CompiledRelabelRule } from '#src/domain/series/relabel.ts';
import { seriesLabels } from '#src/domain/series/series-labels.ts';
import { labelsOnArrival } from '#src/domain/series/service-name.ts';
import { buildIdVersioner, type VersionInfo, versionInfoOf } from '#src/domain/series/version-info.ts';
import { decodeProfile } from './decode.ts';
import { repairGoProfile } from './go-repair.ts';
import { withIngestFixups } from './ingest-fixups.ts';
import type { DiscardReason, IngestOptions, ProfileLimits } from './ingest-options.ts';
import { languageOf } from './language.ts';
import { normaliseProfile } from './normalise.ts';
import { type PlainProfile, textAt } from './plain-profile.ts';
import { type IngestedSeries, splitIntoSeries } from './split.ts';
import { validateProfile } from './validate.ts';

export type IngestRequest = {
  /** As the request had them. */
  readonly labels: readonly Label[];
  /** undefined: Push. */
  readonly ingest: IngestOptions | undefined;
  readonly limits: ProfileLimits;
  readonly nowMs: UnixMs;
  /** Default: `defaultRelabelRules`. */
  readonly relabelRules?: readonly CompiledRelabelRule[];
};

export type IngestResult =
  | {
      readonly kind: 'stored';
      /** At least one, with at least one sample each. */
      readonly series: readonly IngestedSeries[];
      readonly timeNanos: UnixNanos;
      readonly durationNanos: bigint;
      readonly period: bigint;
    }
  /** Accepted, but nothing is left to store. */
  | { readonly kind: 'dropped'; readonly reason?: DiscardReason }
  /** `details.reason` of the error is its `DiscardReason`. */
  | { readonly kind: 'refused'; readonly error: StoreError };

/**
 * Says what is stored of one profile: the definition of the write path up to the columns.
 *
 *     decode ▸ fix-ups ▸ validate ▸ Go repair ▸ normalise ▸ split into series ▸ relabel ▸ validate labels
 *
 * Kernels do the same on columns and are tested against this. It is plain, and some hundred times slower.
 *
 * @param bytes  pprof, not compressed
 * @source the write-path reference, "Pipeline at a glance"
 */
export function ingestPlain(bytes: Uint8Array, request: IngestRequest): IngestResult {
  try {
    return ingest(bytes, request);
  } catch (error) {
    if (error instanceof StoreError) return { kind: 'refused', error };
    throw error;
  }
}

function ingest(bytes: Uint8Array, request: IngestRequest): IngestResult {
  const { limits, nowMs } = request;
  const decoded = decodeProfile(bytes, limits.maxProfileStacktraceSamples);
  const mended = request.ingest === undefined ? decoded : withIngestFixups(decoded, request.ingest, limits);
  const valid = validateProfile(mended, bytes.length, limits, nowMs);
  const version = versionInfoOf(labelsOnArrival(request.labels));
  if (version !== undefined) checkBuildIds(valid, version);
  const profile = normaliseProfile(isGo(valid, request.labels) ? repairGoProfile(valid) : valid);
  if (profile.samples.length === 0) return { kind: 'dropped' };

  const sampleTypes = profile.sampleTypes.map((sampleType) => valueTypeName(profile, sampleType));
  const periodType = profile.periodType && valueTypeName(profile, profile.periodType);
  const { relabelRules } = request;
  const { series, droppedReason } = splitIntoSeries(profile, version, (sampleLabels) =>
    seriesLabels({
      ...{ requestLabels: request.labels, sampleLabels, sampleTypes, periodType, limits, ingest: request.ingest },
      ...(relabelRules === undefined ? {} : { relabelRules }),
    }),
  );
  if (series.length === 0)
    return droppedReason === undefined ? { kind: 'dropped' } : { kind: 'dropped', reason: droppedReason };
  const { timeNanos, durationNanos, period } = profile;
  return { kind: 'stored', series, timeNanos, durationNanos, period };
}

/** Counts each string once, and "no mapping", whose build id is string 0. */
function checkBuildIds(profile: PlainProfile, version: VersionInfo): void {
  const versioned = buildIdVersioner(version);
  for (const index of new Set([0n, ...profile.mappings.map(({ buildId }) => buildId)]))
    versioned(textAt(profile, index));
}

function isGo(profile: PlainProfile, labels: readonly Label[]): boolean {
  const spy = labels.find(({ name }) => name === LabelName.spy)?.value;
  return (
    languageOf(
      spy,
      profile.strings.map(({ text }) => text ?? ''),
    ) === 'go'
  );
}

function valueTypeName(
  profile: PlainProfile,
  { type, unit }: { readonly type: bigint; readonly unit: bigint },
): ValueTypeName {
  return { type: textAt(profile, type), unit: textAt(profile, unit) };
}

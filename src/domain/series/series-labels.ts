import { compareUtf8, type Label, LabelName, type Labels, valueOf as labelValue } from '#src/domain/model/labels.ts';
import type { DiscardReason, IngestOptions, ProfileLimits } from '#src/domain/pprof/ingest-options.ts';
import { defaultRelabelRules } from './default-relabel-rules.ts';
import { deriveLabelsOfTypes, type ValueTypeName } from './derive-labels.ts';
import { profileNameOf } from './profile-name.ts';
import { type CompiledRelabelRule, relabel } from './relabel.ts';
import { labelsOnArrival } from './service-name.ts';
import { withSessionReduced } from './session-id.ts';
import { validateLabels } from './validate-labels.ts';

/** What the labels of the series depend on that a group of samples becomes. Nothing else does. */
export type SeriesLabelsInput = {
  /** As the request had them. */
  readonly requestLabels: readonly Label[];
  /**
   * Text labels that the samples of the group share, in any order, without span and trace ids. Of two with one name the
   * one counts whose value sorts first.
   */
  readonly sampleLabels: readonly Label[];
  readonly sampleTypes: readonly ValueTypeName[];
  readonly periodType: ValueTypeName | undefined;
  readonly ingest: Pick<IngestOptions, 'displayNames'> | undefined;
  readonly limits: ProfileLimits;
  /** Default: `defaultRelabelRules`, unless the limits switch them off. */
  readonly relabelRules?: readonly CompiledRelabelRule[];
};

export type SeriesLabels =
  | {
      readonly kind: 'series';
      /** Complete and sorted, one per sample type, in their order. */
      readonly labels: readonly Labels[];
      /** `service_name` of all of them: the dataset. */
      readonly service: string;
    }
  | { readonly kind: 'dropped'; readonly reason: DiscardReason };

/**
 * Finds the series that samples with certain labels belong to, one per sample type.
 *
 * Pure. `seriesLabeller` does the same for all groups of a profile, and cheaper.
 *
 * @order  after the samples are normalised. A profile of which nothing is left is accepted whatever its labels are
 * @throws StoreError 'invalid-argument' when the labels are refused, with the reason in its details
 */
export function seriesLabels(input: SeriesLabelsInput): SeriesLabels {
  // A session is one wherever its id stands: otherwise samples could make any number of series.
  const ofSamples = withSessionReduced(input.sampleLabels, input.limits.maxSessionsPerSeries);
  const all = withSampleLabels(labelsOfRequest(input), ofSamples);
  const relabeled = relabel(all, relabelRulesOf(input));
  if (relabeled === undefined) return { kind: 'dropped', reason: 'dropped_by_relabel_rules' };
  const valid = validateLabels(relabeled, input.limits);
  return {
    kind: 'series',
    labels: deriveLabelsOfTypes(valid, input.sampleTypes, input.periodType),
    service: labelValue(valid, LabelName.serviceName) ?? '',
  };
}

/** Everything that seriesLabels takes but the labels of the samples: the same for all groups of a profile. */
export type RequestLabelsInput = Omit<SeriesLabelsInput, 'sampleLabels'>;

/** What a profile brings from its request, before rules. */
export function labelsOfRequest(input: RequestLabelsInput): readonly Label[] {
  const request = withProfileName(labelsOnArrival(input.requestLabels), input);
  return withSessionReduced(request, input.limits.maxSessionsPerSeries);
}

export function relabelRulesOf({
  relabelRules,
  limits,
}: Pick<RequestLabelsInput, 'relabelRules' | 'limits'>): readonly CompiledRelabelRule[] {
  if (relabelRules !== undefined) return relabelRules;
  return limits.ingestionRelabelingDefaultRulesPosition === 'disabled' ? [] : defaultRelabelRules;
}

/** Clients of `/ingest` do not name their profiles: the sample types do. */
function withProfileName(
  labels: readonly Label[],
  { ingest, sampleTypes }: Pick<SeriesLabelsInput, 'ingest' | 'sampleTypes'>,
): readonly Label[] {
  if (ingest === undefined) return labels;
  const types = sampleTypes.map(({ type }) => type);
  const others = labels.filter(({ name }) => name !== LabelName.name);
  return [...others, { name: LabelName.name, value: profileNameOf(types, ingest.displayNames) }];
}

/** Series labels win: a sample cannot move its profile to another service. */
function withSampleLabels(ofSeries: readonly Label[], ofSample: readonly Label[]): readonly Label[] {
  const names = new Set(ofSeries.map(({ name }) => name));
  const result = [...ofSeries];
  const present = ofSample.filter(({ value }) => value !== '');
  for (const label of present.sort((a, b) => compareUtf8(a.value, b.value))) {
    if (names.has(label.name)) continue;
    names.add(label.name);
    result.push(label);
  }
  return result;
}

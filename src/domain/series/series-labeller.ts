import { StoreError } from '#src/domain/errors.ts';
import { compareUtf8, type Label, LabelName, type Labels, valueOf } from '#src/domain/model/labels.ts';
import type { ProfileLimits } from '#src/domain/pprof/ingest-options.ts';
import { DERIVED_NAMES, deriveLabelsOfTypes } from './derive-labels.ts';
import { type CompiledRelabelRule, type RelabelAction, relabel } from './relabel.ts';
import {
  labelsOfRequest,
  type RequestLabelsInput,
  relabelRulesOf,
  type SeriesLabels,
  seriesLabels,
} from './series-labels.ts';
import { isValidLabel, validateLabels } from './validate-labels.ts';

/**
 * `seriesLabels` for the groups of one profile, of which there may be as many as samples: what they have in common is
 * found once, and the labels of a group are merged into it.
 *
 *     request   __name__  __type__  …             service_name        once, sorted
 *     group                           endpoint                 zone
 *     series    __name__  __type__  … endpoint    service_name zone
 *
 * That is right for labels of samples which no rule looks at and which take no name that is set already. Others, and
 * those that are not valid, go the long way.
 *
 * @returns a function that answers and throws as `seriesLabels` does. Series share their label objects
 * @cost    of the function: O(labels), with a comparison per label and sample type
 */
export function seriesLabeller(input: RequestLabelsInput): (sampleLabels: readonly Label[]) => SeriesLabels {
  const base = baseOf(input);
  return (sampleLabels) => {
    const own = base && ownLabels(base, sampleLabels, input.limits);
    if (base === undefined || own === undefined) return seriesLabels({ ...input, sampleLabels });
    return { kind: 'series', labels: base.labels.map((labels) => merged(labels, own)), service: base.service };
  };
}

/** What the labels of a request come to without any of a sample. */
type Base = {
  /** Names of the request, which no label of a sample can set. */
  readonly requestNames: ReadonlySet<string>;
  /** Other names that mean something to a rule, to the labels that are derived or to a limit, or that a rule has set. */
  readonly entangledNames: ReadonlySet<string>;
  /** Labels before those that are derived. */
  readonly labelCount: number;
  /** One per sample type. */
  readonly labels: readonly Labels[];
  readonly service: string;
};

/** @returns undefined when the labels of the request are no series by themselves, or a rule looks at all names */
function baseOf(input: RequestLabelsInput): Base | undefined {
  const rules = relabelRulesOf(input);
  const ofRequest = labelsOfRequest(input);
  const relabeled = rules.every(namesItsLabels) ? relabel(ofRequest, rules) : undefined;
  const valid = relabeled && undefinedIfRefused(() => validateLabels(relabeled, input.limits));
  const labels = valid && undefinedIfRefused(() => deriveLabelsOfTypes(valid, input.sampleTypes, input.periodType));
  if (relabeled === undefined || valid === undefined || labels === undefined) return undefined;
  const entangledNames = new Set(DERIVED_NAMES).add(LabelName.sessionId);
  for (const { sourceLabels, targetLabel } of rules) {
    for (const name of sourceLabels) entangledNames.add(name);
    entangledNames.add(targetLabel);
  }
  for (const { name } of valid) entangledNames.add(name);
  return {
    requestNames: new Set(ofRequest.map(({ name }) => name)),
    entangledNames,
    labelCount: relabeled.length,
    labels,
    service: valueOf(valid, LabelName.serviceName) ?? '',
  };
}

const LOOKS_AT_ALL_NAMES: ReadonlySet<RelabelAction> = new Set(['labelmap', 'labeldrop', 'labelkeep']);

function namesItsLabels({ action, targetLabel }: CompiledRelabelRule): boolean {
  return !LOOKS_AT_ALL_NAMES.has(action) && !targetLabel.includes('$');
}

function undefinedIfRefused<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof StoreError) return undefined;
    throw error;
  }
}

/** @returns what the labels of a sample add to the base, sorted by name; undefined when that is not all they do */
function ownLabels(base: Base, sampleLabels: readonly Label[], limits: ProfileLimits): Labels | undefined {
  const own: Label[] = [];
  for (const label of sampleLabels) {
    const { name, value } = label;
    if (value === '' || base.requestNames.has(name)) continue;
    if (base.entangledNames.has(name) || !isValidLabel(label, limits)) return undefined;
    if (!limits.disableLabelSanitization && name.includes('.')) return undefined;
    own.push(label);
  }
  own.sort((a, b) => compareUtf8(a.name, b.name) || compareUtf8(a.value, b.value));
  const distinct = own.filter(({ name }, i) => own[i - 1]?.name !== name);
  const { maxLabelNamesPerSeries } = limits;
  const tooMany = maxLabelNamesPerSeries > 0 && base.labelCount + distinct.length > maxLabelNamesPerSeries;
  return tooMany ? undefined : distinct;
}

/** @param own  names that are not in `labels` */
function merged(labels: Labels, own: Labels): Labels {
  const result = new Array<Label>(labels.length + own.length);
  let next = 0;
  let to = 0;
  for (const label of own) {
    while (next < labels.length && compareUtf8((labels[next] as Label).name, label.name) < 0) {
      result[to++] = labels[next++] as Label; // The condition says that it is there.
    }
    result[to++] = label;
  }
  while (next < labels.length) result[to++] = labels[next++] as Label; // As above.
  return result;
}

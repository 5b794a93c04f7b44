import { type Label, LabelName, type Labels, valueOf as labelValue, sortedLabels } from '#src/domain/model/labels.ts';
import { quoted } from '#src/domain/model/printable.ts';
import { colonInProfileName, colonInValueType, profileTypesTooLong } from '#src/domain/pprof/profile-errors.ts';

/** A sample type or a period type, by name. */
export type ValueTypeName = { readonly type: string; readonly unit: string };

/** Marks for the server itself; never stored. */
const NOT_STORED: ReadonlySet<string> = new Set(['__delta__', '__order__']);

/** The names that `deriveLabels` sets or removes. It looks at `__name__` and `service_name` besides. */
export const DERIVED_NAMES: ReadonlySet<string> = new Set([
  ...NOT_STORED,
  LabelName.privateServiceName,
  LabelName.periodType,
  LabelName.periodUnit,
  LabelName.type,
  LabelName.unit,
  LabelName.profileType,
]);

/**
 * Characters of `__profile_type__` in all sample types of a profile. Each has the name of the profile and of its period
 * again, which may be megabytes where a tenant has no limit on values; those of real profiles are a hundred at most.
 */
export const profileTypeCharactersMax = 16 << 20;

/**
 * `deriveLabels` for each sample type.
 *
 * @throws StoreError 'invalid-argument' when their profile types have more than `profileTypeCharactersMax`, before they
 *         are made; or a part of them has a colon
 */
export function deriveLabelsOfTypes(
  labels: Labels,
  sampleTypes: readonly ValueTypeName[],
  periodType: ValueTypeName | undefined,
): Labels[] {
  const separators = 4;
  const name = labelValue(labels, LabelName.name) ?? '';
  const common = name.length;
  const period = (periodType?.type.length ?? 0) + (periodType?.unit.length ?? 0);
  const characters = sampleTypes.reduce(
    (sum, { type, unit }) => sum + common + type.length + unit.length + period + separators,
    0,
  );
  if (characters > profileTypeCharactersMax) throw profileTypesTooLong(profileTypeCharactersMax, characters);
  checkColons(name, sampleTypes, periodType);
  return sampleTypes.map((sampleType) => deriveLabels(labels, sampleType, periodType));
}

/** Who asks for a profile type names its parts, divided by colons: none can have one itself. */
function checkColons(name: string, sampleTypes: readonly ValueTypeName[], periodType: ValueTypeName | undefined): void {
  if (name.includes(':')) throw colonInProfileName(name);
  for (const { type, unit } of sampleTypes) {
    if (type.includes(':')) throw colonInValueType(`the name of sample type ${quoted(type)}`);
    if (unit.includes(':')) throw colonInValueType(`the unit ${quoted(unit)} of sample type ${quoted(type)}`);
  }
  if (periodType === undefined) return;
  const { type, unit } = periodType;
  if (type.includes(':')) throw colonInValueType(`the period type ${quoted(type)}`);
  if (unit.includes(':')) throw colonInValueType(`the unit ${quoted(unit)} of the period`);
}

/**
 * The labels of one series: those of the request and the samples, and what follows from the profile's header. Derived
 * labels replace what a client may have sent under their names. An empty one is absent.
 *
 *     __profile_type__   process_cpu:cpu:nanoseconds:cpu:nanoseconds    parts are empty where the profile has none
 *     __service_name__   as service_name
 *     __type__, __unit__, __period_type__, __period_unit__
 *
 * @param labels  as `validateLabels` returns them
 * @source        the write-path reference, "Deriving series labels"
 */
export function deriveLabels(labels: Labels, sampleType: ValueTypeName, periodType: ValueTypeName | undefined): Labels {
  const result = new Map(labels.map(({ name, value }) => [name, value]));
  for (const name of NOT_STORED) result.delete(name);
  const set = (name: string, value: string): void => {
    if (value === '') result.delete(name);
    else result.set(name, value);
  };
  set(LabelName.privateServiceName, labelValue(labels, LabelName.serviceName) ?? '');
  if (periodType !== undefined) {
    set(LabelName.periodType, periodType.type);
    set(LabelName.periodUnit, periodType.unit);
  }
  set(LabelName.type, sampleType.type);
  set(LabelName.unit, sampleType.unit);
  const name = labelValue(labels, LabelName.name) ?? '';
  const period = [periodType?.type ?? '', periodType?.unit ?? ''];
  set(LabelName.profileType, [name, sampleType.type, sampleType.unit, ...period].join(':'));
  return sortedLabels(Array.from(result, ([name, value]): Label => ({ name, value })));
}

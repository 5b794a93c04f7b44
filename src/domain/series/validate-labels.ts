import type { StoreError } from '#src/domain/errors.ts';
import { compareUtf8, type Label, LabelName, type Labels, sortedLabels } from '#src/domain/model/labels.ts';
import { LimitFlag } from '#src/domain/model/limit-flags.ts';
import { quoted } from '#src/domain/model/printable.ts';
import type { DiscardReason, ProfileLimits } from '#src/domain/pprof/ingest-options.ts';
import { refusal } from '#src/domain/pprof/profile-errors.ts';
import { UNKNOWN_SERVICE } from './service-name.ts';

export type LabelLimits = Pick<
  ProfileLimits,
  'maxLabelNamesPerSeries' | 'maxLabelNameLength' | 'maxLabelValueLength' | 'disableLabelSanitization'
>;

/** Of a label set in a message: it names the series to a person, it does not repeat the request. */
const QUOTED_SET_CHARACTERS = 1000;

/**
 * Checks a label set as it will be stored, before the labels that are derived from the profile. The first fault in
 * this order decides the reason: none at all, too many, no name, no service, then label by label.
 *
 * Names may be any UTF-8. With sanitization they may be `[A-Za-z0-9_.]`, and dots become underscores.
 *
 * @param labels  in any order
 * @returns       the labels sorted, with the names that are stored
 * @throws StoreError 'invalid-argument' naming the label, and the limit with its value where there is one
 * @source        the write-path reference, "Labels: validation"
 */
export function validateLabels(labels: readonly Label[], limits: LabelLimits): Labels {
  if (labels.length === 0) throw refusal('missing_labels', 'the profile has no labels: at least one is needed');
  const tooMany = tooManyLabels(labels, limits);
  if (tooMany !== undefined) throw tooMany;
  const sorted = sortedLabels(labels);
  checkName(sorted);
  checkService(sorted);
  for (let i = 0; i < sorted.length; i++) checkLabel(sorted, i, limits);
  return limits.disableLabelSanitization ? sorted : withSanitizedNames(sorted);
}

/**
 * Which limit the labels are over, if any: what `validateLabels` would say of their number and their lengths.
 *
 * @cost O(labels); nothing is sorted, copied or counted byte by byte that is within the limits
 */
export function overLabelLimits(labels: readonly Label[], limits: LabelLimits): StoreError | undefined {
  const tooMany = tooManyLabels(labels, limits);
  if (tooMany !== undefined) return tooMany;
  let first: Label | undefined;
  for (const label of labels) {
    if (!isTooLong(label, limits)) continue;
    if (first === undefined || compareUtf8(label.name, first.name) < 0) first = label;
  }
  return first && faultOf(quotedPart(labels), first, limits);
}

function tooManyLabels(labels: readonly Label[], { maxLabelNamesPerSeries }: LabelLimits): StoreError | undefined {
  if (maxLabelNamesPerSeries === 0 || labels.length <= maxLabelNamesPerSeries) return undefined;
  return overLimit('max_label_names_per_series', quotedPart(labels), {
    what: 'the series has more labels',
    flag: LimitFlag.labelNames,
    limit: maxLabelNamesPerSeries,
    actual: labels.length,
  });
}

/** Enough of the labels for a message that quotes them, sorted. A million are not sorted for that. */
function quotedPart(labels: readonly Label[]): Labels {
  return sortedLabels(labels.slice(0, QUOTED_SET_CHARACTERS));
}

function checkName(labels: Labels): void {
  const name = labels.find((label) => label.name === LabelName.name)?.value ?? '';
  if (name === '') throw invalid('invalid_labels', labels, `the label ${quoted(LabelName.name)} is missing`);
  if (!isWellFormed(name)) throw invalid('invalid_labels', labels, `${LabelName.name} is not valid UTF-8`);
}

function checkService(labels: Labels): void {
  const service = labels.find((label) => label.name === LabelName.serviceName)?.value ?? '';
  if (service === '') throw invalid('missing_labels', labels, `the label ${quoted(LabelName.serviceName)} is missing`);
}

/** Whether a label may be stored as it is, whatever stands beside it. */
export function isValidLabel(label: Label, limits: LabelLimits): boolean {
  return !isTooLong(label, limits) && isValidName(label.name, limits) && isWellFormed(label.value);
}

function isTooLong({ name, value }: Label, limits: LabelLimits): boolean {
  return exceeds(name, limits.maxLabelNameLength) || exceeds(value, limits.maxLabelValueLength);
}

function checkLabel(labels: Labels, index: number, limits: LabelLimits): void {
  const label = labels[index] as Label; // The caller counts up to the length.
  const { name } = label;
  if (!isValidLabel(label, limits)) throw faultOf(labels, label, limits);
  if (index > 0 && labels[index - 1]?.name === name) {
    throw invalid('duplicate_label_names', labels, `the label name ${quoted(name)} is there twice`);
  }
}

function faultOf(labels: Labels, { name, value }: Label, limits: LabelLimits): StoreError {
  const { maxLabelNameLength, maxLabelValueLength } = limits;
  if (exceeds(name, maxLabelNameLength)) {
    return overLimit('label_name_too_long', labels, {
      what: `the label name ${quoted(name)} has more bytes`,
      flag: LimitFlag.labelNameLength,
      limit: maxLabelNameLength,
      actual: Buffer.byteLength(name),
    });
  }
  if (exceeds(value, maxLabelValueLength)) {
    return overLimit('label_value_too_long', labels, {
      what: `the value of label ${quoted(name)} has more bytes`,
      flag: LimitFlag.labelValueLength,
      limit: maxLabelValueLength,
      actual: Buffer.byteLength(value),
    });
  }
  if (!isValidName(name, limits)) {
    return invalid('invalid_labels', labels, `the label name ${quoted(name)} is not valid`);
  }
  return invalid('invalid_labels', labels, `the value of label ${quoted(name)} is not valid UTF-8`);
}

function exceeds(text: string, limitBytes: number): boolean {
  // A UTF-16 unit takes at most three bytes, so most labels need not be counted.
  return limitBytes > 0 && text.length * 3 > limitBytes && Buffer.byteLength(text) > limitBytes;
}

function isValidName(name: string, limits: LabelLimits): boolean {
  return limits.disableLabelSanitization ? name !== '' && isWellFormed(name) : SANITIZABLE.test(name);
}

/** A text from JSON may hold half a surrogate pair, which no UTF-8 can say. */
function isWellFormed(text: string): boolean {
  return text.isWellFormed();
}

const SANITIZABLE = /^[A-Za-z_.][A-Za-z0-9_.]*$/;

/** Dots become underscores. A name that is there already must have the same value, and the two are one label then. */
function withSanitizedNames(labels: Labels): Labels {
  const renamed = labels.map(({ name, value }) => ({ sent: name, name: name.replaceAll('.', '_'), value }));
  renamed.sort((a, b) => compareUtf8(a.name, b.name));
  const distinct = renamed.filter(({ sent, name, value }, i) => {
    const before = renamed[i - 1];
    if (before?.name !== name) return true;
    if (before.value === value) return false;
    const names = `the labels ${quoted(before.sent)} and ${quoted(sent)}`;
    // That label may be the one that profiles get which have none.
    const hint = name === LabelName.serviceName ? `; without ${name} a profile gets ${quoted(UNKNOWN_SERVICE)}` : '';
    throw invalid('duplicate_label_names', labels, `${names} have one name once dots became underscores${hint}`);
  });
  return distinct.map(({ name, value }) => ({ name, value }));
}

function overLimit(
  reason: DiscardReason,
  labels: Labels,
  fault: { readonly what: string; readonly flag: string; readonly limit: number; readonly actual: number },
): StoreError {
  const { what, flag, limit, actual } = fault;
  const message = `${what} than --${flag}: limit ${limit}, actual ${actual}; series ${labelSetText(labels)}`;
  return refusal(reason, message, { limitName: flag, limit, actual });
}

function invalid(reason: DiscardReason, labels: Labels, what: string): StoreError {
  return refusal(reason, `${what}; series ${labelSetText(labels)}`);
}

/** `{a="1", b="2"}`, cut where it gets long. No more is written out of a long label than is shown. */
function labelSetText(labels: Labels): string {
  let text = '';
  for (const { name, value } of labels) {
    const [shownName, shownValue] = [name.slice(0, QUOTED_SET_CHARACTERS), value.slice(0, QUOTED_SET_CHARACTERS)];
    text += `${text === '' ? '' : ', '}${shownName}=${JSON.stringify(shownValue)}`;
    if (text.length > QUOTED_SET_CHARACTERS) return `{${text.slice(0, QUOTED_SET_CHARACTERS)}…}`;
  }
  return `{${text}}`;
}

import type { StoreError } from '#src/domain/errors.ts';
import { compareUtf8, type Label, LabelName, type Labels, sortedLabels } from '#src/domain/model/labels.ts';
import type { DiscardReason, ProfileLimits } from '#src/domain/pprof/ingest-options.ts';
import { quoted, refusal } from '#src/domain/pprof/profile-errors.ts';

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
  const sorted = sortedLabels(labels);
  const { maxLabelNamesPerSeries, disableLabelSanitization } = limits;
  if (maxLabelNamesPerSeries > 0 && sorted.length > maxLabelNamesPerSeries) {
    throw overLimit('max_label_names_per_series', sorted, {
      what: 'the series has too many labels',
      limitName: 'max_label_names_per_series',
      limit: maxLabelNamesPerSeries,
      actual: sorted.length,
    });
  }
  checkName(sorted);
  checkService(sorted);
  for (let i = 0; i < sorted.length; i++) checkLabel(sorted, i, limits);
  return disableLabelSanitization ? sorted : withSanitizedNames(sorted);
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
export function isValidLabel({ name, value }: Label, limits: LabelLimits): boolean {
  if (exceeds(name, limits.maxLabelNameLength) || exceeds(value, limits.maxLabelValueLength)) return false;
  return isValidName(name, limits) && isWellFormed(value);
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
      what: `the label name ${quoted(name)} is too long`,
      limitName: 'max_label_name_length',
      limit: maxLabelNameLength,
      actual: Buffer.byteLength(name),
    });
  }
  if (exceeds(value, maxLabelValueLength)) {
    return overLimit('label_value_too_long', labels, {
      what: `the value of label ${quoted(name)} is too long`,
      limitName: 'max_label_value_length',
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
  return !/\p{Surrogate}/u.test(text);
}

const SANITIZABLE = /^[A-Za-z_.][A-Za-z0-9_.]*$/;

/** Dots become underscores. A name that is there already must have the same value, and the two are one label then. */
function withSanitizedNames(labels: Labels): Labels {
  const renamed = labels.map(({ name, value }) => ({ name: name.replaceAll('.', '_'), value }));
  renamed.sort((a, b) => compareUtf8(a.name, b.name));
  return renamed.filter((label, i) => {
    const before = renamed[i - 1];
    if (before?.name !== label.name) return true;
    if (before.value === label.value) return false;
    const why = `two labels have the name ${quoted(label.name)} once dots became underscores`;
    throw invalid('duplicate_label_names', labels, why);
  });
}

function overLimit(
  reason: DiscardReason,
  labels: Labels,
  fault: { readonly what: string; readonly limitName: string; readonly limit: number; readonly actual: number },
): StoreError {
  const { what, limitName, limit, actual } = fault;
  const message = `${what}: ${limitName} is ${limit}, actual ${actual}; series ${labelSetText(labels)}`;
  return refusal(reason, message, { limitName, limit, actual });
}

function invalid(reason: DiscardReason, labels: Labels, what: string): StoreError {
  return refusal(reason, `${what}; series ${labelSetText(labels)}`);
}

/** `{a="1", b="2"}`, cut where it gets long. */
function labelSetText(labels: Labels): string {
  let text = '';
  for (const { name, value } of labels) {
    text += `${text === '' ? '' : ', '}${name}=${JSON.stringify(value)}`;
    if (text.length > QUOTED_SET_CHARACTERS) return `{${text.slice(0, QUOTED_SET_CHARACTERS)}…}`;
  }
  return `{${text}}`;
}

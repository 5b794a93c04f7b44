import type { StoreError } from '#src/domain/errors.ts';
import { sizeText } from '#src/domain/model/amount-text.ts';
import { LimitFlag } from '#src/domain/model/limit-flags.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import { refusal } from '#src/domain/pprof/profile-errors.ts';
import { type AttributeRule, labelNameOf } from './attribute-rules.ts';
import type { PartsBudget } from './parts-budget.ts';
import { textOf } from './text.ts';

/**
 * The label that an attribute becomes. Of a key that is too long for any label only the beginning is held against the
 * rules: they may leave it out. One without a key, or whose label would have no name, is no label: it says nothing, and
 * should not cost a profile.
 *
 * @returns undefined: none
 * @throws StoreError 'invalid-argument', a refusal, when the key is too long and no rule leaves it out, or is not UTF-8
 */
export function labelNameOfKey(
  key: Uint8Array,
  rules: readonly AttributeRule[],
  budget: PartsBudget,
): string | undefined {
  if (key.length === 0) return undefined;
  const limitBytes = budget.labelTextBytesMax;
  const { maxLabelNameLength } = budget.labelLimits;
  budget.text(Math.min(key.length, limitBytes));
  if (key.length <= limitBytes) return labelNameOf(textOf(key, ATTRIBUTE_KEY), rules) || undefined;
  const head = labelNameOf(Buffer.from(key.buffer, key.byteOffset, limitBytes).toString(), rules);
  if (head === undefined) return undefined;
  // A rule may have made it short enough for the tenant.
  const tenantBytes = Buffer.byteLength(head) > maxLabelNameLength ? maxLabelNameLength : 0;
  throw tooLong('name', ATTRIBUTE_KEY, { limitBytes, tenantBytes, actualBytes: key.length });
}

/** The value of a label. @throws StoreError 'invalid-argument', a refusal, when it is too long for one, or not UTF-8 */
export function labelValueOf(bytes: Uint8Array, budget: PartsBudget): string {
  return textWithin(bytes, budget, ATTRIBUTE_VALUE, budget.labelLimits.maxLabelValueLength);
}

/** A part of a profile type, which no limit of the tenant is about alone. @throws the same */
export function typeTextOf(bytes: Uint8Array, budget: PartsBudget): string {
  return textWithin(bytes, budget, 'a text of a value type', 0);
}

const ATTRIBUTE_KEY = 'the key of an attribute that becomes a label';
const ATTRIBUTE_VALUE = 'the value of an attribute that becomes a label';

function textWithin(bytes: Uint8Array, budget: PartsBudget, what: string, tenantBytes: Bytes): string {
  const limitBytes = budget.labelTextBytesMax;
  if (bytes.length > limitBytes) throw tooLong('value', what, { limitBytes, tenantBytes, actualBytes: bytes.length });
  budget.text(bytes.length);
  return textOf(bytes, what);
}

type Excess = {
  /** Of all labels. */
  readonly limitBytes: Bytes;
  /** Of the tenant, which is at most that and would refuse it next; 0: it would not. */
  readonly tenantBytes: Bytes;
  readonly actualBytes: Bytes;
};

/** Names the limit that holds: nobody is helped who raises another one first. */
function tooLong(part: 'name' | 'value', what: string, { limitBytes, tenantBytes, actualBytes }: Excess): StoreError {
  const isOfTenant = tenantBytes > 0;
  const limitName = isOfTenant ? TENANT_LIMITS[part] : 'label_text_bytes_max';
  const excess = isOfTenant
    ? `has more bytes than --${limitName}: limit ${tenantBytes}, actual ${actualBytes}`
    : `is longer than ${limitName}: limit ${sizeText(limitBytes)}, actual ${sizeText(actualBytes)}`;
  return refusal(`label_${part}_too_long`, `the OTLP profile cannot be converted: ${what} ${excess}`, {
    ...{ limitName, limit: isOfTenant ? tenantBytes : limitBytes, actual: actualBytes },
  });
}

const TENANT_LIMITS = { name: LimitFlag.labelNameLength, value: LimitFlag.labelValueLength } as const;

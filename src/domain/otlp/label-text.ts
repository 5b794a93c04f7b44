import type { StoreError } from '#src/domain/errors.ts';
import { sizeText } from '#src/domain/model/amount-text.ts';
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
 * @throws StoreError 'invalid-argument', a refusal, when the key is too long and no rule leaves it out
 */
export function labelNameOfKey(
  key: Uint8Array,
  rules: readonly AttributeRule[],
  budget: PartsBudget,
): string | undefined {
  if (key.length === 0) return undefined;
  const limitBytes = budget.labelTextBytesMax;
  budget.text(Math.min(key.length, limitBytes));
  if (key.length <= limitBytes) return labelNameOf(textOf(key), rules) || undefined;
  const head = Buffer.from(key.buffer, key.byteOffset, limitBytes).toString();
  if (labelNameOf(head, rules) === undefined) return undefined;
  throw tooLong('name', 'the key of an attribute that becomes a label', limitBytes, key.length);
}

/**
 * The value of a label.
 *
 * @param what  it is, for the error
 * @throws StoreError 'invalid-argument', a refusal, when it is too long for one
 */
export function labelValueOf(bytes: Uint8Array, budget: PartsBudget, what = ATTRIBUTE_VALUE): string {
  const limitBytes = budget.labelTextBytesMax;
  if (bytes.length > limitBytes) throw tooLong('value', what, limitBytes, bytes.length);
  budget.text(bytes.length);
  return textOf(bytes);
}

const ATTRIBUTE_VALUE = 'the value of an attribute that becomes a label';

function tooLong(part: 'name' | 'value', what: string, limitBytes: Bytes, actualBytes: Bytes): StoreError {
  return refusal(
    `label_${part}_too_long`,
    `the OTLP profile cannot be converted: ${what} is longer than label_text_bytes_max: ` +
      `limit ${sizeText(limitBytes)}, actual ${sizeText(actualBytes)}`,
    { limitBytes, actualBytes },
  );
}

import { StoreError } from '#src/domain/errors.ts';

/**
 * Names of labels that a request may list. Each is looked for in every label set, and what people ask for is three or
 * four of them; a series has up to 30 labels unless its tenant is allowed more.
 */
export const LABEL_NAMES_MAX = 128;

/** The limit's name, for messages and metrics. */
export const LABEL_NAMES_LIMIT = 'label-names-max';

/**
 * @param names  as they are worked on: a name that is there twice counts twice
 * @param field  of the request
 * @throws StoreError 'invalid-argument' naming the limit, its value and the actual one
 */
export function checkLabelNames(names: readonly string[], field: 'group_by' | 'label_names'): void {
  if (names.length <= LABEL_NAMES_MAX) return;
  const message = `${field} has ${names.length} names; the limit is ${LABEL_NAMES_MAX} (${LABEL_NAMES_LIMIT})`;
  const details = { limit: LABEL_NAMES_LIMIT, value: LABEL_NAMES_MAX, actual: names.length };
  throw new StoreError('invalid-argument', message, details);
}

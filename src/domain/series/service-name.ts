import { type Label, LabelName } from '#src/domain/model/labels.ts';

/** The service of profiles that name none. */
export const UNKNOWN_SERVICE = 'unknown_service';

/**
 * The labels of a request as everything behind the door sees them: without empty ones, which mean the same as none,
 * and with a service. Duplicates stay, for `validateLabels` to refuse.
 *
 * Empty labels go first, so that `service_name=""` is a profile without a service; Pyroscope appends the fallback before
 * it drops by name, and refuses such a profile.
 */
export function labelsOnArrival(labels: readonly Label[]): readonly Label[] {
  const present = labels.filter(({ value }) => value !== '');
  const named = present.some(({ name }) => name === LabelName.serviceName);
  return named ? present : [...present, { name: LabelName.serviceName, value: UNKNOWN_SERVICE }];
}

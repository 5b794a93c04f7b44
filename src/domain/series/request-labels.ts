import { toWire, type WireError } from '#src/domain/errors.ts';
import { type Label, LabelName, valueOf } from '#src/domain/model/labels.ts';
import { runSteps, type Steps } from '#src/domain/model/steps.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import type { ProfileLimits } from '#src/domain/pprof/ingest-options.ts';
import { labelsOnArrival, UNKNOWN_SERVICE } from './service-name.ts';
import { withSessionReduced } from './session-id.ts';
import { type LabelLimits, overLabelLimits } from './validate-labels.ts';

/** The labels of a request, in the form in which they go on from the door. */
export type RequestLabels = {
  /** Those that can become labels of a series; none where there is a fault. Profiles of one series share the list. */
  readonly labels: readonly Label[];
  /** Why no series can have them. It goes in their place, because a batch must not carry what is refused anyway. */
  readonly labelFault: WireError | undefined;
  /** Routing key: `service_name`, or its fallback. A sample label never changes it. */
  readonly service: string;
  /** Of all labels, as sent. */
  readonly labelBytes: Bytes;
};

/** A profile of a message that was opened, with the labels that the message gave it. */
type Sent = { readonly labels: readonly Label[] };

/** Looks at every list of labels once, however many of the profiles share it. They must stand together for that. */
export function withRequestLabels<Profile extends Sent>(
  profiles: readonly Profile[],
  limits: RequestLimits,
): (Profile & RequestLabels)[] {
  let sent: readonly Label[] | undefined;
  let found: RequestLabels | undefined;
  return profiles.map((profile) => {
    if (found === undefined || profile.labels !== sent) {
      sent = profile.labels;
      found = requestLabels(sent, limits);
    }
    return { ...profile, ...found };
  });
}

/** Whose bytes are counted in one step. */
const STEP_LABELS = 1 << 15;

export type RequestLimits = LabelLimits & Pick<ProfileLimits, 'maxSessionsPerSeries'>;

/**
 * Finds out whether a series can have these labels at all, as far as that can be told without its profile.
 *
 * Labels that are too many or too long stay so, whatever the sample types, the labels of samples and the rules add. A rule
 * that takes labels away would have to be applied here first; there are none.
 *
 * The fault is not the answer yet. Labels are validated last: what is wrong with the profile comes first, and a profile
 * of which nothing is left is accepted whatever its labels are.
 */
export function requestLabels(sent: readonly Label[], limits: RequestLimits): RequestLabels {
  return runSteps(requestLabelsInSteps(sent, limits));
}

/** The same for lists that a pool task read, of hundreds of thousands. Short ones are one step. */
export function* requestLabelsInSteps(sent: readonly Label[], limits: RequestLimits): Steps<RequestLabels> {
  let labelBytes = 0;
  for (let start = 0; start < sent.length; start += STEP_LABELS) {
    if (start > 0) yield;
    labelBytes += bytesOf(sent, start, Math.min(start + STEP_LABELS, sent.length));
  }
  const isLong = sent.length > STEP_LABELS;
  const present = labelsOnArrival(sent);
  if (isLong) yield;
  const labels = withSessionReduced(present, limits.maxSessionsPerSeries);
  if (isLong) yield;
  const fault = overLabelLimits(labels, limits);
  if (fault !== undefined) return { labels: [], labelFault: toWire(fault), service: UNKNOWN_SERVICE, labelBytes };
  return { labels, labelFault: undefined, service: serviceOf(labels), labelBytes };
}

/** @param labels  as they go on from the door; none where there is a fault */
export function serviceOf(labels: readonly Label[]): string {
  return valueOf(labels, LabelName.serviceName) ?? UNKNOWN_SERVICE;
}

function bytesOf(labels: readonly Label[], start: number, end: number): Bytes {
  let bytes = 0;
  for (let i = start; i < end; i++) bytes += Buffer.byteLength(labels[i].name) + Buffer.byteLength(labels[i].value);
  return bytes;
}

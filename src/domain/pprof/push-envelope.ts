import { StoreError } from '#src/domain/errors.ts';
import type { Label } from '#src/domain/model/labels.ts';
import { eachField, message } from './wire-fields.ts';

/** One profile of a push message, still as it came. */
export type EnvelopedProfile = {
  /** Any order, duplicates and empty values included. Profiles of one series share the list. */
  readonly labels: readonly Label[];
  /** A view into the message. */
  readonly profile: Uint8Array;
  /** Push says nothing about how a profile was made. */
  readonly ingest: undefined;
};

/** How much of a message may be looked at. Profiles are stepped over and cost nothing. */
export type EnvelopeBudget = {
  /** Of all messages: series, labels and their two texts, samples, and what nobody knows. */
  readonly fieldsMax: number;
  /** Of all labels. */
  readonly labelBytesMax: number;
};

/** What the main loop reads itself: well below a millisecond. An agent sends some fifty fields. */
export const MAIN_LOOP_ENVELOPE: EnvelopeBudget = { fieldsMax: 4096, labelBytesMax: 64 << 10 };

/** What a pool task reads: an empty label takes two bytes of the message and a hundred of memory. */
export const POOL_ENVELOPE: EnvelopeBudget = { fieldsMax: 1 << 20, labelBytesMax: 64 << 20 };

/**
 * Reads the envelope of a `push.v1.PushRequest`: whose profiles there are and where they lie.
 *
 * @returns undefined when the message is over the budget
 * @throws StoreError 'invalid-argument' when it is no such message, or a label is not UTF-8
 * @cost   O(fields + label bytes), both below the budget; no profile is touched
 */
export function readPushEnvelope(body: Uint8Array, budget: EnvelopeBudget): EnvelopedProfile[] | undefined {
  const reading: Reading = { profiles: [], budget, fields: 0, labelBytes: 0 };
  try {
    eachField(body, (field, wire, reader) => {
      count(reading);
      if (field !== 1) return false;
      readSeries(message(reader, wire), reading);
      return true;
    });
  } catch (error) {
    if (error instanceof OverBudget) return undefined;
    const what = error instanceof Error ? error.message : 'unknown reason';
    throw new StoreError('invalid-argument', `the push message cannot be decoded: ${what}`);
  }
  return reading.profiles;
}

type Reading = {
  readonly profiles: EnvelopedProfile[];
  readonly budget: EnvelopeBudget;
  fields: number;
  labelBytes: number;
};

/** Thrown and caught by the readers of envelopes: what is over the budget of one may be within that of another. */
export class OverBudget extends Error {}

function count(reading: Reading): void {
  if (++reading.fields > reading.budget.fieldsMax) throw new OverBudget();
}

/** Labels may come after the samples: both are collected before a profile is made of them. */
function readSeries(bytes: Uint8Array, reading: Reading): void {
  const labels: Label[] = [];
  const samples: Uint8Array[] = [];
  eachField(bytes, (field, wire, reader) => {
    count(reading);
    if (field === 1) labels.push(readLabel(message(reader, wire), reading));
    else if (field === 2) samples.push(readSample(message(reader, wire), reading));
    else return false;
    return true;
  });
  for (const profile of samples) reading.profiles.push({ labels, profile, ingest: undefined });
}

function readLabel(bytes: Uint8Array, reading: Reading): Label {
  reading.labelBytes += bytes.length;
  if (reading.labelBytes > reading.budget.labelBytesMax) throw new OverBudget();
  let name = '';
  let value = '';
  eachField(bytes, (field, wire, reader) => {
    count(reading);
    if (field === 1) name = textOf(message(reader, wire));
    else if (field === 2) value = textOf(message(reader, wire));
    else return false;
    return true;
  });
  return { name, value };
}

/** The id that a client gives its profile is not looked at: stored ids are the server's. */
function readSample(bytes: Uint8Array, reading: Reading): Uint8Array {
  let profile: Uint8Array = new Uint8Array(0);
  eachField(bytes, (field, wire, reader) => {
    count(reading);
    if (field !== 1) return false;
    profile = message(reader, wire);
    return true;
  });
  return profile;
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function textOf(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new Error('a label is not valid UTF-8');
  }
}

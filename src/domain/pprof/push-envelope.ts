import { StoreError } from '#src/domain/errors.ts';
import type { Label } from '#src/domain/model/labels.ts';
import { runSteps, type Steps } from '#src/domain/model/steps.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import { foreignMessageHint } from '#src/domain/protobuf/foreign-message.ts';
import { WireReader } from '#src/domain/protobuf/wire-reader.ts';

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
  /** A profile is two bytes of the message at least, and half a kilobyte of the main loop's memory. */
  readonly profilesMax: number;
};

/** What the main loop reads itself: well below a millisecond. An agent sends some fifty fields. */
export const MAIN_LOOP_ENVELOPE: EnvelopeBudget = { fieldsMax: 4096, labelBytesMax: 64 << 10, profilesMax: 4096 };

/** The most that a pool task reads, with 256 MiB of memory or more. */
export const POOL_ENVELOPE: EnvelopeBudget = { fieldsMax: 1 << 20, labelBytesMax: 64 << 20, profilesMax: 1 << 16 };

/** An empty label takes two bytes of the message and a hundred of memory. */
const FIELD_BYTES: Bytes = 256;

/** Text takes two bytes of memory for one of the message, in labels and once more in what is made of them. */
const LABEL_FACTOR = 4;

/** What a pool task reads that may take so much memory. @param taskBytesMax at least 2 MiB */
export function envelopeWithin(taskBytesMax: Bytes): EnvelopeBudget {
  return {
    fieldsMax: Math.min(POOL_ENVELOPE.fieldsMax, Math.floor(taskBytesMax / FIELD_BYTES)),
    labelBytesMax: Math.min(POOL_ENVELOPE.labelBytesMax, Math.floor(taskBytesMax / LABEL_FACTOR)),
    profilesMax: POOL_ENVELOPE.profilesMax,
  };
}

/** Of the name or the value of one label, which is read in one step. Longer ones are over every budget. */
export const LABEL_TEXT_BYTES_MAX: Bytes = 1 << 20;

/** Fields of an envelope that are read in one step: a microsecond or two each, and more until the code is compiled. */
export const STEP_FIELDS = 1 << 12;

/** Bytes of labels that are read in one step, and one text more: at 16 ns each where they are not ASCII. */
const STEP_LABEL_BYTES: Bytes = 1 << 19;

/**
 * Reads the envelope of a `push.v1.PushRequest`: whose profiles there are and where they lie.
 *
 * @returns undefined when the message is over the budget
 * @throws StoreError 'invalid-argument' when it is no such message, or a label is not UTF-8
 * @cost   O(fields + label bytes), both below the budget; no profile is touched
 */
export function readPushEnvelope(body: Uint8Array, budget: EnvelopeBudget): EnvelopedProfile[] | undefined {
  return runSteps(readPushEnvelopeInSteps(body, budget));
}

/** The same for messages that may have very many parts. */
export function* readPushEnvelopeInSteps(
  body: Uint8Array,
  budget: EnvelopeBudget,
): Steps<EnvelopedProfile[] | undefined> {
  const reading: Reading = { profiles: [], budget, fields: 0, labelBytes: 0, stepFields: 0, stepLabelBytes: 0 };
  try {
    const reader = new WireReader(body, (what) => undecodableMessage(what + foreignMessageHint(body, 'proto')));
    while (reader.next()) {
      if (isStepOver(reading)) yield;
      count(reading);
      if (reader.field === 1) yield* readSeries(reader, reading);
      else reader.skip();
    }
  } catch (error) {
    if (error instanceof OverBudget) return undefined;
    throw error;
  }
  return reading.profiles;
}

/** @param what  a clause that says what is wrong */
function undecodableMessage(what: string): StoreError {
  return new StoreError('invalid-argument', `the push message cannot be decoded: ${what}`);
}

type Reading = {
  readonly profiles: EnvelopedProfile[];
  readonly budget: EnvelopeBudget;
  fields: number;
  labelBytes: number;
  /** Where the step began. */
  stepFields: number;
  stepLabelBytes: number;
};

/** Thrown and caught by the readers of envelopes: what is over the budget of one may be within that of another. */
export class OverBudget extends Error {}

function count(reading: Reading): void {
  if (++reading.fields > reading.budget.fieldsMax) throw new OverBudget();
}

/** Begins a new step if it is. */
function isStepOver(reading: Reading): boolean {
  const { fields, labelBytes, stepFields, stepLabelBytes } = reading;
  if (fields - stepFields < STEP_FIELDS && labelBytes - stepLabelBytes < STEP_LABEL_BYTES) return false;
  reading.stepFields = fields;
  reading.stepLabelBytes = labelBytes;
  return true;
}

/** Labels may come after the samples: both are collected before a profile is made of them. */
function* readSeries(reader: WireReader, reading: Reading): Steps<void> {
  const labels: Label[] = [];
  const samples: Uint8Array[] = [];
  const outer = reader.open();
  while (reader.next()) {
    if (isStepOver(reading)) yield;
    count(reading);
    if (reader.field === 1) labels.push(yield* readLabel(reader, reading));
    else if (reader.field === 2) samples.push(yield* readSample(reader, reading));
    else reader.skip();
  }
  reader.close(outer);
  for (const profile of samples) reading.profiles.push({ labels, profile, ingest: undefined });
  if (reading.profiles.length > reading.budget.profilesMax) throw new OverBudget();
}

function* readLabel(reader: WireReader, reading: Reading): Steps<Label> {
  const outer = reader.open();
  reading.labelBytes += reader.end - reader.pos;
  if (reading.labelBytes > reading.budget.labelBytesMax) throw new OverBudget();
  let name = '';
  let value = '';
  while (reader.next()) {
    if (isStepOver(reading)) yield;
    count(reading);
    if (reader.field === 1) name = textOf(reader.content());
    else if (reader.field === 2) value = textOf(reader.content());
    else reader.skip();
  }
  reader.close(outer);
  return { name, value };
}

/** The id that a client gives its profile is not looked at: stored ids are the server's. */
function* readSample(reader: WireReader, reading: Reading): Steps<Uint8Array> {
  let profile: Uint8Array = new Uint8Array(0);
  const outer = reader.open();
  while (reader.next()) {
    if (isStepOver(reading)) yield;
    count(reading);
    if (reader.field === 1) profile = reader.content();
    else reader.skip();
  }
  reader.close(outer);
  return profile;
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function textOf(bytes: Uint8Array): string {
  if (bytes.length > LABEL_TEXT_BYTES_MAX) throw new OverBudget();
  try {
    return decoder.decode(bytes);
  } catch {
    throw undecodableMessage('a label is not valid UTF-8');
  }
}

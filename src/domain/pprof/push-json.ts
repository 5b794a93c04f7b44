import { StoreError } from '#src/domain/errors.ts';
import type { Label } from '#src/domain/model/labels.ts';
import { runSteps, type Steps } from '#src/domain/model/steps.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import { withForeignHint } from '#src/domain/protobuf/foreign-message.ts';
import { base64InSteps } from './base64-in-place.ts';
import { JsonReader, type JsonText } from './json-reader.ts';
import {
  type EnvelopeBudget,
  type EnvelopedProfile,
  LABEL_TEXT_BYTES_MAX,
  OverBudget,
  STEP_FIELDS,
} from './push-envelope.ts';

/**
 * Reads a `push.v1.PushRequest` in its JSON form. Names may be those of JSON or of the message, bytes are base64 in
 * either alphabet, padded or not, null is the same as absent, and unknown fields are ignored. A field may be there once.
 *
 * @param text    UTF-8. Profiles are decoded where they lie, so it is overwritten
 * @param budget  every field of an object and every element of a list counts, also of what nobody knows
 * @returns       undefined when the message is over the budget. Profiles are views into the text
 * @throws StoreError 'invalid-argument' naming the field
 * @cost   O(bytes), some two nanoseconds each: for the pool only. Memory as of `readPushEnvelope`
 */
export function readPushJson(text: Uint8Array, budget: EnvelopeBudget): EnvelopedProfile[] | undefined {
  return runSteps(readPushJsonInSteps(text, budget));
}

/** The same in steps. */
export function* readPushJsonInSteps(text: Uint8Array, budget: EnvelopeBudget): Steps<EnvelopedProfile[] | undefined> {
  const fields = { count: 0 };
  const onValue = (): void => {
    if (++fields.count > budget.fieldsMax) throw new OverBudget();
  };
  try {
    const reader = yield* JsonReader.inSteps(text, onValue);
    return yield* new PushReader(reader, fields, budget).profiles();
  } catch (error) {
    if (error instanceof OverBudget) return undefined;
    throw withForeignHint(error, text);
  }
}

/** Longer ones are known to nobody, even if each of their characters is written as an escape. */
const KEY_BYTES_MAX = 6 * 'annotations'.length;

/** What is read in one step, beside one value more: some ten milliseconds. */
const STEP_BYTES: Bytes = 1 << 20;

/** Reads the value of a field, in steps if it may be large. */
type ReadField = () => Steps<void> | undefined;

class PushReader {
  readonly #reader: JsonReader;
  readonly #fields: { readonly count: number };
  readonly #budget: EnvelopeBudget;
  readonly #profiles: EnvelopedProfile[] = [];
  #labelBytes = 0;
  #stepFields = 0;
  #stepStart: Bytes = 0;

  /** @param fields  that the reader came across */
  constructor(reader: JsonReader, fields: { readonly count: number }, budget: EnvelopeBudget) {
    this.#reader = reader;
    this.#fields = fields;
    this.#budget = budget;
  }

  *profiles(): Steps<EnvelopedProfile[]> {
    yield* this.#object('the message', { series: () => this.#list('series', () => this.#series()) });
    this.#reader.end();
    return this.#profiles;
  }

  /** Labels may come after the samples: both are collected before a profile is made of them. */
  *#series(): Steps<void> {
    const labels: Label[] = [];
    const samples: Uint8Array[] = [];
    yield* this.#object('an element of series', {
      labels: () => this.#list('labels', () => this.#label(labels)),
      samples: () => this.#list('samples', () => this.#sample(samples)),
      annotations: () => this.#list('annotations', () => this.#object('an element of annotations', {})),
    });
    for (const profile of samples) this.#profiles.push({ labels, profile, ingest: undefined });
    if (this.#profiles.length > this.#budget.profilesMax) throw new OverBudget();
  }

  *#label(labels: Label[]): Steps<void> {
    let name = '';
    let value = '';
    yield* this.#object('an element of labels', {
      name: () => {
        name = this.#labelText('name');
        return undefined;
      },
      value: () => {
        value = this.#labelText('value');
        return undefined;
      },
    });
    labels.push({ name, value });
  }

  /** The id that a client gives its profile is not looked at: stored ids are the server's. */
  *#sample(samples: Uint8Array[]): Steps<void> {
    let profile: Uint8Array = new Uint8Array(0);
    const self = this;
    yield* this.#object('an element of samples', {
      ID: () => {
        this.#expectText('ID');
        return this.#reader.skipInSteps();
      },
      *rawProfile() {
        profile = yield* self.#base64('rawProfile');
      },
    });
    samples.push(profile);
  }

  /** @param fields  what reads the value of each field that is known, by its name in JSON */
  *#object(what: string, fields: Readonly<Record<string, ReadField>>): Steps<void> {
    const reader = this.#reader;
    this.#expect('{', what, 'an object');
    const seen = new Set<string>();
    for (let key = reader.firstField(); key !== undefined; key = reader.nextField()) {
      if (this.#isStepOver()) yield;
      const name = this.#fieldName(key);
      if (!Object.hasOwn(fields, name)) yield* reader.skipInSteps();
      else if (!reader.skipNull()) {
        if (seen.has(name)) throw this.#wrong(`${name} is there twice`);
        seen.add(name);
        const steps = fields[name]();
        if (steps !== undefined) yield* steps;
      }
    }
  }

  *#list(name: string, element: () => Steps<void>): Steps<void> {
    const reader = this.#reader;
    this.#expect('[', name, 'a list');
    for (let more = reader.firstElement(); more; more = reader.nextElement()) {
      if (this.#isStepOver()) yield;
      yield* element();
    }
  }

  #expectText(name: string): void {
    this.#expect('"', name, 'a text');
  }

  #expect(beginning: string, what: string, kind: string): void {
    const found = this.#reader.peek();
    if (found === '') throw this.#wrong(this.#reader.readBytes === 0 ? 'it is empty' : `it ends before ${what}`);
    if (found !== beginning) throw this.#wrong(`${what} is not ${kind}`);
  }

  #labelText(name: string): string {
    this.#expectText(name);
    const text = this.#reader.textWithin(LABEL_TEXT_BYTES_MAX);
    if (text === undefined) throw new OverBudget();
    this.#labelBytes += text.end - text.start;
    if (this.#labelBytes > this.#budget.labelBytesMax) throw new OverBudget();
    return this.#reader.valueOf(text);
  }

  *#base64(name: string): Steps<Uint8Array> {
    this.#expectText(name);
    const profile = yield* base64InSteps(yield* this.#reader.asciiInSteps());
    if (profile === undefined) throw this.#wrong(`${name} is not base64`);
    return profile;
  }

  /** Begins a new step if it is. */
  #isStepOver(): boolean {
    const { count } = this.#fields;
    const { readBytes } = this.#reader;
    if (count - this.#stepFields < STEP_FIELDS && readBytes - this.#stepStart < STEP_BYTES) return false;
    this.#stepFields = count;
    this.#stepStart = readBytes;
    return true;
  }

  /** By its name in JSON; of those that count, one is another in the message. */
  #fieldName(key: JsonText): string {
    if (key.end - key.start > KEY_BYTES_MAX) return '';
    const name = this.#reader.valueOf(key);
    return name === 'raw_profile' ? 'rawProfile' : name;
  }

  #wrong(what: string): StoreError {
    return new StoreError('invalid-argument', `the push message cannot be decoded: ${what}`);
  }
}

import { StoreError } from '#src/domain/errors.ts';
import type { Label } from '#src/domain/model/labels.ts';
import { base64InPlace } from './base64-in-place.ts';
import { JsonReader, type JsonText } from './json-reader.ts';
import { type EnvelopeBudget, type EnvelopedProfile, OverBudget } from './push-envelope.ts';

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
  try {
    return new PushReader(text, budget).profiles();
  } catch (error) {
    if (error instanceof OverBudget) return undefined;
    throw error;
  }
}

/** Longer ones are known to nobody, even if each of their characters is written as an escape. */
const KEY_BYTES_MAX = 6 * 'annotations'.length;

class PushReader {
  readonly #reader: JsonReader;
  readonly #budget: EnvelopeBudget;
  readonly #profiles: EnvelopedProfile[] = [];
  #fields = 0;
  #labelBytes = 0;

  constructor(text: Uint8Array, budget: EnvelopeBudget) {
    this.#budget = budget;
    this.#reader = new JsonReader(text, () => {
      if (++this.#fields > budget.fieldsMax) throw new OverBudget();
    });
  }

  profiles(): EnvelopedProfile[] {
    this.#object('the message', { series: () => this.#list('series', () => this.#series()) });
    this.#reader.end();
    return this.#profiles;
  }

  /** Labels may come after the samples: both are collected before a profile is made of them. */
  #series(): void {
    const labels: Label[] = [];
    const samples: Uint8Array[] = [];
    this.#object('an element of series', {
      labels: () => this.#list('labels', () => labels.push(this.#label())),
      samples: () => this.#list('samples', () => samples.push(this.#sample())),
      annotations: () => this.#list('annotations', () => this.#object('an element of annotations', {})),
    });
    for (const profile of samples) this.#profiles.push({ labels, profile, ingest: undefined });
  }

  #label(): Label {
    let name = '';
    let value = '';
    this.#object('an element of labels', {
      name: () => {
        name = this.#labelText('name');
      },
      value: () => {
        value = this.#labelText('value');
      },
    });
    return { name, value };
  }

  /** The id that a client gives its profile is not looked at: stored ids are the server's. */
  #sample(): Uint8Array {
    let profile: Uint8Array = new Uint8Array(0);
    this.#object('an element of samples', {
      ID: () => this.#text('ID'),
      rawProfile: () => {
        profile = this.#base64('rawProfile');
      },
    });
    return profile;
  }

  /** @param fields  what reads the value of each field that is known, by its name in JSON */
  #object(what: string, fields: Readonly<Record<string, () => void>>): void {
    if (this.#reader.peek() !== '{') throw this.#wrong(`${what} is not an object`);
    const seen = new Set<string>();
    this.#reader.object((key) => {
      const name = this.#fieldName(key);
      if (!Object.hasOwn(fields, name)) this.#reader.skip();
      else if (!this.#reader.skipNull()) {
        if (seen.has(name)) throw this.#wrong(`${name} is there twice`);
        seen.add(name);
        fields[name]();
      }
    });
  }

  #list(name: string, element: () => void): void {
    if (this.#reader.peek() !== '[') throw this.#wrong(`${name} is not a list`);
    this.#reader.list(element);
  }

  #text(name: string): JsonText {
    if (this.#reader.peek() !== '"') throw this.#wrong(`${name} is not a text`);
    return this.#reader.text();
  }

  #labelText(name: string): string {
    const text = this.#text(name);
    this.#labelBytes += text.end - text.start;
    if (this.#labelBytes > this.#budget.labelBytesMax) throw new OverBudget();
    return this.#reader.valueOf(text);
  }

  #base64(name: string): Uint8Array {
    if (this.#reader.peek() !== '"') throw this.#wrong(`${name} is not a text`);
    const profile = base64InPlace(this.#reader.ascii());
    if (profile === undefined) throw this.#wrong(`${name} is not base64`);
    return profile;
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

import { StoreError } from '#src/domain/errors.ts';
import type { Label } from '#src/domain/model/labels.ts';
import type { EnvelopedProfile } from './push-envelope.ts';

/**
 * Reads a `push.v1.PushRequest` in its JSON form. Names may be those of JSON or of the message, bytes are base64 in
 * either alphabet, padded or not, null is the same as absent, and unknown fields are ignored, however deep they nest.
 *
 * @param text  UTF-8
 * @throws StoreError 'invalid-argument' naming the field
 * @cost   O(bytes), several times over: for the pool only
 */
export function readPushJson(text: Uint8Array): EnvelopedProfile[] {
  const profiles: EnvelopedProfile[] = [];
  const request = objectAt(parse(text), 'the message');
  for (const element of listAt(request, 'series')) {
    const series = objectAt(element, 'an element of series');
    const labels = listAt(series, 'labels').map(labelOf);
    listAt(series, 'annotations').forEach((annotation) => {
      objectAt(annotation, 'an element of annotations');
    });
    for (const sample of listAt(series, 'samples')) {
      profiles.push({ labels, profile: rawProfileOf(objectAt(sample, 'an element of samples')), ingest: undefined });
    }
  }
  return profiles;
}

type JsonObject = Readonly<Record<string, unknown>>;

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function parse(text: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(text));
  } catch (cause) {
    throw new StoreError('invalid-argument', 'the push message is not JSON', {}, { cause });
  }
}

function labelOf(element: unknown): Label {
  const label = objectAt(element, 'an element of labels');
  return { name: textAt(label, 'name'), value: textAt(label, 'value') };
}

function rawProfileOf(sample: JsonObject): Uint8Array {
  textAt(sample, 'ID');
  const [camel, proto] = [fieldAt(sample, 'rawProfile'), fieldAt(sample, 'raw_profile')];
  if (camel !== undefined && proto !== undefined) throw wrong('rawProfile is there twice');
  const value = camel ?? proto ?? '';
  if (typeof value !== 'string') throw wrong('rawProfile is not a text');
  return base64Bytes(value);
}

/** Node takes anything for base64 and leaves out what is not, so the text is looked at first. */
function base64Bytes(text: string): Uint8Array {
  const digits = text.replace(/={1,2}$/, '');
  const standard = /^[A-Za-z0-9+/]*$/.test(digits);
  const urlSafe = /^[A-Za-z0-9_-]*$/.test(digits);
  const padded = text.length === digits.length || text.length % 4 === 0;
  if (!(standard || urlSafe) || digits.length % 4 === 1 || !padded) throw wrong('rawProfile is not base64');
  return Buffer.from(digits, 'base64');
}

function objectAt(value: unknown, what: string): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(`${what} is not an object`);
  return value as JsonObject; // Neither null nor an array: what JSON has left is an object.
}

function listAt(object: JsonObject, name: string): readonly unknown[] {
  const value = fieldAt(object, name) ?? [];
  if (!Array.isArray(value)) throw wrong(`${name} is not a list`);
  return value;
}

function textAt(object: JsonObject, name: string): string {
  const value = fieldAt(object, name) ?? '';
  if (typeof value !== 'string') throw wrong(`${name} is not a text`);
  return value;
}

/** Own fields only, and null is the same as absent. */
function fieldAt(object: JsonObject, name: string): unknown {
  return Object.hasOwn(object, name) ? (object[name] ?? undefined) : undefined;
}

function wrong(what: string): StoreError {
  return new StoreError('invalid-argument', `the push message cannot be decoded: ${what}`);
}

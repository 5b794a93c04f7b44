import { StoreError } from '#src/domain/errors.ts';
import { quoted } from '#src/domain/model/printable.ts';
import { JSON_DEPTH_MAX } from '#src/domain/pprof/json-reader.ts';

/**
 * Parses the JSON form of a message, more strictly than `JSON.parse`: a key may be there once in an object, and
 * nesting has a limit. What reads the result may recurse.
 *
 * @returns integers that a number cannot hold exactly are bigint: 64-bit fields take those, and quote what was sent
 * @throws StoreError 'invalid-argument' naming what is wrong
 * @source RFC 8259; ProtoJSON refuses duplicate keys
 */
export function parseJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new StoreError('invalid-argument', 'the message is not JSON');
  }
  refuseDeepOrDuplicate(text);
  // Once more, because looking at every value recurses, and the depth was not known before.
  return /\d{16}/.test(text) ? (JSON.parse(text, exactInteger as Reviver) as unknown) : value;
}

/** What the library types know of it: V8 passes a context as well. */
type Reviver = (key: string, value: unknown) => unknown;

/** @param context  `source` is what stands in the text, for numbers and other scalars */
function exactInteger(_key: string, value: unknown, context: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || Math.abs(value) <= Number.MAX_SAFE_INTEGER) return value;
  const written = context.source ?? '';
  return /^-?\d+$/.test(written) ? BigInt(written) : value;
}

/** @param text is valid JSON, so brackets match, and a string before a colon is a key */
function refuseDeepOrDuplicate(text: string): void {
  // The keys of each open object or array, innermost last; undefined while there are none.
  const open: (Set<string> | undefined)[] = [];
  let lastString = '';
  for (let i = 0; i < text.length; i++) {
    switch (text[i]) {
      case '"': {
        const end = stringEnd(text, i);
        lastString = text.slice(i + 1, end);
        i = end;
        break;
      }
      case ':':
        open.push(withKey(open.pop(), lastString));
        break;
      case '{':
      case '[':
        open.push(undefined);
        if (open.length > JSON_DEPTH_MAX) {
          throw new StoreError('invalid-argument', `the message is nested deeper than ${JSON_DEPTH_MAX}`);
        }
        break;
      case '}':
      case ']':
        open.pop();
        break;
    }
  }
}

/** @param written what stands between the quotes, with escapes */
function withKey(keys: Set<string> | undefined, written: string): Set<string> {
  const known = keys ?? new Set();
  const key = written.includes('\\') ? (JSON.parse(`"${written}"`) as string) : written;
  if (known.has(key)) throw new StoreError('invalid-argument', `the message has the field ${quoted(key)} twice`);
  return known.add(key);
}

/** @returns where the closing quote is */
function stringEnd(text: string, start: number): number {
  let i = start + 1;
  while (text[i] !== '"') i += text[i] === '\\' ? 2 : 1;
  return i;
}

import { StoreError } from '#src/domain/errors.ts';

const DEPTH_MAX = 100;

/**
 * Parses the JSON form of a message, more strictly than `JSON.parse`: a key may be there once in an object, and
 * nesting has a limit. What reads the result may recurse.
 *
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
  return value;
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
        if (open.length > DEPTH_MAX) {
          throw new StoreError('invalid-argument', `the message is nested deeper than ${DEPTH_MAX}`);
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
  if (known.has(key))
    throw new StoreError('invalid-argument', `the message has the field ${JSON.stringify(key)} twice`);
  return known.add(key);
}

/** @returns where the closing quote is */
function stringEnd(text: string, start: number): number {
  let i = start + 1;
  while (text[i] !== '"') i += text[i] === '\\' ? 2 : 1;
  return i;
}

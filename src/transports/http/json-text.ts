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
  // The keys of each open object, innermost last; null for arrays.
  const open: (Set<string> | null)[] = [];
  let lastString = '';
  for (let i = 0; i < text.length; i++) {
    switch (text[i]) {
      case '"': {
        const end = stringEnd(text, i);
        lastString = text.slice(i, end + 1);
        i = end;
        break;
      }
      case ':':
        addKey(open.at(-1), JSON.parse(lastString) as string);
        break;
      case '{':
      case '[':
        open.push(text[i] === '{' ? new Set() : null);
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

function addKey(keys: Set<string> | null | undefined, key: string): void {
  if (keys?.has(key))
    throw new StoreError('invalid-argument', `the message has the field ${JSON.stringify(key)} twice`);
  keys?.add(key);
}

/** @returns where the closing quote is */
function stringEnd(text: string, start: number): number {
  let i = start + 1;
  while (text[i] !== '"') i += text[i] === '\\' ? 2 : 1;
  return i;
}

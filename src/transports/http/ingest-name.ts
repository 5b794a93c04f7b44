import { StoreError } from '#src/domain/errors.ts';
import type { Label } from '#src/domain/model/labels.ts';
import { LabelName } from '#src/domain/model/labels.ts';
import { quoted } from '#src/domain/model/printable.ts';

/** What the `name` parameter of `/ingest` says. */
export type IngestName = {
  readonly app: string;
  /** In order of their first appearance; no name twice, no empty value. */
  readonly tags: readonly Label[];
};

/**
 * Reads `app{key=value,key=value}`.
 *
 *     app.cpu{env = prod ,k2=}tail     app.cpu, env=prod: trimmed, empty values are absent, the tail is nothing
 *     app{a=b,c}                       a=b: a last tag without `=` is nothing; elsewhere it spoils the next key
 *     app{a=b                          no tags: the last one is not closed, and nothing of it is looked at
 *     app{a=b}c=d}                     a=b, c=d: a brace ends a value like a comma, and where a key should be, all tags
 *     app{a=b}{c=d}                    is refused: the second key begins with a brace
 *     app{__name__=other}              other
 *
 * Keys that start with two underscores are dropped, except `__session_id__`.
 *
 * @throws StoreError 'invalid-argument' naming the part that is wrong
 */
export function parseIngestName(text: string): IngestName {
  const brace = text.indexOf('{');
  const app = (brace === -1 ? text : text.slice(0, brace)).trim();
  if (app === '') throw new StoreError('invalid-argument', 'name: the application name is missing');
  refuseStrange('application name', app, /[^A-Za-z0-9_.\-/]/, 'A-Z a-z 0-9 _ . - /');

  const values = brace === -1 ? new Map<string, string>() : parseTags(text, brace + 1);
  const tags: Label[] = [];
  for (const [name, value] of values) {
    const reserved = name.startsWith('__') && name !== LabelName.sessionId;
    if (!reserved && value !== '') tags.push({ name, value });
  }
  return { app: values.get(LabelName.name) || app, tags };
}

/** @param start after the brace */
function parseTags(text: string, start: number): Map<string, string> {
  const values = new Map<string, string>();
  let at = start;
  while (at < text.length) {
    const keyEnd = indexOfEither(text, '=', '}', at);
    if (keyEnd === -1 || text[keyEnd] === '}') break;
    const valueEnd = indexOfEither(text, ',', '}', keyEnd + 1);
    if (valueEnd === -1) break;
    const key = text.slice(at, keyEnd).trim();
    if (key === '') throw new StoreError('invalid-argument', 'name: a tag has no key');
    refuseStrange('tag key', key, /[^A-Za-z0-9_.]/, 'A-Z a-z 0-9 _ .');
    values.set(key, text.slice(keyEnd + 1, valueEnd).trim());
    at = valueEnd + 1;
  }
  return values;
}

function indexOfEither(text: string, a: string, b: string, from: number): number {
  for (let i = from; i < text.length; i++) if (text[i] === a || text[i] === b) return i;
  return -1;
}

function refuseStrange(what: string, text: string, strange: RegExp, allowed: string): void {
  const found = strange.exec(text);
  if (found === null) return;
  throw new StoreError(
    'invalid-argument',
    `name: the ${what} has an invalid character ${quoted(found[0])} at ${found.index}; these are valid: ${allowed}`,
  );
}

// What others sent, in messages: cut, and without anything that a terminal would act upon or could not show. Messages go to
// logs and to people, and what is quoted may be any bytes.

/** More than any message has that says what is wrong, rather than to repeat a request. */
const MESSAGE_CHARACTERS_MAX = 4096;
const QUOTED_CHARACTERS_MAX = 200;

/** Control characters, line breaks, those that change the direction of text or are not seen, halves of surrogate pairs. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** The text with escapes such as `\u{1b}` where it cannot be shown. @param charactersMax  behind which it is cut */
export function printable(text: string, charactersMax: number = MESSAGE_CHARACTERS_MAX): string {
  return cut(text, charactersMax).replace(UNPRINTABLE, escaped);
}

/** Quotes a text for a message, cut to a length that a line of a terminal can take. */
export function quoted(text: string, charactersMax: number = QUOTED_CHARACTERS_MAX): string {
  return JSON.stringify(cut(text, charactersMax)).replace(UNPRINTABLE, escaped);
}

/** Quotes bytes that should be a text: as one where they are UTF-8, otherwise `"a\xff"`. */
export function quotedBytes(bytes: Uint8Array, charactersMax: number = QUOTED_CHARACTERS_MAX): string {
  const head = Buffer.from(bytes.subarray(0, 4 * charactersMax));
  const text = textOf(head, head.length < bytes.length);
  if (text !== undefined) return quoted(text, charactersMax);
  const shown = head.toString('latin1', 0, charactersMax).replace(/[^\x20-\x7e]|["\\]/g, (character) => {
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
  return `"${shown}${bytes.length > charactersMax ? '…' : ''}"`;
}

/** @param cutOff  whether the last character may be incomplete */
function textOf(bytes: Uint8Array, cutOff: boolean): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes, { stream: cutOff });
  } catch {
    return undefined;
  }
}

function cut(text: string, charactersMax: number): string {
  if (text.length <= charactersMax) return text;
  const head = text.slice(0, charactersMax);
  return `${/[\ud800-\udbff]$/.test(head) ? head.slice(0, -1) : head}…`;
}

function escaped(character: string): string {
  return `\\u{${(character.codePointAt(0) as number).toString(16)}}`; // It matched, so there is one.
}

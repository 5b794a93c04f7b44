import { createHash } from 'node:crypto';

/**
 * Characters of a text that may be the key of a map. V8 hashes texts from 16 KiB on by their lengths alone, and a map of such
 * texts compares each with all others of its length.
 */
export const KEY_LENGTH_MAX = 4096;

/**
 * What stands for a text in a map: the text itself or, where it is long, a `#` and 44 characters of its SHA-256.
 *
 * @param text  that cannot look like that itself @cost O(characters)
 */
export function mapKey(text: string): string {
  return text.length <= KEY_LENGTH_MAX ? text : `#${createHash('sha256').update(text, 'utf16le').digest('base64')}`;
}

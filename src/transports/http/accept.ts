import { type MediaType, parseMediaType } from './media-type.ts';

/** Browsers send 150 bytes. The main loop reads so many in a millisecond. */
const LENGTH_MAX = 4096;

/**
 * Reads an `Accept` header. A malformed one is refused on every route, so there is no form for "partly understood".
 *
 * @returns the media types in order; none for a blank header; undefined when an element is malformed, or the header is
 *          longer than 4096 characters
 * @source cases transport/accept
 */
export function parseAccept(header: string): readonly MediaType[] | undefined {
  if (header.length > LENGTH_MAX) return undefined;
  if (header.trim() === '') return [];
  const types: MediaType[] = [];
  for (const element of header.split(',')) {
    const type = parseMediaType(element);
    if (type === undefined) return undefined;
    types.push(type);
  }
  return types;
}

/** Whether the client understands label names that are not `[a-zA-Z_][a-zA-Z0-9_]*`. */
export function understandsUtf8LabelNames(accept: readonly MediaType[]): boolean {
  return accept.some(({ parameters }) => parameters.get('allow-utf8-labelnames') === 'true');
}

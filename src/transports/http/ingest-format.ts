import { quoted } from '#src/domain/model/printable.ts';

/** How the body of an `/ingest` request is written. */
export type IngestFormat =
  | 'trie'
  | 'tree'
  | 'lines'
  | 'jfr'
  | 'speedscope'
  | 'groups'
  | 'pprof'
  /** pprof as a file of a form, with its companions. */
  | 'pprof-form';

/**
 * The first rule that matches decides; what is unknown is folded text.
 *
 * Unlike the reference, `format=pprof` with a form is unpacked too, instead of being refused as no pprof.
 *
 * @source reference of the public API, "POST /ingest", table of formats
 */
export function ingestFormat(format: string | null, contentType: string): IngestFormat {
  const form = isForm(contentType);
  if (format === 'trie' || contentType === 'binary/octet-stream+trie') return 'trie';
  if (format === 'tree' || contentType === 'binary/octet-stream+tree') return 'tree';
  if (format === 'lines' || format === 'jfr' || format === 'speedscope') return format;
  if (format === 'pprof') return form ? 'pprof-form' : 'pprof';
  return form ? 'pprof-form' : 'groups';
}

/**
 * What else there is to say when a body cannot be read as folded text that never claimed to be any; '' where the request
 * asked for what it was taken for.
 */
export function formatHint(format: string | null, taken: IngestFormat): string {
  if (taken !== 'groups' || format === 'groups') return '';
  const why =
    format === null || format === '' ? 'the request has no format' : `the format ${quoted(format)} is not known`;
  return `; ${why}, so that it was taken for folded text. Known are groups (folded text), lines, tree, trie, speedscope, pprof and jfr`;
}

export function isForm(contentType: string): boolean {
  return contentType.toLowerCase().includes('multipart/form-data');
}

import { sectionName } from './block-format.ts';
import type { Page } from './chunk-table.ts';

/** Where a page is, for the message of an error. */
export function placeOf({ section, family, column, chunk, offset, firstRow }: Page): {
  readonly offset: number;
  readonly [detail: string]: string | number;
} {
  return { offset: chunk.range.offset, section: sectionName(section), family, column, pageOffset: offset, firstRow };
}

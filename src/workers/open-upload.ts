import { StoreError } from '#src/domain/errors.ts';
import type { Steps } from '#src/domain/model/steps.ts';
import { convertSpeedscope } from '#src/domain/text-profiles/convert-speedscope.ts';
import { convertGroups, convertLines, convertTree, convertTrie } from '#src/domain/text-profiles/convert-text.ts';
import type { ConversionBounds, Converter, Upload, UploadFormat } from '#src/domain/upload/upload.ts';
import { type OpenedMessage, packed } from './open-message.ts';

export type OpenUploadTask = { readonly upload: Upload; readonly bounds: ConversionBounds };

/** undefined: not implemented. */
const CONVERTERS: Record<UploadFormat, Converter | undefined> = {
  groups: convertGroups,
  lines: convertLines,
  trie: convertTrie,
  tree: convertTree,
  speedscope: convertSpeedscope,
  jfr: undefined,
};

/**
 * A pool task: converts an upload to plain pprofs.
 *
 * @throws StoreError 'invalid-argument', 'unimplemented'
 */
export function* openUpload({ upload, bounds }: OpenUploadTask): Steps<OpenedMessage> {
  const convert = CONVERTERS[upload.format];
  if (convert === undefined) {
    throw new StoreError('unimplemented', `bodies in format "${upload.format}" are not implemented`);
  }
  return packed(yield* convert(upload, bounds), bounds.limits);
}

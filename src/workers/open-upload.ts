import { StoreError } from '#src/domain/errors.ts';
import type { Steps } from '#src/domain/model/steps.ts';
import type { ConversionBounds, Converter, Upload, UploadFormat } from '#src/domain/upload/upload.ts';
import { type OpenedMessage, packed } from './open-message.ts';

export type OpenUploadTask = { readonly upload: Upload; readonly bounds: ConversionBounds };

/** undefined: not implemented. */
const CONVERTERS: Record<UploadFormat, Converter | undefined> = {
  groups: undefined,
  lines: undefined,
  trie: undefined,
  tree: undefined,
  speedscope: undefined,
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

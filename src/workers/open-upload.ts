import { convertJfr } from '#src/domain/jfr/convert-jfr.ts';
import type { HashSecret } from '#src/domain/jfr/word-table.ts';
import type { Steps } from '#src/domain/model/steps.ts';
import { convertSpeedscope } from '#src/domain/text-profiles/convert-speedscope.ts';
import { convertGroups, convertLines, convertTree, convertTrie } from '#src/domain/text-profiles/convert-text.ts';
import type { ConversionBounds, Converter, Upload, UploadFormat } from '#src/domain/upload/upload.ts';
import { type OpenedMessage, packed } from './open-message.ts';

export type OpenUploadTask = { readonly upload: Upload; readonly bounds: ConversionBounds };

/**
 * A pool task: converts an upload to plain pprofs.
 *
 * @throws StoreError 'invalid-argument'
 */
export function* openUpload({ upload, bounds }: OpenUploadTask, secret: HashSecret): Steps<OpenedMessage> {
  return yield* packed(yield* convertersOf(secret)[upload.format](upload, bounds), bounds.limits);
}

function convertersOf(secret: HashSecret): Record<UploadFormat, Converter> {
  return {
    groups: convertGroups,
    lines: convertLines,
    trie: convertTrie,
    tree: convertTree,
    speedscope: convertSpeedscope,
    jfr: (upload, bounds) => convertJfr(upload, bounds, secret),
  };
}

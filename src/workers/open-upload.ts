import { convertJfr, TABLE_BYTES_MAX } from '#src/domain/jfr/convert-jfr.ts';
import type { HashSecret } from '#src/domain/model/hash-secret.ts';
import type { Steps } from '#src/domain/model/steps.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import { profileTooLarge } from '#src/domain/pprof/profile-errors.ts';
import { convertSpeedscope } from '#src/domain/text-profiles/convert-speedscope.ts';
import { convertGroups, convertLines, convertTree, convertTrie } from '#src/domain/text-profiles/convert-text.ts';
import type { ConversionBounds, Converter, Upload, UploadFormat } from '#src/domain/upload/upload.ts';
import { inflateInSteps } from './inflate-steps.ts';
import { type OpenedMessage, packed } from './open-message.ts';
import { type Opening, shareOfTask, TASK_NAME } from './opening.ts';
import { discard } from './transfer.ts';

export type OpenUploadTask = { readonly upload: Upload; readonly bounds: ConversionBounds };

/**
 * A pool task: converts an upload to plain pprofs. What is inflated of it, and its profiles, may each take a share of the
 * memory of a task; as it came it may take all of that, because it was counted when it came.
 *
 * @throws StoreError 'invalid-argument'
 */
export function* openUpload(
  { upload, bounds }: OpenUploadTask,
  secret: HashSecret,
  opening: Opening,
): Steps<OpenedMessage> {
  const { taskBytesMax } = opening;
  if (upload.body.length > taskBytesMax) throw profileTooLarge(taskBytesMax, upload.body.length, TASK_NAME);
  const { bytes, name } = shareOfTask(bounds.maxBytes, opening);
  const convert = convertersOf(opening)[upload.format];
  const profiles = yield* convert(upload, { ...bounds, maxBytes: bytes, maxBytesName: name, secret });
  return yield* packed(profiles, bounds.limits, discard);
}

/** The tables of a recording may take half of the memory of a task. */
export function tableBytesWithin(taskBytesMax: Bytes): Bytes {
  return Math.min(TABLE_BYTES_MAX, Math.max(TABLE_BYTES_MIN, Math.floor(taskBytesMax / 2)));
}

/** Empty ones take some hundred kilobytes. */
const TABLE_BYTES_MIN: Bytes = 1 << 20;

function convertersOf({ inflater, taskBytesMax }: Opening): Record<UploadFormat, Converter> {
  return {
    groups: convertGroups,
    lines: convertLines,
    trie: convertTrie,
    tree: convertTree,
    speedscope: convertSpeedscope,
    jfr: (upload, means) =>
      convertJfr(upload, means, {
        inflate: (body, maxBytes) => inflateInSteps(body, maxBytes, inflater),
        tableBytesMax: tableBytesWithin(taskBytesMax),
      }),
  };
}

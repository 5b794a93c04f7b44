import { gunzipSync } from 'node:zlib';
import { profileTooLarge } from '#src/domain/pprof/profile-errors.ts';
import { type ConversionBounds, undecodableUpload } from '#src/domain/upload/upload.ts';

/**
 * The file of a form: inflated when it is gzip, by its first two bytes, as it is otherwise. Only what is inflated is
 * held against the limit for profiles, because a plain file has the size that it has.
 *
 * @param name  of the part
 * @throws StoreError 'invalid-argument' when it is too short, cut off, corrupt, or inflates beyond the limit
 */
export function inflateFile(name: string, file: Uint8Array, { maxBytes, limits }: ConversionBounds): Uint8Array {
  if (file.length < 2) throw undecodableUpload('jfr', `the part "${name}" has ${file.length} bytes`);
  if (file[0] !== 0x1f || file[1] !== 0x8b) return file;
  const limited = limits.maxProfileSizeBytes > 0 && limits.maxProfileSizeBytes < maxBytes;
  const limitBytes = limited ? limits.maxProfileSizeBytes : maxBytes;
  try {
    return gunzipSync(file, { maxOutputLength: limitBytes });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ERR_BUFFER_TOO_LARGE') {
      throw profileTooLarge(limitBytes, undefined, limited ? undefined : 'ingestion_body_limit_mb');
    }
    if (code === 'Z_BUF_ERROR') throw undecodableUpload('jfr', `the gzip data of the part "${name}" is cut off`);
    if (code === 'Z_DATA_ERROR' || code === 'Z_NEED_DICT') {
      throw undecodableUpload('jfr', `the gzip data of the part "${name}" is corrupt`);
    }
    throw error;
  }
}

import type { Label } from '#src/domain/model/labels.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import { tooManyVersionBytes } from '#src/domain/pprof/profile-errors.ts';

/** Where the source of a service is, as its labels say. */
export type VersionInfo = { readonly repository: string; readonly gitRef: string; readonly rootPath: string };

/** @returns undefined when no label says anything */
export function versionInfoOf(labels: readonly Label[]): VersionInfo | undefined {
  const textOf = (name: string): string => labels.find((label) => label.name === name)?.value ?? '';
  const repository = textOf('service_repository');
  const gitRef = textOf('service_git_ref');
  const rootPath = textOf('service_root_path');
  return repository === '' && gitRef === '' && rootPath === '' ? undefined : { repository, gitRef, rootPath };
}

/**
 * Bytes that the version takes in all build ids of one profile, beside these themselves.
 *
 * The labels of a version may have 6 KiB, and a mapping with a build id of its own takes ten bytes of a pprof. A program
 * with a thousand shared libraries needs half a megabyte.
 */
export const buildIdVersionBytesMax: Bytes = 16 << 20;

/**
 * Makes the build ids that are stored instead of those of a profile: compact JSON, which clients parse again to find the
 * source of a function. Keys in this order, and only those with a value.
 *
 *     {"repository":"https://git.example/shop","git_ref":"v1","build_id":"deadbeef","root_path":"src"}
 *
 * A location without a mapping needs one to carry it: with no build id and everything else zero.
 *
 * @returns a function that throws StoreError 'invalid-argument' when the version takes more than `buildIdVersionBytesMax`
 *          in those that it made. Whoever asks for each once is never refused for having many mappings
 */
export function buildIdVersioner(version: VersionInfo): (buildId: string) => string {
  const { repository, gitRef, rootPath } = version;
  const before = [field('repository', repository), field('git_ref', gitRef)];
  const after = field('root_path', rootPath);
  const object = (buildId: string): string => `{${[...before, buildId, after].filter((text) => text !== '').join()}}`;
  const plain = object('');
  const [head, tail] = object('"build_id":\n').split('\n') as [string, string]; // No JSON has a line break in a text.
  const plainBytes = Buffer.byteLength(plain);
  const aroundBytes = Buffer.byteLength(head) + Buffer.byteLength(tail);
  let bytes: Bytes = 0;
  return (buildId) => {
    bytes += buildId === '' ? plainBytes : aroundBytes;
    if (bytes > buildIdVersionBytesMax) throw tooManyVersionBytes(buildIdVersionBytesMax, bytes);
    return buildId === '' ? plain : head + jsonText(buildId) + tail;
  };
}

/** One alone. */
export function versionedBuildId(version: VersionInfo, buildId: string): string {
  return buildIdVersioner(version)(buildId);
}

function field(name: string, value: string): string {
  return value === '' ? '' : `"${name}":${jsonText(value)}`;
}

function jsonText(text: string): string {
  return JSON.stringify(text).replace(
    ESCAPED_BY_GO,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

// Go writes these as escapes, for the sake of JSON within HTML. The bytes are visible in pprof answers.
const ESCAPED_BY_GO = /[<>&\u2028\u2029]/g;

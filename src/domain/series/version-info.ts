import type { Label } from '#src/domain/model/labels.ts';

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
 * The build id that is stored instead of `buildId`: compact JSON, which clients parse again to find the source of a
 * function. Keys in this order, and only those with a value.
 *
 * A location without a mapping needs one to carry it: with no build id and everything else zero.
 */
export function versionedBuildId(version: VersionInfo, buildId: string): string {
  const entries = Object.entries({
    repository: version.repository,
    git_ref: version.gitRef,
    build_id: buildId,
    root_path: version.rootPath,
  });
  const text = JSON.stringify(Object.fromEntries(entries.filter(([, value]) => value !== '')));
  return text.replace(ESCAPED_BY_GO, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

// Go writes these as escapes, for the sake of JSON within HTML. The bytes are visible in pprof answers.
const ESCAPED_BY_GO = /[<>&\u2028\u2029]/g;

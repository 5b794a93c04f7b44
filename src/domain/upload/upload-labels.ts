import { type Label, LabelName } from '#src/domain/model/labels.ts';

/** A tag that marks the profile of a span. Such uploads are accepted and dropped: they would count twice. */
const SPAN_TAG = 'profile_id';

/** Whether an upload is to be dropped. */
export function isSpanUpload(tags: readonly Label[]): boolean {
  return tags.some(({ name }) => name === SPAN_TAG);
}

/**
 * The labels of a profile: those of its name, and what the request says besides. A service that the tags name wins, and
 * the application is kept as `app_name` then, unless the tags have one as well.
 *
 * @param tags    no name twice
 * @param extra   replaces a tag of the same name, unless it says nothing
 * @source the write-path reference, "/ingest: folded text"
 */
export function uploadLabels(
  upload: { readonly tags: readonly Label[]; readonly spyName: string },
  profileName: string,
  service: string,
  extra?: Label,
): Label[] {
  const more = extra === undefined || extra.value === '' ? [] : [extra];
  const tags = upload.tags.filter((tag) => more.every(({ name }) => name !== tag.name));
  const has = (name: string): boolean => tags.some((tag) => tag.name === name);
  const labels: Label[] = [
    { name: LabelName.name, value: profileName },
    { name: '__delta__', value: 'false' },
    { name: LabelName.spy, value: upload.spyName },
    ...tags,
    ...more,
  ];
  if (!has(LabelName.serviceName)) labels.push({ name: LabelName.serviceName, value: service });
  else if (!has(APP_NAME)) labels.push({ name: APP_NAME, value: service });
  return labels;
}

const APP_NAME = 'app_name';

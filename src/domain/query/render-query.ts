import { StoreError } from '#src/domain/errors.ts';
import { LabelName } from '#src/domain/model/labels.ts';
import { type ProfileType, parseProfileType } from '#src/domain/model/profile-type.ts';
import type { Matcher } from '#src/domain/series/matcher.ts';
import { parseSelector } from '#src/domain/series/selector.ts';

export type RenderQuery = {
  readonly profileType: ProfileType;
  /** The conditions on labels, `__name__` not among them. */
  readonly matchers: readonly Matcher[];
  /** The same as text, `{}` when there are none. */
  readonly labelSelector: string;
};

/**
 * Reads the query of `/pyroscope/render`: a selector whose name is the profile type.
 *
 *     process_cpu:cpu:nanoseconds:cpu:nanoseconds{service_name="shop"}
 *     {__name__="process_cpu:cpu:nanoseconds:cpu:nanoseconds", service_name="shop"}
 *
 * Whatever operator stands after `__name__`, its value is the profile type.
 *
 * @throws StoreError 'invalid-argument' when it is missing, does not parse or names no profile type
 */
export function parseRenderQuery(query: string): RenderQuery {
  if (query === '') throw new StoreError('invalid-argument', '"query" is required');
  const all = parseSelector(query);
  const name = all.find((matcher) => matcher.name === LabelName.name);
  if (!name) throw new StoreError('invalid-argument', 'the query must begin with a profile type');
  return {
    profileType: requireProfileType(name.value),
    matchers: all.filter((matcher) => matcher !== name),
    labelSelector: selectorText(all.filter((matcher) => matcher !== name)),
  };
}

/** @throws StoreError 'invalid-argument' when the text has not five parts, or six */
export function requireProfileType(text: string): ProfileType {
  const profileType = parseProfileType(text);
  if (profileType) return profileType;
  const form = '<name>:<sample type>:<sample unit>:<period type>:<period unit>';
  throw new StoreError('invalid-argument', `the profile type must have the form ${form}`);
}

/** The text of a selector, which parseSelector reads back. */
export function selectorText(matchers: readonly Matcher[]): string {
  const conditions = matchers.map(({ name, operator, value }) => {
    const plain = /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name);
    return `${plain ? name : quoted(name)}${operator}${quoted(value)}`;
  });
  return `{${conditions.join(',')}}`;
}

/** JSON has a subset of the escapes that selectors have, except that it writes no character as `\'`, which is optional. */
function quoted(text: string): string {
  return JSON.stringify(text);
}

import { createHash } from 'node:crypto';
import { StoreError } from '#src/domain/errors.ts';
import type { Label } from '#src/domain/model/labels.ts';

/**
 * A Prometheus relabeling rule, as an operator writes it. Expressions match whole texts, and a dot matches a newline.
 *
 * @source Prometheus, "relabel_config"
 */
export type RelabelRule = {
  readonly action?: RelabelAction;
  readonly sourceLabels?: readonly string[];
  /** Default `;`. */
  readonly separator?: string;
  /** Default `(.*)`. */
  readonly regex?: string;
  readonly modulus?: number;
  readonly targetLabel?: string;
  /** Default `$1`. */
  readonly replacement?: string;
};

export type RelabelAction =
  | 'replace'
  | 'keep'
  | 'drop'
  | 'keepequal'
  | 'dropequal'
  | 'hashmod'
  | 'labelmap'
  | 'labeldrop'
  | 'labelkeep'
  | 'lowercase'
  | 'uppercase';

/** A rule that is ready to run. */
export type CompiledRelabelRule = {
  readonly action: RelabelAction;
  readonly sourceLabels: readonly string[];
  readonly separator: string;
  readonly regex: RegExp;
  readonly modulus: bigint;
  readonly targetLabel: string;
  readonly replacement: string;
};

/** @throws StoreError 'invalid-argument' when the expression cannot be read, or the action lacks what it needs */
export function compileRelabelRule(rule: RelabelRule): CompiledRelabelRule {
  const { action = 'replace', sourceLabels = [], separator = ';', targetLabel = '', replacement = '$1' } = rule;
  const modulus = rule.modulus ?? 0;
  if (TARGETING.has(action) && targetLabel === '') {
    throw new StoreError('invalid-argument', `relabel rule: the action ${action} needs a target label`);
  }
  if (action === 'hashmod' && (!Number.isSafeInteger(modulus) || modulus < 1)) {
    throw new StoreError('invalid-argument', `relabel rule: hashmod needs a modulus of at least 1, not ${modulus}`);
  }
  const regex = wholeTextRegex(rule.regex ?? '(.*)');
  return { action, sourceLabels, separator, regex, modulus: BigInt(modulus), targetLabel, replacement };
}

const TARGETING: ReadonlySet<RelabelAction> = new Set([
  'replace',
  'keepequal',
  'dropequal',
  'hashmod',
  'lowercase',
  'uppercase',
]);

/** Expressions are RE2's. What it writes differently from JavaScript is rewritten: leading flags and named groups. */
function wholeTextRegex(text: string): RegExp {
  const flags = /^\(\?([ims]+)\)/.exec(text);
  const body = text.slice(flags?.[0].length ?? 0).replaceAll('(?P<', '(?<');
  const extra = (flags?.[1] ?? '').replaceAll('s', '');
  try {
    return new RegExp(`^(?:${body})$`, [...new Set(`su${extra}`)].join(''));
  } catch (cause) {
    throw new StoreError('invalid-argument', `relabel rule: cannot read the expression ${text}`, {}, { cause });
  }
}

/**
 * Applies rules in order.
 *
 * @param labels  in any order; duplicates stay unless a rule sets their name
 * @returns       the labels that are left, in any order, or undefined when a rule dropped the set
 */
export function relabel(labels: readonly Label[], rules: readonly CompiledRelabelRule[]): readonly Label[] | undefined {
  let current: readonly Label[] | undefined = labels;
  for (const rule of rules) {
    current = applyRule(current, rule);
    if (current === undefined) return undefined;
  }
  return current;
}

function applyRule(labels: readonly Label[], rule: CompiledRelabelRule): readonly Label[] | undefined {
  const source = rule.sourceLabels.map((name) => labelValue(labels, name)).join(rule.separator);
  switch (rule.action) {
    case 'replace':
      return replaced(labels, rule, source);
    case 'keep':
      return rule.regex.test(source) ? labels : undefined;
    case 'drop':
      return rule.regex.test(source) ? undefined : labels;
    case 'keepequal':
      return labelValue(labels, rule.targetLabel) === source ? labels : undefined;
    case 'dropequal':
      return labelValue(labels, rule.targetLabel) === source ? undefined : labels;
    case 'hashmod':
      return withLabel(labels, rule.targetLabel, String(hashOf(source) % rule.modulus));
    case 'labelmap':
      return mapped(labels, rule);
    case 'labeldrop':
      return labels.filter(({ name }) => !rule.regex.test(name));
    case 'labelkeep':
      return labels.filter(({ name }) => rule.regex.test(name));
    case 'lowercase':
      return withLabel(labels, rule.targetLabel, source.toLowerCase());
    case 'uppercase':
      return withLabel(labels, rule.targetLabel, source.toUpperCase());
  }
}

function replaced(labels: readonly Label[], rule: CompiledRelabelRule, source: string): readonly Label[] {
  const match = rule.regex.exec(source);
  if (match === null) return labels;
  const target = expand(rule.targetLabel, match);
  if (target === '') return labels;
  return withLabel(labels, target, expand(rule.replacement, match));
}

/** Looks at the names as they were: what one label became is not mapped again. */
function mapped(labels: readonly Label[], rule: CompiledRelabelRule): readonly Label[] {
  let result = labels;
  for (const { name, value } of labels) {
    const match = rule.regex.exec(name);
    const target = match === null ? '' : expand(rule.replacement, match);
    if (target !== '') result = withLabel(result, target, value);
  }
  return result;
}

/** Sets a label. An empty value removes it. */
function withLabel(labels: readonly Label[], name: string, value: string): readonly Label[] {
  const others = labels.filter((label) => label.name !== name);
  return value === '' ? others : [...others, { name, value }];
}

function labelValue(labels: readonly Label[], name: string): string {
  return labels.find((label) => label.name === name)?.value ?? '';
}

/** The last 8 bytes of the MD5, as a big-endian number. */
function hashOf(text: string): bigint {
  return createHash('md5').update(text).digest().readBigUInt64BE(8);
}

/**
 * Puts the groups of a match into a template. A name is as long as it can be: `$1_x` is the group *named* `1_x`, which
 * is empty where there is none, as in Go. `$$` is a dollar.
 */
function expand(template: string, match: RegExpExecArray): string {
  return template.replace(/\$(?:\$|([0-9A-Za-z_]+)|\{([0-9A-Za-z_]+)\})/g, (all, bare?: string, braced?: string) => {
    if (all === '$$') return '$';
    const name = bare ?? braced ?? '';
    const group = /^[0-9]+$/.test(name) ? match[Number(name)] : match.groups?.[name];
    return group ?? '';
  });
}

/**
 * What becomes of attributes: `host.name=host` renames one, `process.pid=` leaves it out, and a `*` at the end stands for
 * whatever a name goes on with: `k8s.*=k8s_*`, `process.*=`, `*=`.
 */
export type AttributeRule = {
  /** The name of an attribute, or what it begins with. */
  readonly attribute: string;
  readonly isPrefix: boolean;
  /** The name of the label, or what stands in place of the prefix; undefined: no label. */
  readonly label: string | undefined;
};

/** Each attribute is held against each rule until one matches. */
export const ATTRIBUTE_RULES_MAX = 100;

/** @returns the rules, in order, or what is wrong with the text */
export function parseAttributeRules(text: string): readonly AttributeRule[] | { readonly problem: string } {
  const rules: AttributeRule[] = [];
  for (const part of text.split(',').map((one) => one.trim())) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const attribute = part.slice(0, equals).trim();
    const label = part.slice(equals + 1).trim();
    if (equals < 0 || attribute === '') return { problem: `${JSON.stringify(part)} is not attribute=label` };
    const isPrefix = attribute.endsWith('*');
    if (label !== '' && label.endsWith('*') !== isPrefix) {
      return { problem: `${JSON.stringify(part)} has a * on one side only` };
    }
    const stem = (side: string): string => (isPrefix ? side.slice(0, -1) : side);
    if (
      rules.push({ attribute: stem(attribute), isPrefix, label: label === '' ? undefined : stem(label) }) >
      ATTRIBUTE_RULES_MAX
    ) {
      return { problem: `there are more than ${ATTRIBUTE_RULES_MAX} rules` };
    }
  }
  return rules;
}

/** As an operator would write them. */
export function attributeRulesText(rules: readonly AttributeRule[]): string {
  return rules
    .map(({ attribute, isPrefix, label }) => {
      const star = isPrefix ? '*' : '';
      return `${attribute}${star}=${label === undefined ? '' : label + star}`;
    })
    .join(',');
}

/** The label that an attribute becomes, by the first rule that matches; its own name without one. undefined: none. */
export function labelNameOf(attribute: string, rules: readonly AttributeRule[]): string | undefined {
  for (const rule of rules) {
    if (rule.isPrefix ? attribute.startsWith(rule.attribute) : attribute === rule.attribute) {
      if (rule.label === undefined || !rule.isPrefix) return rule.label;
      return rule.label + attribute.slice(rule.attribute.length);
    }
  }
  return attribute;
}

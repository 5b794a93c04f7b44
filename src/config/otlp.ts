import { type AttributeRule, attributeRulesText, parseAttributeRules } from '#src/domain/otlp/attribute-rules.ts';
import type { Kind } from './kinds.ts';
import type { Section } from './section.ts';

export type OtlpConfig = {
  /** What becomes of attributes of resources, scopes, profiles and samples; the first rule that matches decides. */
  readonly attributeRules: readonly AttributeRule[];
};

const rules: Kind<readonly AttributeRule[]> = {
  placeholder: '<attribute=label,...>',
  read: (text) => {
    const value = parseAttributeRules(text);
    return 'problem' in value ? value : { value };
  },
  show: attributeRulesText,
};

export const otlpSection: Section<OtlpConfig> = {
  title: 'OTLP',
  defaults: { attributeRules: [] },
  knobs: {
    attributeRules: {
      flag: 'otlp.attribute-labels',
      kind: rules,
      meaning: 'Renames attributes (a.b=c, a.*=c_*), drops them (a.b=, *=); the first match counts.',
      defaultNote: 'none',
    },
  },
};

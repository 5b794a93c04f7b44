import { deepEqual, equal, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  ATTRIBUTE_RULES_MAX,
  type AttributeRule,
  attributeRulesText,
  labelNameOf,
  parseAttributeRules,
} from '#src/domain/otlp/attribute-rules.ts';

function rulesOf(text: string): readonly AttributeRule[] {
  const rules = parseAttributeRules(text);
  ok(!('problem' in rules));
  return rules;
}

describe('attribute rules', () => {
  const rules = rulesOf('host.name=host, process.pid=, k8s.pod.*=pod_*, k8s.*=');

  for (const [attribute, label] of [
    ['host.name', 'host'],
    ['host.names', 'host.names'],
    ['process.pid', undefined],
    ['k8s.pod.uid', 'pod_uid'],
    ['k8s.node', undefined],
    ['other', 'other'],
  ] as const) {
    test(`make ${label ?? 'nothing'} of ${attribute}`, () => equal(labelNameOf(attribute, rules), label));
  }

  test('are tried in order', () => {
    equal(labelNameOf('a', rulesOf('a=b,a=c,*=')), 'b');
    equal(labelNameOf('z', rulesOf('a=b,*=')), undefined);
    equal(labelNameOf('z', rulesOf('*=otel_*')), 'otel_z');
  });

  test('are written as they are read', () => {
    const text = 'host.name=host,process.pid=,k8s.pod.*=pod_*,*=';
    equal(attributeRulesText(rulesOf(text)), text);
    deepEqual(rulesOf(''), []);
  });

  for (const [text, problem] of [
    ['host', /"host" is not attribute=label/],
    ['=x', /"=x" is not/],
    ['a.*=b', /one side only/],
    ['a=b*', /one side only/],
    [new Array(ATTRIBUTE_RULES_MAX + 1).fill('a=b').join(), /more than 100 rules/],
  ] as const) {
    test(`refuse ${text.slice(0, 10)}`, () => {
      const rules = parseAttributeRules(text);
      ok('problem' in rules && problem.test(rules.problem));
    });
  }
});

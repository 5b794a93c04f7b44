import { deepEqual, equal, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseRenderQuery, selectorText } from '#src/domain/query/render-query.ts';
import { parseSelector } from '#src/domain/series/selector.ts';

describe('parseRenderQuery', () => {
  for (const [query, id, labelSelector] of [
    ['process_cpu:cpu:nanoseconds:cpu:nanoseconds', 'process_cpu:cpu:nanoseconds:cpu:nanoseconds', '{}'],
    ['a:b:c:d:e{}', 'a:b:c:d:e', '{}'],
    ['a:b:c:d:e:delta{x="1",y=~"2.*"}', 'a:b:c:d:e', '{x="1",y=~"2.*"}'],
    ['memory:alloc_in_new_tlab_bytes:bytes::', 'memory:alloc_in_new_tlab_bytes:bytes::', '{}'],
    ['{__name__="a:b c:d:e:f",x!="1"}', 'a:b c:d:e:f', '{x!="1"}'],
    ['{__name__!="a:b:c:d:e"}', 'a:b:c:d:e', '{}'],
  ] as const) {
    test(`reads ${query}`, () => {
      const read = parseRenderQuery(query);
      equal(read.profileType.id, id);
      equal(read.labelSelector, labelSelector);
    });
  }

  for (const query of ['', '{}', '{service_name="s"}', 'a:b{}', 'process_cpu{}', 'a:b:c:d:e{', 'a:b:c:d:e:f:g']) {
    test(`refuses ${JSON.stringify(query)}`, () => {
      throws(() => parseRenderQuery(query), { code: 'invalid-argument' });
    });
  }
});

test('selectorText is read back as it was', () => {
  const matchers = [
    { name: 'my label', operator: '=', value: 'a"b\\c\n\u0001é😀' },
    { name: 'b', operator: '!~', value: '' },
  ] as const;
  deepEqual(parseSelector(selectorText(matchers)), matchers);
});

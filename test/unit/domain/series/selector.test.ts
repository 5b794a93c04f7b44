import { deepEqual, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseSelector } from '#src/domain/series/selector.ts';

const one = (name: string, operator: string, value: string) => [{ name, operator, value }];

describe('parseSelector', () => {
  for (const [text, expected] of [
    ['{}', []],
    [' { } ', []],
    ['{env="prod"}', one('env', '=', 'prod')],
    ['{env!="prod"}', one('env', '!=', 'prod')],
    ['{env=~"a|b"}', one('env', '=~', 'a|b')],
    ['{env!~"a|b"}', one('env', '!~', 'a|b')],
    ['{env="prod",}', one('env', '=', 'prod')],
    ["{env='it\"s'}", one('env', '=', 'it"s')],
    ['{env=`a\\n`}', one('env', '=', 'a\\n')],
    ['{ env = "a" , # why\n }', one('env', '=', 'a')],
    ['{"service.name"="x"}', one('service.name', '=', 'x')],
    ['{"my label" != "x"}', one('my label', '!=', 'x')],
    ['{"memory"}', one('__name__', '=', 'memory')],
    ['process_cpu', one('__name__', '=', 'process_cpu')],
    ['process_cpu:cpu:ns:cpu:ns{}', one('__name__', '=', 'process_cpu:cpu:ns:cpu:ns')],
    ['memory:alloc:bytes::', one('__name__', '=', 'memory:alloc:bytes::')],
    ['{env="\\x70rod"}', one('env', '=', 'prod')],
    ['{env="\\xc3\\xa9\\u00e9\\U0001F600\\351"}', undefined],
    ['{env="\\xc3\\xa9\\u00e9\\U0001F600"}', one('env', '=', 'éé😀')],
    ['{env="\\a\\b\\f\\n\\r\\t\\v\\\\\\"\\101"}', one('env', '=', '\x07\b\f\n\r\t\v\\"A')],
    ['{env=""}', one('env', '=', '')],
  ] as const) {
    if (expected) test(`reads ${text}`, () => deepEqual(parseSelector(text), expected));
    else test(`refuses ${text}, which is not UTF-8`, () => throws(() => parseSelector(text), /valid UTF-8/));
  }

  test('puts the name first and keeps the order of the rest', () => {
    deepEqual(parseSelector('a{b="1",a="2"}'), [
      ...one('__name__', '=', 'a'),
      ...one('b', '=', '1'),
      ...one('a', '=', '2'),
    ]);
  });

  for (const [text, message] of [
    ['', /expected "\{" or a metric name at character 1, found the end/],
    ['{', /expected a label name or "}" at character 2, found the end/],
    ['{env}', /expected one of = != =~ !~ at character 5, found "}"/],
    ['{env="a"', /expected "," or "}" at character 9, found the end/],
    ['{env==1}', /expected a quoted value at character 6, found "="/],
    ['{env="a"} offset 5m', /expected the end of the selector at character 11, found "o"/],
    ['{env="a"}[5m]', /expected the end of the selector at character 10/],
    ['sum({env="a"})', /expected the end of the selector at character 4, found "\("/],
    ['{=""}', /expected a label name or "}" at character 2, found "="/],
    ['{""="x"}', /a label name that is not empty/],
    ['{env="a" env="b"}', /expected "," or "}" at character 10, found "e"/],
    ['{,}', /expected a label name or "}"/],
    ['{a:b="c"}', /expected one of/],
    ['{env="a}', /expected a closing "/],
    ['{env="a\n"}', /expected a closing "/],
    ['{env=`a}', /expected a closing `/],
    ['{env="\\q"}', /expected an escape/],
    ['{env="\\\'"}', /expected an escape/],
    ['{env="\\x7"}', /2 digits to the base 16/],
    ['{env="\\19"}', /3 digits to the base 8/],
    ['{env="\\400"}', /up to \\377/],
    ['{env="\\ud800"}', /a Unicode character/],
    ['{env="\\', /expected an escape/],
  ] as const) {
    test(`refuses ${JSON.stringify(text)}`, () => {
      throws(() => parseSelector(text), { code: 'invalid-argument', message });
    });
  }
});

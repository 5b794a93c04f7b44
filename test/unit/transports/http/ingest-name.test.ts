import { deepEqual, equal, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseIngestName } from '#src/transports/http/ingest-name.ts';

describe('parseIngestName', () => {
  for (const [text, app, tags] of [
    ['app', 'app', ''],
    ['a.cpu{k = v w , k2=}', 'a.cpu', 'k=v w'],
    ['b.cpu{k=v', 'b.cpu', ''],
    ['b.cpu{j=u,k=v', 'b.cpu', 'j=u'],
    ['c.cpu{k=v}tail', 'c.cpu', 'k=v'],
    ['d.cpu{}', 'd.cpu', ''],
    ['d.cpu{', 'd.cpu', ''],
    ['e/f-g_h.cpu{k.l=x}', 'e/f-g_h.cpu', 'k.l=x'],
    ['f.cpu{service_name=svc}', 'f.cpu', 'service_name=svc'],
    ['h.cpu{__x__=y,__session_id__=00000000000000ff}', 'h.cpu', '__session_id__=00000000000000ff'],
    ['i.cpu{__name__=j.cpu}', 'j.cpu', ''],
    ['k.cpu{a=1,a=2}', 'k.cpu', 'a=2'],
    [' l.cpu {z=1}', 'l.cpu', 'z=1'],
    ['n.cpu{q="quoted"}', 'n.cpu', 'q="quoted"'],
    ['x.cpu{a=b,c}', 'x.cpu', 'a=b'],
    ['x.cpu{a=b=c}', 'x.cpu', 'a=b=c'],
    ['x.cpu{a=1}b=2}', 'x.cpu', 'a=1,b=2'],
    ['x.cpu{a=1}b=2,c=3}}d=4}', 'x.cpu', 'a=1,b=2,c=3'],
    ['x.cpu{a=1}b=2', 'x.cpu', 'a=1'],
    ['x.cpu{}a=1}', 'x.cpu', ''],
    ['x.cpu{a=1,b}c=2}', 'x.cpu', 'a=1'],
    ['x.cpu{a=1,b-c=2', 'x.cpu', 'a=1'],
    ['x.cpu{=2', 'x.cpu', ''],
  ] as const) {
    test(`reads ${JSON.stringify(text)}`, () => {
      const name = parseIngestName(text);

      equal(name.app, app);
      equal(name.tags.map((tag) => `${tag.name}=${tag.value}`).join(), tags);
    });
  }

  for (const text of [
    '',
    ' ',
    '{a=b}',
    'bad name.cpu',
    'x.cpu{a b=c}',
    'x.cpu{=c}',
    'x!.cpu',
    'x.cpu{a,b=c}',
    'x.cpu{a=1}{b=2}',
    'x.cpu{a=1},b=2}',
    'x.cpu{a=1}=2}',
  ]) {
    test(`refuses ${JSON.stringify(text)}`, () => {
      throws(() => parseIngestName(text), { code: 'invalid-argument' });
    });
  }

  test('says which characters are valid', () => {
    throws(
      () => parseIngestName('my app'),
      /the application name has an invalid character " " at 2.*: A-Z a-z 0-9 _ . - \/$/,
    );
    throws(() => parseIngestName('app{my-tag=x}'), /the tag key has an invalid character "-" at 2.*: A-Z a-z 0-9 _ .$/);
  });

  test('takes a tag that is called like a property of every object', () => {
    deepEqual(parseIngestName('a{constructor=x,toString=y}').tags, [
      { name: 'constructor', value: 'x' },
      { name: 'toString', value: 'y' },
    ]);
  });
});

import { deepEqual, equal, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type EnvelopeBudget, type EnvelopedProfile, POOL_ENVELOPE } from '#src/domain/pprof/push-envelope.ts';
import { readPushJson } from '#src/domain/pprof/push-json.ts';
import { labelList } from '../../../fixtures/labels.ts';
import { Random } from '../../../fixtures/random.ts';

function read(text: string, budget: EnvelopeBudget = POOL_ENVELOPE): EnvelopedProfile[] | undefined {
  return readPushJson(Buffer.from(text), budget);
}

function profilesOf(text: string): string[] | undefined {
  return read(text)?.map(({ profile }) => Buffer.from(profile).toString('hex'));
}

const ofSample = (fields: string): string => `{"series":[{"samples":[{${fields}}]}]}`;

describe('readPushJson', () => {
  test('reads labels and profiles in any order, with blanks and escapes wherever they may be', () => {
    const text = ` {\t"series" : [ { "samples" : [ { "rawProfile" : "AQI=" } , {} ] , "labels" : [
      { "name":"__name__", "value":"gr\\u00f6\\u00dfe" }, {"value":"\\"\\\\\\n\\ud83d\\ude00"}, {} ] }, {},
      {"\\u0073amples":[{"raw\\u005fprofile":"Aw"}]} ]\r\n}\n`;
    const labels = [
      { name: '__name__', value: 'größe' },
      { name: '', value: '"\\\n😀' },
      { name: '', value: '' },
    ];

    const profiles = read(text)!;

    deepEqual(
      profiles.map(({ labels, profile }) => ({ labels, profile: [...profile] })),
      [
        { labels, profile: [1, 2] },
        { labels, profile: [] },
        { labels: [], profile: [3] },
      ],
    );
    equal(profiles[0]?.labels, profiles[1]?.labels);
  });

  test('takes null for absent, also beside a value, and steps over what nobody knows', () => {
    const unknown = '{"a":[1,-0.5e+7,true,false,null,"\\"]}",{},[],[{}],{"series":[]}]}';

    deepEqual(read('{"series":null}'), []);
    deepEqual(read('{}'), []);
    deepEqual(profilesOf(`{"x":${unknown},"series":[{"x":${unknown},"samples":[{"x":${unknown},"ID":null}]}]}`), ['']);
    deepEqual(profilesOf(ofSample('"rawProfile":null,"raw_profile":"AQ==","rawProfile":null')), ['01']);
    deepEqual(read('{"series":[{"labels":null,"annotations":[{"key":5}],"samples":null}]}'), []);
  });

  test('decodes base64 of every length in both alphabets, padded or not, escaped or not', () => {
    const random = new Random(1);
    for (let length = 0; length < 70; length++) {
      const bytes = Buffer.from(Uint8Array.from({ length }, () => random.int(0, 255)));
      const padded = bytes.toString('base64');
      const texts = [padded, padded.replaceAll('=', ''), padded.replaceAll('/', '\\/'), bytes.toString('base64url')];
      for (const text of texts) deepEqual(profilesOf(ofSample(`"rawProfile":"${text}"`)), [bytes.toString('hex')]);
    }
  });

  for (const text of [
    '*',
    'A',
    'AAAAA',
    'A=',
    'AA=',
    'AAA==',
    '=',
    '====',
    'A A A',
    'AA\\n',
    'AAA\\u0141',
    'ä',
    '_-+/',
    '-_\\/+',
    'AA=A',
  ]) {
    test(`refuses ${text} for base64`, () => {
      throws(() => profilesOf(ofSample(`"rawProfile":"${text}"`)), {
        code: 'invalid-argument',
        message: /rawProfile is not base64/,
      });
    });
  }

  for (const [text, message] of [
    ['', /: it is empty$/],
    [' ', /: it ends before the message$/],
    ['{"series":', /: it ends before series$/],
    ['{"series":[', /: it ends before an element of series$/],
    ['{"series":[{"labels":[{"name":', /: it ends before name$/],
    ['[]', /the message is not an object/],
    ['null', /the message is not an object/],
    ['"series"', /the message is not an object/],
    ['{"series":5}', /series is not a list/],
    ['{"series":{}}', /series is not a list/],
    ['{"series":[null]}', /an element of series is not an object/],
    ['{"series":[[]]}', /an element of series is not an object/],
    ['{"series":[{"labels":[5]}]}', /an element of labels is not an object/],
    ['{"series":[{"labels":[{"name":"a","value":1}]}]}', /value is not a text/],
    ['{"series":[{"annotations":[""]}]}', /an element of annotations is not an object/],
    ['{"series":[{"samples":[{"ID":5}]}]}', /ID is not a text/],
    ['{"series":[{"samples":[{"rawProfile":[]}]}]}', /rawProfile is not a text/],
    ['{"series":[],"series":[]}', /series is there twice/],
    [ofSample('"rawProfile":"","raw_profile":"AAAA"'), /rawProfile is there twice/],
  ] as const) {
    test(`refuses ${text}`, () => {
      throws(() => read(text), { code: 'invalid-argument', message });
    });
  }

  test('refuses what JSON.parse refuses, inside of what nobody knows too', () => {
    const parts = [
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '"\\',
      '"\\u12',
      '1',
      '-',
      '01',
      '1.',
      '.5',
      '1e',
      '1e+',
      '+1',
      'nul',
      'tru',
    ];
    const wholes = [
      '',
      ' ',
      '{} {}',
      '{}x',
      '"\u0001"',
      "'a'",
      '"\\x"',
      '"\\u00g0"',
      '[1,]',
      '{"a":1,}',
      '{a:1}',
      '[1 2]',
      '\ufeff{}',
    ];
    const random = new Random(7);
    const mixed = Array.from({ length: 5000 }, () =>
      Array.from({ length: random.int(1, 6) }, () => parts[random.int(0, parts.length - 1)]).join(''),
    );
    for (const value of [...parts, ...wholes, ...mixed]) {
      const text = `{"x":${value}}`;
      if (parses(text)) deepEqual(read(text), [], text);
      else throws(() => read(text), { code: 'invalid-argument', message: /not JSON/ }, text);
    }
    for (const text of wholes) throws(() => read(text), { code: 'invalid-argument' }, text);
    throws(() => readPushJson(Buffer.of(0x7b, 0xff, 0x7d), POOL_ENVELOPE), { code: 'invalid-argument' });
  });

  describe('bounds', () => {
    test('a message may have so many fields, elements counted, and no more', () => {
      const text = '{"series":[{"labels":[{"name":"a"}],"x":{"y":[1,2]}}]}'; // series, {}, labels, {}, name, x, y, 1, 2

      deepEqual(read(text, { fieldsMax: 9, labelBytesMax: 100, profilesMax: 9 }), []);
      equal(read(text, { fieldsMax: 8, labelBytesMax: 100, profilesMax: 9 }), undefined);
    });

    test('a message may have so many bytes of labels and no more', () => {
      const text = '{"series":[{"labels":[{"name":"ab","value":"cd"},{"name":"e"}]}]}';

      deepEqual(read(text, { fieldsMax: 100, labelBytesMax: 5, profilesMax: 9 }), []);
      equal(read(text, { fieldsMax: 100, labelBytesMax: 4, profilesMax: 9 }), undefined);
    });

    test('a message may have so many profiles and no more', () => {
      const text = '{"series":[{"samples":[{},{}]},{"samples":[{}]}]}';

      equal(read(text, { fieldsMax: 100, labelBytesMax: 5, profilesMax: 3 })?.length, 3);
      equal(read(text, { fieldsMax: 100, labelBytesMax: 5, profilesMax: 2 }), undefined);
    });

    test('a message may be nested 100 deep and no deeper, in what is known and in what is not', () => {
      const nested = (depth: number): string => `{"x":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`;
      const tooDeep = { code: 'invalid-argument', message: /nested deeper than 100/ };

      deepEqual(read(nested(100)), []);
      throws(() => read(nested(101)), tooDeep);
      throws(() => read('{"x":'.repeat(101)), tooDeep);
      throws(() => read(`{"series":[{"samples":[{"x":${'['.repeat(96)}`), tooDeep);
    });

    test('a message of a million parts is given up at the bound, however it is made', () => {
      const bounds = { ...POOL_ENVELOPE, fieldsMax: 10_000 };

      equal(read(`{"series":[${'{},'.repeat(2 ** 20)}`), undefined);
      for (const [start, part] of [
        ['{"series":[', '{},'],
        ['{"x":[', '1,'],
        ['{', '"a":1,'],
        ['{"series":[{"labels":[', '{"name":"a","value":"b"},'],
        ['{"series":[{"samples":[', '{"rawProfile":"AA"},'],
      ] as const) {
        equal(readPushJson(Buffer.from(start + part.repeat(10_000)), bounds), undefined, part);
      }
    });
  });

  test('gives labels and profiles that equal what was written', () => {
    const labels = labelList({ __name__: 'x', größe: 'ü' });
    const text = JSON.stringify({ series: [{ labels, samples: [{ rawProfile: 'AAEC' }] }] });

    deepEqual(read(text), [{ labels, profile: Buffer.of(0, 1, 2), ingest: undefined }]);
  });
});

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

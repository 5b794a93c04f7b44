import { deepEqual, equal, match, ok, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runSteps } from '#src/domain/model/steps.ts';
import { convertOtlp } from '#src/domain/otlp/convert-otlp.ts';
import { undecodableOtlp } from '#src/domain/otlp/otlp-errors.ts';
import { JSON_VALUES_MAX, type OtlpFromJson, otlpFromJson } from '#src/domain/otlp/otlp-json.ts';
import { WireReader } from '#src/domain/protobuf/wire-reader.ts';
import { defaultProfileLimits } from '../../../fixtures/limits.ts';
import { type OtlpObject, otlpJson, otlpMessage, otlpProto } from '../../../fixtures/otlp-message.ts';

const trace = '000102030405060708090a0b0c0d0e0f';

function transcoded(json: string | Uint8Array, valuesMax = JSON_VALUES_MAX): Uint8Array {
  return read(json, valuesMax).message;
}

function read(json: string | Uint8Array, valuesMax = JSON_VALUES_MAX): OtlpFromJson {
  return runSteps(otlpFromJson(new Uint8Array(Buffer.from(json as string)), { valuesMax }));
}

function converted(message: Uint8Array) {
  return runSteps(convertOtlp(message, { rules: [], bounds: { maxBytes: 1 << 20, limits: defaultProfileLimits } }));
}

/** The message of one profile with a field set to what stands in the text, as the number that it becomes. */
function fieldOf(json: string, path: readonly number[]): bigint {
  const reader = new WireReader(transcoded(json), undecodableOtlp);
  for (const [i, field] of path.entries()) {
    while (reader.next() && reader.field !== field) reader.skip();
    if (i < path.length - 1) reader.open();
  }
  if (reader.wire === 1) reader.fixed64();
  else reader.int64();
  return (BigInt(reader.high) << 32n) | BigInt(reader.low >>> 0);
}

const period = (value: string): bigint =>
  fieldOf(`{"resourceProfiles":[{"scopeProfiles":[{"profiles":[{"period":${value}}]}]}]}`, [1, 2, 2, 6]);

const time = (value: string): bigint =>
  fieldOf(`{"resourceProfiles":[{"scopeProfiles":[{"profiles":[{"timeUnixNano":${value}}]}]}]}`, [1, 2, 2, 3]);

describe('otlpFromJson', () => {
  const message = otlpMessage(
    [
      {
        timeNanos: 1_795_353_600_000_000_000n,
        samples: [
          {
            ...{ stack: 'main;wörk "x"\n', values: [2n ** 62n, -1], timestamps: [1n, 2n ** 64n - 1n] },
            attributes: { thread: { stringValue: 'é' }, tid: { intValue: -7 }, flag: { boolValue: true } },
            link: { trace, span: '0102030405060708' },
          },
        ],
      },
      { type: 'off_cpu/nanoseconds', period: null, samples: [{ stack: '', values: [1, 2] }] },
    ],
    { 'service.name': 's', list: { arrayValue: { values: [{ stringValue: 'x' }] } }, none: { doubleValue: 1.5 } },
  );

  test('says what the binary form says', () => {
    deepEqual(converted(transcoded(otlpJson(message))), converted(otlpProto(message)));
  });

  test('takes the names of the message, nulls, and what it does not know', () => {
    const written = Buffer.from(otlpJson(message)).toString();
    const snake = written.replaceAll(
      /"([a-zA-Z]+)":/g,
      (_, name: string) => `"${name.replaceAll(/[A-Z]/g, (capital) => `_${capital.toLowerCase()}`)}":`,
    );
    const more = snake.replaceAll(
      '"samples":',
      '"schemaUrl":null,"profileId":"00","new":[{"a":[1,{}]},"x"],"samples":',
    );

    deepEqual(converted(transcoded(more)), converted(otlpProto(message)));
  });

  test('takes ids in base64, as protobuf writes them', () => {
    const base64 = (hex: string): string => Buffer.from(hex, 'hex').toString('base64');
    const json = Buffer.from(otlpJson(message))
      .toString()
      .replace(trace, base64(trace))
      .replace('0102030405060708', base64('0102030405060708'));
    deepEqual(converted(transcoded(json)), converted(otlpProto(message)));
  });

  test('takes whole numbers in every form that protobuf allows', () => {
    for (const [text, value] of [
      ['7', 7n],
      ['"7"', 7n],
      ['-7', -7n],
      ['"-9223372036854775808"', -(2n ** 63n)],
      ['9223372036854775807', 2n ** 63n - 1n],
      ['999999999999999', 999_999_999_999_999n],
      ['1e3', 1000n],
      ['5.0', 5n],
      ['1.7958e18', 1_795_800_000_000_000_000n],
      ['-9.223372036854775808E+18', -(2n ** 63n)],
      ['"9223372036854775807.000"', 2n ** 63n - 1n],
      ['900719925474099310e-1', 90_071_992_547_409_931n],
      ['0.0e5', 0n],
      ['0e99999', 0n],
      ['-0.0', 0n],
      ['"\\u0031"', 1n],
    ] as const) {
      equal(period(text), value, text);
    }
    equal(BigInt.asUintN(64, time('"18446744073709551615"')), 2n ** 64n - 1n);
  });

  for (const text of [
    '1.5',
    '15e-1',
    '1e-1',
    '1e99999999999',
    '1e-99999999999',
    '9.223372036854775808e18',
    '1.e5',
    '"x"',
    '""',
    '"1 "',
    'true',
    '9223372036854775808',
    '1e30',
    `"${'1'.repeat(200)}"`,
  ]) {
    test(`refuses ${text.slice(0, 24)} for a number`, () => {
      throws(() => period(text), { code: 'invalid-argument' });
    });
  }

  test('refuses numbers that are too large for their field', () => {
    const stack =
      (value: string): (() => Uint8Array) =>
      () =>
        transcoded(`{"dictionary":{"stackTable":[{"locationIndices":[${value}]}]}}`);
    ok(stack('2147483647')());
    for (const value of ['2147483648', '-2147483649', '4294967296']) {
      throws(stack(value), /locationIndices is no number of type int32/);
    }
    throws(() => time('-1'), /timeUnixNano is no number of type fixed64/);
  });

  for (const [json, message] of [
    ['{', /not JSON: it ends too early/],
    ['', /the message is not an object/],
    ['[]', /the message is not an object/],
    ['{"foo":1}', /only fields that are unknown/],
    ['{"dictionary":[]}', /dictionary is not an object/],
    ['{"resourceProfiles":{}}', /resourceProfiles is not a list/],
    ['{"resourceProfiles":[null]}', /an element of resourceProfiles is not an object/],
    ['{"dictionary":{"stringTable":[1]}}', /stringTable is not a text/],
    ['{"dictionary":{"stackTable":[{"locationIndices":1}]}}', /locationIndices is not a list/],
    ['{"dictionary":{},"dictionary":{}}', /dictionary is there twice/],
    ['{"dictionary":{"stackTable":[{"locationIndices":[],"locationIndices":[]}]}}', /locationIndices is there twice/],
    ['{"dictionary":{"linkTable":[{"spanId":"?"}]}}', /spanId is neither hexadecimal nor base64/],
    ['{"dictionary":{}} x', /not JSON: byte 18/],
    ['{"dictionary":{"stringTable":["\u0001"]}}', /not JSON/],
  ] as const) {
    test(`refuses ${json.slice(0, 60)}`, () => {
      throws(() => transcoded(json), { code: 'invalid-argument', message });
    });
  }

  test('takes an empty message for one, of which a dictionary is missing', () => {
    equal(transcoded('{}').length, 0);
  });

  describe('what would vanish, because all of it has an unknown name, is refused by that name', () => {
    const written = Buffer.from(otlpJson(message)).toString();
    for (const [name, as, what] of [
      ['samples', 'sample', 'an element of profiles has no samples'],
      ['profiles', 'profile', 'an element of scopeProfiles has no profiles'],
      ['scopeProfiles', 'scope_profile', 'an element of resourceProfiles has no scopeProfiles'],
      ['resourceProfiles', 'resourceSpans', 'the message has no resourceProfiles'],
    ] as const) {
      const words = `${what}, but "${as}", which is no field of OTLP 1.10 and newer`;
      const told = { code: 'invalid-argument', message: `the OTLP message cannot be decoded: ${words}` } as const;

      test(`${as} in place of ${name}`, () => {
        throws(() => transcoded(written.replaceAll(`"${name}":`, `"${as}":`)), told);
        // Wherever it stands, and though the right one is there, with nothing in it.
        for (const empty of [`"${name}":[]`, `"${name}":null`]) {
          throws(() => transcoded(written.replaceAll(`"${name}":`, `${empty},"${as}":`)), told);
          throws(() => transcoded(written.replaceAll(`"${name}":`, `"x":1,"y":[ ],"z":{ },"${as}":`)), told);
        }
        // The first of several is named.
        throws(() => transcoded(written.replaceAll(`"${name}":`, `"${as}":[1],"other":`)), told);
        throws(() => transcoded(written.replaceAll(`"${name}":`, `"${as}":{"a":null},"other":`)), told);
      });

      test(`${as} is ignored beside ${name}`, () => {
        const plain = transcoded(written);
        for (const more of ['[{}]', '[1,[2]]', '[]', '[ ]', '{"a":[1]}', '"[1]"', 'null']) {
          const { message, rejected } = read(written.replace(`"${name}":`, `"${as}":${more},"${name}":`));
          deepEqual([message, rejected.count], [plain, 0], more);
        }
      });
    }

    test('and nothing that has no such list or object', () => {
      for (const json of [
        '{"resourceProfiles":[{}],"dictionary":{}}',
        '{"resourceProfiles":[{"schemaUrl":"x","scopeProfiles":[{"scope":{"x":[1]},"schemaUrl":"x"}]}]}',
        '{"resourceProfiles":[{"resource":{"entityRefs":[{}]},"scopeProfiles":[{"profiles":[{"profileId":"00","x":[]}]}]}]}',
        '{"resourceProfiles":[{"entity":{}},{"scopeProfiles":[{"x":"[1]","y":"{1}"}]}]}',
        '{"dictionary":{"tables":[1]}}',
      ]) {
        ok(transcoded(json), json);
      }
    });

    describe('and counted, where something else has samples', () => {
      const good = { sampleType: {}, samples: [{ values: [1] }] };
      const ofProfiles = (...profiles: object[]): object => ({ scopeProfiles: [{ profiles }] });
      const onlyGood = transcoded(JSON.stringify({ resourceProfiles: [ofProfiles(good)] }));
      const SAMPLE = 'an element of profiles has no samples, but "newList"';

      for (const [what, resourceProfiles, count, words] of [
        ['a profile', [ofProfiles(good, { sampleType: {}, newList: [1] })], 1, SAMPLE],
        ['a profile before it', [ofProfiles({ samples: [], newList: { a: 1 } }, good)], 1, SAMPLE],
        ['a profile that would be rejected for its type', [ofProfiles({ newList: [1] }, good)], 1, SAMPLE],
        ['several', [ofProfiles({ newList: [1] }, good, { newList: [1] }, { other: [1] })], 3, SAMPLE],
        [
          'a scope',
          [{ scopeProfiles: [{ newList: [1] }, { profiles: [good] }] }],
          1,
          'an element of scopeProfiles has no profiles, but "newList"',
        ],
        [
          'a resource',
          [{ newList: [1], scopeProfiles: [] }, ofProfiles(good), { newList: [1] }],
          2,
          'an element of resourceProfiles has no scopeProfiles, but "newList"',
        ],
      ] as const) {
        test(what, () => {
          const { message, rejected } = read(JSON.stringify({ resourceProfiles }));
          deepEqual(message, onlyGood);
          deepEqual([rejected.count, rejected.reasons], [count, { malformed_profile: count }]);
          const told = `the OTLP profile cannot be converted: ${words}, which is no field of OTLP 1.10 and newer`;
          equal(rejected.error?.message, told);
          equal(rejected.error?.details['stage'], 'conversion');
        });
      }

      test('also one that is all that a scope has, and no more for the scope', () => {
        const lost = { newList: [1], scopeProfiles: [{ newList: [1], profiles: [{ newList: [1] }] }] };
        equal(read(JSON.stringify({ resourceProfiles: [lost, ofProfiles(good)] })).rejected.count, 1);
      });

      test('but not where profiles are there, and have no samples', () => {
        const text = JSON.stringify({
          resourceProfiles: [ofProfiles({ newList: [1] }, { samples: [] }, { other: [1] })],
        });
        throws(() => transcoded(text), {
          message: `the OTLP message cannot be decoded: ${SAMPLE}, which is no field of OTLP 1.10 and newer`,
        });
      });
    });

    test('a long name is cut', () => {
      const long = 'x'.repeat(1000);
      throws(() => transcoded(`{"${long}":[1],"dictionary":{}}`), /resourceProfiles, but "x{200}…", which/);
    });
  });

  test('is bounded in values and in depth', () => {
    throws(() => transcoded('{"a":[1,2,3],"dictionary":{}}', 4), /more than 4 values of JSON/);
    const numbers = `{"dictionary":{"stackTable":[{"locationIndices":[0${',0'.repeat(1 << 20)}]}]}}`;
    throws(() => transcoded(numbers), /more than 1048576 values of JSON in a row or a sample/);
    // What is unknown is no row, and may be longer.
    ok(transcoded(numbers.replace('stackTable', 'new')));
    const nested = `${'{"arrayValue":{"values":['.repeat(40)}{}${']}}'.repeat(40)}`;
    const attribute: OtlpObject = { dictionary: { attributeTable: [{ value: 0 }] } };
    throws(() => transcoded(JSON.stringify(attribute).replace('0', nested)), /nested deeper than 100/);
  });

  test('yields between parts of a large message', () => {
    const stringTable = Array.from({ length: 20_000 }, (_, i) => `function number ${i} of many that there are`);
    const steps = otlpFromJson(otlpJson({ dictionary: { stringTable } }));
    let count = 0;
    while (!steps.next().done) count++;
    match(String(count), /^1[0-9]$/);
  });
});

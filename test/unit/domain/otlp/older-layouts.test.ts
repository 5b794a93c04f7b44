import { deepEqual, equal, match, ok, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { runSteps } from '#src/domain/model/steps.ts';
import { type ConvertedOtlp, convertOtlp } from '#src/domain/otlp/convert-otlp.ts';
import { decodeProfile } from '#src/domain/pprof/decode.ts';
import { defaultProfileLimits } from '../../../fixtures/limits.ts';
import { otlpMessage, otlpProto, otlpProtoOf19 } from '../../../fixtures/otlp-message.ts';

function convert(...messages: readonly Uint8Array[]): ConvertedOtlp {
  const bounds = { maxBytes: 1 << 20, limits: defaultProfileLimits };
  return runSteps(convertOtlp(Buffer.concat(messages), { rules: [], bounds }));
}

const sample = { stack: 'a', values: [3] };
const well = otlpProto(otlpMessage([{ samples: [sample] }]));

/** A field in messages that are nested by these numbers. Protobuf appends it to a message that it stands behind. */
function nested(path: readonly number[], field: number, wire: number): Uint8Array {
  const writer = new BinaryWriter();
  for (const number of path) writer.tag(number, WireType.LengthDelimited).fork();
  writer.tag(field, wire);
  if (wire === WireType.Varint) writer.int64(1);
  else if (wire === WireType.Bit64) writer.fixed64(1);
  else writer.bytes(new Uint8Array(0));
  for (const _ of path) writer.join();
  return writer.finish();
}

const PROFILE = [1, 2, 2];
const SAMPLE = [...PROFILE, 2];
const ATTRIBUTE = [2, 6];
const [varint, bit64, delimited] = [WireType.Varint, WireType.Bit64, WireType.LengthDelimited];

describe('a message of an older OTLP', () => {
  const attributes = { thread: { stringValue: 'main' } };

  test('is refused by name, where a sample has an attribute', () => {
    const message = otlpMessage([{ samples: [sample] }, { samples: [sample, { ...sample, attributes }] }]);
    equal(convert(otlpProto(message)).profiles.length, 2);
    throws(() => convert(otlpProtoOf19(message)), {
      code: 'invalid-argument',
      details: {},
      message:
        'the OTLP message cannot be decoded: field 3 of a sample has wire type 2, as in OTLP 1.9 and older, which have ' +
        'another layout; Kiln takes that of OTLP 1.10 and newer',
    });
  });

  test('is told what it may be, where it has nothing that proves it', () => {
    const told = (of: object): string =>
      convert(otlpProtoOf19(otlpMessage([{ samples: [{ ...sample, ...of }] }]))).rejected.error?.message ?? '';
    const hint = /; of OTLP 1\.9 and older, those are values: Kiln takes the layout of OTLP 1\.10 and newer$/;
    match(told({ values: [0] }), /a sample has attributes, but neither values nor timestamps; of OTLP/);
    match(told({ values: [0] }), hint);
    match(told({ timestamps: [1n] }), /a sample names attribute 3, and there are 1; of OTLP/);
    match(told({ timestamps: [1n] }), hint);
  });

  test('is read as it stands, where nothing tells: a link is a value, and values are attributes', () => {
    const link = { trace: '00'.repeat(16), span: '00'.repeat(8) };
    for (const timestamps of [[], [7n]]) {
      const linked = { ...sample, values: [1], timestamps, link };
      const message = otlpMessage([{ period: null, samples: [linked, linked, { ...sample, attributes }] }]);
      const [profile] = message.resourceProfiles[0].scopeProfiles[0].profiles;
      // The second link, and the value names an attribute that is there.
      const samples = [profile.samples[1]];
      const bytes = otlpProtoOf19({ ...message, resourceProfiles: withProfile(message, { ...profile, samples }) });
      const { profiles, rejected } = convert(bytes);
      equal(rejected.count, 0);
      deepEqual(decodeProfile(profiles[0].profile).samples[0].values, [2n]);
    }
    const lost = convert(otlpProtoOf19(otlpMessage([{ samples: [{ ...sample, link }] }])));
    match(lost.rejected.error?.message ?? '', /a sample names attribute 3, and there are 1; of OTLP 1\.9 and older/);
  });

  for (const [name, path, field, wire, version] of [
    ['a sample', SAMPLE, 3, delimited, '1.9'],
    ['a sample', SAMPLE, 5, varint, '1.7'],
    ['a profile', PROFILE, 3, delimited, '1.7'],
    ['a profile', PROFILE, 4, delimited, '1.5'],
    ['a profile', PROFILE, 5, varint, '1.7'],
    ['a profile', PROFILE, 6, delimited, '1.7'],
    ['a profile', PROFILE, 7, varint, '1.7'],
    ['a profile', PROFILE, 8, delimited, '1.8'],
    ['a profile', PROFILE, 9, varint, '1.8'],
    ['a row of the attributes', ATTRIBUTE, 1, delimited, '1.7'],
  ] as const) {
    test(`is known by field ${field} of ${name}, of wire type ${wire}`, () => {
      const words = `field ${field} of ${name} has wire type ${wire}, as in OTLP ${version} and older`;
      throws(() => convert(well, nested(path, field, wire)), { message: new RegExp(words) });
    });
  }

  test('has no dictionary', () => {
    const { resourceProfiles } = otlpMessage([]);
    const told = /no dictionary; OTLP has one since 1\.7, and Kiln takes the layout of OTLP 1\.10 and newer$/;
    throws(() => convert(otlpProto({ resourceProfiles })), told);
    // However long the first resource is: 123 is a brace.
    const sizes = Array.from({ length: 127 }, (_, length) => {
      const bytes = otlpProto({ resourceProfiles: [{ schemaUrl: 'x'.repeat(length) }] });
      throws(() => convert(bytes), told, `${length}`);
      return bytes[1];
    });
    ok(sizes.includes('{'.charCodeAt(0)));
  });

  test('is not blamed for what another format lacks', () => {
    // A pprof of types and texts alone can be read as a message without a dictionary, one of an empty sample without resources.
    throws(
      () => convert(Buffer.from('0a04080110023200', 'hex')),
      /: it has no dictionary; it looks like pprof, which \/ingest takes with format=pprof$/,
    );
    throws(
      () => convert(Buffer.from('32001200', 'hex')),
      /: it has no resource profiles; it looks like pprof, which \/ingest takes with format=pprof$/,
    );
  });
});

describe('a message of OTLP 1.10', () => {
  for (const [path, field, wires] of [
    [SAMPLE, 1, [varint]],
    [SAMPLE, 2, [varint, delimited]],
    [SAMPLE, 3, [varint]],
    [SAMPLE, 4, [varint, delimited]],
    [SAMPLE, 5, [bit64, delimited]],
    [PROFILE, 1, [delimited]],
    [PROFILE, 2, [delimited]],
    [PROFILE, 3, [bit64]],
    [PROFILE, 4, [varint]],
    [PROFILE, 5, [delimited]],
    [PROFILE, 6, [varint]],
    [PROFILE, 7, [delimited]],
    [PROFILE, 8, [varint]],
    [PROFILE, 9, [delimited]],
    [PROFILE, 10, [delimited]],
    [PROFILE, 11, [varint, delimited]],
    [ATTRIBUTE, 1, [varint]],
    [ATTRIBUTE, 2, [delimited]],
    [ATTRIBUTE, 3, [varint]],
  ] as const) {
    test(`is never taken for an older one by field ${field} in ${path}`, () => {
      for (const wire of wires) equal(convert(well, nested(path, field, wire)).profiles.length, 1, `${wire}`);
    });
  }

  test('may pack each list or not', () => {
    const message = otlpMessage([
      { samples: [{ stack: 'a', values: [3], timestamps: [7n], attributes: { x: { stringValue: 'y' } } }] },
    ]);
    const [profile] = message.resourceProfiles[0].scopeProfiles[0].profiles;
    const plain = convert(otlpProto(message)).profiles;
    equal(plain.length, 1);
    for (let lists = 0; lists < 8; lists++) {
      const isPacked = (name: string): boolean =>
        (lists & (1 << ['attributeIndices', 'values', 'timestampsUnixNano'].indexOf(name))) !== 0;
      const samples = profile.samples.map((one) =>
        Object.fromEntries(Object.entries(one).map(([name, list]) => [name, isPacked(name) ? list : unlisted(list)])),
      );
      const bytes = otlpProto({ ...message, resourceProfiles: withProfile(message, { ...profile, samples }) });
      deepEqual(convert(bytes).profiles, plain, `lists ${lists}`);
    }
  });
});

/** A list of one is that one: written without being packed. */
function unlisted(list: unknown): unknown {
  return Array.isArray(list) ? list[0] : list;
}

function withProfile(message: ReturnType<typeof otlpMessage>, profile: object) {
  const [resource] = message.resourceProfiles;
  const [scope] = resource.scopeProfiles;
  return [{ ...resource, scopeProfiles: [{ ...scope, profiles: [profile] }] }];
}

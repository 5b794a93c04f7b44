import { deepEqual, equal, notDeepEqual } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runSteps } from '#src/domain/model/steps.ts';
import { convertOtlp, type OtlpPprof } from '#src/domain/otlp/convert-otlp.ts';
import { decodeProfile } from '#src/domain/pprof/decode.ts';
import { type PlainProfile, textAt } from '#src/domain/pprof/plain-profile.ts';
import { defaultProfileLimits } from '../../../fixtures/limits.ts';
import { type OtlpObject, otlpProto } from '../../../fixtures/otlp-message.ts';

// What the pprofs of a message share is the dictionary, and with it the tables of what was written for its rows. So the
// profiles below refer to the same rows, each in an order of its own: a number that is left over from another profile is
// wrong in this one.

const STRINGS = [
  ...['', 'samples', 'count', 'inner', '_inner', 'inner.c', 'outer', 'outer.c', 'bare.c', '/bin/app', '/lib/libx.so'],
  ...['process.executable.build_id.gnu', 'abc', 'def', 'thread', 'cpu', 'service.name', '/lib/liby.so', 'without file'],
];
const rowOf = (text: string): number => STRINGS.indexOf(text);
const attribute = (key: string, stringValue: string): OtlpObject => ({
  keyStrindex: rowOf(key),
  value: { stringValue },
});

/** Rows of the attributes. */
const [APP_BUILD, LIB_BUILD, THREAD_1, THREAD_2, CPU_0, SERVICE_A, SERVICE_B] = [1, 2, 3, 4, 5, 6, 7];
/** Of the mappings: that all lines are known of, that one line is not, and that the file of a function is not. */
const [APP, NO_LINE, NO_FILE] = [1, 2, 3];
/** Of the links: the last one has an id of a trace that is none. */
const [LINK_1, LINK_2, SPAN_ONLY] = [1, 2, 3];
/** Of the stacks: they have locations in common. */
const [FORTH, BACK, DEEP] = [1, 2, 3];

const DICTIONARY = {
  stringTable: STRINGS,
  mappingTable: [
    {},
    { memoryStart: 4096, memoryLimit: 8192, filenameStrindex: rowOf('/bin/app'), attributeIndices: [APP_BUILD] },
    { memoryStart: 65_536, fileOffset: 16, filenameStrindex: rowOf('/lib/libx.so'), attributeIndices: [LIB_BUILD] },
    { memoryStart: 131_072, filenameStrindex: rowOf('/lib/liby.so') },
  ],
  functionTable: [
    {},
    {
      ...{ nameStrindex: rowOf('inner'), systemNameStrindex: rowOf('_inner') },
      ...{ filenameStrindex: rowOf('inner.c'), startLine: 2 },
    },
    { nameStrindex: rowOf('outer'), filenameStrindex: rowOf('outer.c') },
    { nameStrindex: rowOf('without file') },
  ],
  locationTable: [
    {},
    {
      ...{ mappingIndex: APP, address: 4100 },
      lines: [
        { functionIndex: 1, line: 5 },
        { functionIndex: 2, line: 4 },
      ],
    },
    { mappingIndex: APP, address: 4200 },
    { mappingIndex: NO_LINE, address: 65_540, lines: [{ functionIndex: 2, line: 7 }] },
    { mappingIndex: NO_LINE, address: 65_550, lines: [{ functionIndex: 1 }] },
    { mappingIndex: NO_LINE, address: 65_560 },
    { mappingIndex: NO_FILE, address: 131_080, lines: [{ functionIndex: 3, line: 1 }] },
  ],
  stackTable: [
    {},
    { locationIndices: [1, 2, 3, 4, 5] },
    { locationIndices: [6, 5, 4, 3, 2, 1] },
    { locationIndices: [3, 3, 1] },
  ],
  attributeTable: [
    {},
    attribute('process.executable.build_id.gnu', 'abc'),
    attribute('process.executable.build_id.gnu', 'def'),
    attribute('thread', 'one'),
    attribute('thread', 'two'),
    attribute('cpu', 'zero'),
    attribute('service.name', 'a'),
    attribute('service.name', 'b'),
  ],
  linkTable: [
    {},
    { traceId: '000102030405060708090a0b0c0d0e0f', spanId: '0102030405060708' },
    { traceId: '101112131415161718191a1b1c1d1e1f', spanId: '1112131415161718' },
    { traceId: '0001', spanId: '2122232425262728' },
  ],
};

const sample = (stackIndex: number, linkIndex: number, attributeIndices: readonly number[]): OtlpObject => ({
  ...{ stackIndex, linkIndex, attributeIndices },
  values: [stackIndex],
});

/** By what their samples refer to. */
const SAMPLES = [
  [sample(FORTH, LINK_1, [THREAD_1, CPU_0]), sample(DEEP, LINK_2, [THREAD_2]), sample(FORTH, SPAN_ONLY, [])],
  [sample(BACK, SPAN_ONLY, [CPU_0, THREAD_2]), sample(DEEP, LINK_2, [THREAD_1]), sample(BACK, LINK_1, [THREAD_1])],
  [sample(DEEP, 0, []), sample(BACK, 0, [THREAD_2])],
  // Only what was written before, and nothing that the profile before this one has.
  [sample(FORTH, LINK_2, [])],
];

function pprofsOf(...profiles: readonly (readonly OtlpObject[])[]): OtlpPprof[] {
  const sampleType = { typeStrindex: rowOf('samples'), unitStrindex: rowOf('count') };
  const message = {
    resourceProfiles: [{ scopeProfiles: [{ profiles: profiles.map((samples) => ({ sampleType, samples })) }] }],
    dictionary: DICTIONARY,
  };
  const { profiles: converted, rejected } = runSteps(
    convertOtlp(otlpProto(message), { rules: [], bounds: { maxBytes: 1 << 20, limits: defaultProfileLimits } }),
  );
  equal(rejected.error, undefined);
  return [...converted];
}

const inOrders: readonly (readonly number[])[] = [
  [0, 1, 2, 3],
  [3, 2, 1, 0],
  [1, 0, 3, 2],
  [0, 0, 1, 1],
];

/** Everything that a sample refers to, in words. */
function wordsOf(profile: PlainProfile): string[] {
  const at = (row: bigint): string => textAt(profile, row);
  return profile.samples.map(({ locationIds, labels, values }) => {
    const frames = locationIds.map((id) => {
      const { lines, mappingId, address } = profile.locations[Number(id) - 1];
      const { filename, buildId } = profile.mappings[Number(mappingId) - 1];
      const names = lines.map(({ functionId, line }) => {
        const { name, systemName, filename: file } = profile.functions[Number(functionId) - 1];
        return `${at(name)} ${at(systemName)} ${at(file)}:${line}`;
      });
      return `${address} in ${at(filename)} ${at(buildId)} (${names})`;
    });
    return `${values} ${frames.join('; ')} ${labels.map(({ key, str }) => `${at(key)}=${at(str)}`)}`;
  });
}

describe('PprofParts', () => {
  for (const order of inOrders) {
    test(`writes profiles that share rows as if each were alone: ${order}`, () => {
      const together = pprofsOf(...order.map((i) => SAMPLES[i]));

      equal(together.length, order.length);
      for (const [at, i] of order.entries()) {
        const [alone] = pprofsOf(SAMPLES[i]);
        deepEqual(wordsOf(decodeProfile(together[at].profile)), wordsOf(decodeProfile(alone.profile)));
        deepEqual(together[at].profile, alone.profile, `profile ${i}`);
      }
    });
  }

  test('writes the parts of a profile that is split by service as if each were alone', () => {
    const of = (service: number, samples: readonly OtlpObject[]): OtlpObject[] =>
      samples.map((one) => ({ ...one, attributeIndices: [...(one['attributeIndices'] as number[]), service] }));

    const parts = pprofsOf([...of(SERVICE_A, SAMPLES[0]), ...of(SERVICE_B, SAMPLES[1])]);

    deepEqual(
      parts.map(({ profile }) => profile),
      [...pprofsOf(SAMPLES[0]), ...pprofsOf(SAMPLES[1])].map(({ profile }) => profile),
    );
  });

  test('numbers the rows of each profile anew, or the tests above would show nothing', () => {
    const [first, second] = pprofsOf(SAMPLES[0], SAMPLES[1]).map(({ profile }) => decodeProfile(profile));
    const textsOf = (profile: PlainProfile): string[] =>
      profile.strings.map((_, row) => textAt(profile, BigInt(row))).slice(3);
    notDeepEqual(textsOf(first).slice(0, 5), textsOf(second).slice(0, 5));
    for (const table of ['functions', 'locations', 'mappings'] as const) {
      const named = (profile: PlainProfile): string[] =>
        profile[table].map((row) =>
          'address' in row ? `${row.address}` : textAt(profile, 'name' in row ? row.name : row.filename),
        );
      notDeepEqual(named(first).slice(0, 3), named(second).slice(0, 3), table);
    }
  });

  test('says of a mapping what all of its locations have', () => {
    const [{ profile }] = pprofsOf(SAMPLES[1]);
    const decoded = decodeProfile(profile);
    deepEqual(
      decoded.mappings
        .map(({ filename, hasFunctions, hasFilenames, hasLineNumbers }) =>
          [textAt(decoded, filename), hasFunctions, hasFilenames, hasLineNumbers].join(' '),
        )
        .sort(),
      [
        '/bin/app false false false',
        '/bin/app true true true',
        '/lib/libx.so false false false',
        '/lib/libx.so true true false',
        '/lib/liby.so true false true',
      ],
    );
    // Whatever is referred to: line 7 of the mapping is known, and that of another location is not.
    const [{ profile: known }] = pprofsOf([sample(DEEP, 0, [])]);
    deepEqual(
      decodeProfile(known).mappings.map(({ hasLineNumbers }) => hasLineNumbers),
      [false, true],
    );
  });
});

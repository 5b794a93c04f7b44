import { deepEqual, equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseProfileType } from '#src/domain/model/profile-type.ts';
import { runSteps } from '#src/domain/model/steps.ts';
import { encodeProfileJson, encodeProfileProto, exportProfile } from '#src/domain/pprof/encode-profile.ts';
import { testSecret } from '../../../fixtures/hash-secret.ts';
import { Random } from '../../../fixtures/random.ts';
import { shop, stacksOf } from '../profile/folded-tree.ts';
import { type MappingText, symbolsOf } from '../profile/symbols-of.ts';
import { readMessage } from './read-message.ts';

const seed = Number(process.env['SEED'] ?? 1);
const endMs = 1_700_000_000_000;

type Stacks = Parameters<typeof symbolsOf>[0];
type Options = { maxNodes?: number; type?: string; repeat?: boolean; mappings?: MappingText[] };

function exported(
  stacks: Stacks,
  { maxNodes = 0, type = 'process_cpu:cpu:nanoseconds:cpu:ns', ...rest }: Options = {},
) {
  const { symbols, value } = symbolsOf(stacks, rest);
  const profileType = parseProfileType(type);
  if (!profileType) throw new Error(`${type} is no profile type`);
  return runSteps(exportProfile(symbols, value, { profileType, endMs, maxNodes }, testSecret));
}

type TypeJson = { readonly type: string; readonly unit: string };
type ProfileJson = {
  readonly sampleType: readonly TypeJson[];
  readonly sample?: readonly { readonly locationId: readonly string[]; readonly value: readonly string[] }[];
  readonly mapping: readonly { readonly id: string; readonly filename?: string; readonly hasFunctions?: boolean }[];
  readonly location: readonly {
    readonly mappingId?: string;
    readonly address?: string;
    readonly line?: readonly { readonly functionId: string }[];
  }[];
  readonly function: readonly { readonly name?: string }[];
  readonly stringTable: readonly string[];
  readonly timeNanos: string;
  readonly durationNanos?: string;
  readonly periodType: TypeJson;
  readonly period: string;
  readonly defaultSampleType: string;
};

function json(stacks: Stacks, options?: Options): ProfileJson {
  return JSON.parse(Buffer.concat(runSteps(encodeProfileJson(exported(stacks, options), 'bare'))).toString());
}

/** `value | leaf < caller < ...`, in the order of the samples. */
function samples(profile: ProfileJson): string[] {
  const name = (id: string) => profile.stringTable[Number(profile.function[Number(id) - 1].name ?? 0)];
  const location = (id: string) => {
    const row = profile.location[Number(id) - 1];
    return (row.line ?? []).map((line) => name(line.functionId)).join('<<') || `0x${Number(row.address).toString(16)}`;
  };
  return (profile.sample ?? []).map((sample) => `${sample.value} | ${sample.locationId.map(location).join(' < ')}`);
}

describe('exportProfile', () => {
  test('sums stop at 2^63 - 1, those of equal stacks and those that are cut off', () => {
    const most = 2n ** 63n - 1n;
    const repeated: Stacks = [
      [['main', 'a'], most],
      [['main', 'a'], 7n],
    ];
    const cut: Stacks = [
      [['main'], most],
      [['b'], most - 1n],
      [['c'], most - 1n],
    ];

    deepEqual(samples(json(repeated, { repeat: true })), [`${most} | a < main`]);
    deepEqual(samples(json(cut, { maxNodes: 1 })), [`${most} | main`, `${most} | other`]);
  });

  test('writes samples leaf first, in the order of the stacks', () => {
    deepEqual(samples(json(stacksOf(shop))), [
      '20 | work < main',
      '40 | parse < work < main',
      '25 | alloc < parse < work < main',
      '10 | read < io < main',
      '3 | write < io < main',
      '2 | gc',
    ]);
  });

  test('has one sample type, the end of the query as its time, and a period by its name', () => {
    const profile = json([[['a'], 1n]]);
    const text = (id: string) => profile.stringTable[Number(id)];
    equal(profile.stringTable[0], '');
    deepEqual(
      profile.sampleType.map((t) => [text(t.type), text(t.unit)]),
      [['cpu', 'nanoseconds']],
    );
    deepEqual([text(profile.periodType.type), text(profile.periodType.unit)], ['cpu', 'ns']);
    equal(text(profile.defaultSampleType), 'cpu');
    equal(profile.period, '1000000000');
    equal(profile.timeNanos, '1700000000000000000');
    equal(profile.durationNanos, undefined);
    equal(json([[['a'], 1n]], { type: 'memory:a:b:c:d' }).period, '524288');
    equal(json([[['a'], 1n]], { type: 'mutex:a:b:c:d' }).period, '1');
  });

  test('holds only what the samples reach', () => {
    const profile = json([
      [['main', 'work'], 1n],
      [['idle', 'wait'], 0n],
    ]);
    equal(profile.location.length, 2);
    equal(profile.function.length, 2);
    equal(profile.stringTable.includes('idle'), false);
  });

  test('writes inlined lines innermost first', () => {
    deepEqual(samples(json([[['main', 'outer<<inner'], 3n]])), ['3 | inner<<outer < main']);
  });

  test('puts the stub on the first mapping, or on an empty one', () => {
    const cut = json(stacksOf(shop), { maxNodes: 4 });
    deepEqual(samples(cut), [
      '20 | work < main',
      '40 | parse < work < main',
      '25 | alloc < parse < work < main',
      '13 | other < io < main',
      '2 | other',
    ]);
    equal(cut.mapping.length, 1);
    equal(cut.stringTable[Number(cut.mapping[0].filename)], '/bin/app');

    const native = json([[['0x10'], 5n]], { maxNodes: 30 });
    deepEqual(samples(native), ['5 | other']);
    deepEqual(native.mapping, [{ id: '1', hasFunctions: true }]);
    equal(native.location[0].mappingId, '1');
  });

  test('keeps functions of one name in two files apart', () => {
    const main = { lines: [{ name: 'main' }], mapping: 1 };
    const f = (file: string, line: number) => ({ lines: [{ name: 'f', file, line }], mapping: 1 });
    const profile = json([
      [[main, f('a.go', 7)], 1n],
      [[main, f('b.go', 7)], 2n],
      [[main, f('a.go', 8)], 4n],
    ]);
    equal(profile.function.length, 3);
    equal(profile.location.length, 4);
  });

  test('takes mappings of the same pages, offset and build for one', () => {
    const frame = (mapping: number) => ({ lines: [], mapping, address: 0x2a });
    const mappings = [
      { file: '/a', buildId: 'x', start: 0, limit: 0x1000 },
      { file: '/b', buildId: 'x', start: 0x5000, limit: 0x5fff },
      { file: '/a', start: 0, limit: 0x1000 },
    ];
    const profile = json(
      [
        [[frame(1)], 1n],
        [[frame(2)], 2n],
        [[frame(3)], 4n],
      ],
      { mappings },
    );
    equal(profile.mapping.length, 2);
    deepEqual(samples(profile), ['3 | 0x2a', '4 | 0x2a']);
  });

  test(`does not depend on how often the symbol space has a symbol (seed ${seed})`, () => {
    const random = new Random(seed);
    for (let round = 0; round < 30; round++) {
      const stacks = Array.from({ length: random.int(1, 30) }, () => {
        const frames = Array.from({ length: random.int(1, 5) }, () => random.pick(['a', 'b<<c', 'd', '0x7', 'other']));
        return [frames, BigInt(random.int(1, 9))] as const;
      });
      const once = json(stacks);
      const often = json(stacks, { repeat: true });
      deepEqual(samples(often).sort(), samples(once).sort());
      equal(often.function.length, once.function.length);
      equal(often.location.length, once.location.length);
    }
  });
});

describe('encodeProfileProto', () => {
  test('writes the numbers of google.v1.Profile', () => {
    const bytes = Buffer.concat(runSteps(encodeProfileProto(exported([[['main', 'f'], 300n]]), 'bare')));
    const fields = readMessage(bytes);
    const strings = fields.filter(({ field }) => field === 6).map(({ bytes: text }) => Buffer.from(text).toString());
    deepEqual(strings, ['', '/bin/app', 'main', 'f', 'nanoseconds', 'cpu', 'ns']);
    const of = (field: number) => fields.filter((entry) => entry.field === field).map((entry) => [...entry.bytes]);
    deepEqual(of(1), [[8, 5, 16, 4]]);
    deepEqual(of(2), [[10, 2, 2, 1, 18, 2, 0xac, 2]]);
    deepEqual(of(3), [[8, 1, 40, 1, 56, 1]]);
    deepEqual(of(4), [
      [8, 1, 16, 1, 34, 2, 8, 1],
      [8, 2, 16, 1, 34, 2, 8, 2],
    ]);
    deepEqual(of(5), [
      [8, 1, 16, 2, 24, 2],
      [8, 2, 16, 3, 24, 3],
    ]);
    deepEqual(of(11), [[8, 5, 16, 6]]);
    deepEqual(
      [9, 12, 14].map((field) => fields.find((entry) => entry.field === field)?.value),
      [1_700_000_000_000_000_000n, 1_000_000_000n, 5n],
    );
  });

  test('writes nothing when nothing was read, and a header when nothing matched', () => {
    deepEqual(runSteps(encodeProfileProto(undefined, 'bare')), []);
    deepEqual([...Buffer.concat(runSteps(encodeProfileProto(undefined, 'response')))], [42, 2, 10, 0]);
    equal(Buffer.concat(runSteps(encodeProfileJson(undefined, 'bare'))).toString(), '{}');
    equal(Buffer.concat(runSteps(encodeProfileJson(undefined, 'response'))).toString(), '{"pprof":{"profile":{}}}');
    const empty = json([]);
    equal(empty.sample, undefined);
    equal(empty.sampleType.length, 1);
  });

  test('is the same message inside of a response', () => {
    const profile = exported(stacksOf(shop));
    const [response] = readMessage(Buffer.concat(runSteps(encodeProfileProto(profile, 'response'))));
    equal(response.field, 5);
    const [inner] = readMessage(response.bytes);
    equal(inner.field, 1);
    deepEqual(Buffer.from(inner.bytes), Buffer.concat(runSteps(encodeProfileProto(profile, 'bare'))));
  });
});

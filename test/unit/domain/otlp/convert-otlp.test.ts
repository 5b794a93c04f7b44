import { deepEqual, equal, match, ok, throws } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { runSteps } from '#src/domain/model/steps.ts';
import { type AttributeRule, parseAttributeRules } from '#src/domain/otlp/attribute-rules.ts';
import { type ConvertedOtlp, convertOtlp } from '#src/domain/otlp/convert-otlp.ts';
import { otlpFromJson } from '#src/domain/otlp/otlp-json.ts';
import { OTLP_BOUNDS, type OtlpBounds } from '#src/domain/otlp/parts-budget.ts';
import { decodeProfile } from '#src/domain/pprof/decode.ts';
import type { ProfileLimits } from '#src/domain/pprof/ingest-options.ts';
import { type PlainProfile, textAt } from '#src/domain/pprof/plain-profile.ts';
import { defaultProfileLimits } from '../../../fixtures/limits.ts';
import {
  attributeList,
  type OtlpObject,
  type OtlpSample,
  otlpJson,
  otlpMessage,
  otlpProto,
} from '../../../fixtures/otlp-message.ts';
import { textWorkOf } from '../../../fixtures/text-work.ts';

type Options = {
  readonly rules?: string;
  readonly maxBytes?: number;
  readonly limits?: Partial<ProfileLimits>;
  readonly parts?: Partial<OtlpBounds>;
};

function convert(message: OtlpObject | Uint8Array, options: Options = {}): ConvertedOtlp {
  const { rules = '', maxBytes = 1 << 20, limits = {}, parts = {} } = options;
  return runSteps(
    convertOtlp(message instanceof Uint8Array ? message : otlpProto(message), {
      rules: parseAttributeRules(rules) as readonly AttributeRule[],
      bounds: { maxBytes, limits: { ...defaultProfileLimits, ...limits } },
      parts: { ...OTLP_BOUNDS, ...parts },
    }),
  );
}

/** Each profile as its labels and its samples: `value stack, leaf first {labels}`. */
function shown(message: OtlpObject | Uint8Array, options?: Options): string[] {
  return convert(message, options).profiles.map(({ labels, profile }) => {
    const list = labels.map(({ name, value }) => `${name}=${value}`).join(' ');
    return [list, ...samplesOf(decodeProfile(profile))].join(' | ');
  });
}

function samplesOf(profile: PlainProfile): string[] {
  const nameOf = (id: bigint): string => textAt(profile, profile.functions.find((fn) => fn.id === id)?.name ?? 0n);
  return profile.samples.map(({ locationIds, values, labels }) => {
    const frames = locationIds.flatMap((id) =>
      (profile.locations.find((location) => location.id === id)?.lines ?? []).map((line) => nameOf(line.functionId)),
    );
    const list = labels.map(({ key, str }) => `${textAt(profile, key)}=${textAt(profile, str)}`);
    return `${values} ${frames.join('<')}${list.length > 0 ? ` {${list.join(', ')}}` : ''}`;
  });
}

/** What is wrong with the only profile of a message, or its values. */
function valuesOf(type: string, sample: Partial<OtlpSample>, period?: readonly [string, number] | null): string {
  const profile = { type, samples: [{ stack: 'a', ...sample }], ...(period === undefined ? {} : { period }) };
  const { profiles, rejected } = convert(otlpMessage([profile]));
  return rejected.error?.message ?? String(decodeProfile(profiles[0].profile).samples[0].values);
}

const transcoded = (message: OtlpObject): Uint8Array => runSteps(otlpFromJson(otlpJson(message))).message;

const text = (value: string): OtlpObject => ({ stringValue: value });

/** The message with one thing in it changed. */
function patched(change: (message: Patchable) => void): Uint8Array {
  const message = structuredClone(
    otlpMessage([{ samples: [{ stack: 'main;work', values: [3] }] }, { samples: [{ stack: 'idle', values: [1] }] }]),
  ) as unknown as Patchable;
  change(message);
  return otlpProto(message as unknown as OtlpObject);
}

// Any field may be set to anything.
type Patchable = {
  resourceProfiles: { scopeProfiles: { profiles: Record<string, unknown>[] }[] }[];
  dictionary: Record<string, Record<string, unknown>[]>;
};

describe('convertOtlp', () => {
  test('makes cpu time of samples, and splits them by the service that they name', () => {
    const profile = {
      period: ['cpu/nanoseconds', 10_000_000] as const,
      samples: [
        { stack: 'm;a', values: [100], attributes: { 'service.name': text('a'), thread: text('t1') } },
        { stack: 'm;b', values: [700] },
        { stack: 'm;c', values: [1], attributes: { 'service.name': text('a') } },
      ],
    };
    deepEqual(shown(otlpMessage([profile], { 'host.name': 'h1' })), [
      '__delta__=false __otel__=true __name__=process_cpu host.name=h1 service_name=a | 1000000000 a<m {thread=t1} | 10000000 c<m',
      '__delta__=false __otel__=true __name__=process_cpu host.name=h1 service_name=unknown_service | 7000000000 b<m',
    ]);
  });

  test('writes the head of a profile', () => {
    const { profiles } = convert(
      otlpMessage([
        {
          type: 'alloc/bytes',
          period: ['space/bytes', 512],
          timeNanos: 5n,
          durationNanos: 7n,
          samples: [{ stack: 'a', values: [1] }],
        },
        { timeNanos: 2n ** 64n - 1n, samples: [{ stack: 'a', values: [1] }] },
      ]),
    );
    const [first, second] = profiles.map(({ profile }) => decodeProfile(profile));

    const typeOf = (profile: PlainProfile, { type, unit }: { type: bigint; unit: bigint }): string =>
      `${textAt(profile, type)}/${textAt(profile, unit)}`;
    deepEqual(
      first.sampleTypes.map((type) => typeOf(first, type)),
      ['alloc/bytes'],
    );
    equal(first.periodType && typeOf(first, first.periodType), 'space/bytes');
    deepEqual([first.timeNanos, first.durationNanos, first.period], [5n, 7n, 512n]);
    // What cannot be said in 64 bits with a sign; and the length that is assumed.
    deepEqual([second.timeNanos, second.durationNanos], [2n ** 63n - 1n, 10_000_000_000n]);
  });

  describe('the service', () => {
    for (const [resource, service] of [
      [{}, 'unknown_service'],
      [{ 'service.name': 's' }, 's'],
      [{ 'service.name': '' }, 'unknown_service'],
      [{ 'service.name': 5 }, '5'],
      [{ 'process.executable.name': 'bash' }, 'unknown_service:bash'],
      [{ 'service.name': '', 'process.executable.name': 'zsh' }, 'unknown_service:zsh'],
      [{ service_name: 'mine', 'service.name': 's' }, 'mine'],
    ] as const) {
      test(`of ${JSON.stringify(resource)} is ${service}`, () => {
        const [{ labels }] = convert(otlpMessage([{ samples: [{ stack: 'a', values: [1] }] }], resource)).profiles;
        deepEqual(
          labels.filter(({ name }) => name === 'service_name').map(({ value }) => value),
          [service],
        );
      });
    }

    test('can come from any attribute, by a rule', () => {
      const attributes = { 'service.name': text('s'), container: text('box') };
      const message = otlpMessage([{ samples: [{ stack: 'a', values: [1], attributes }] }], { app: 'shop', x: 'y' });

      deepEqual(shown(message, { rules: 'app=service_name' }), [
        '__delta__=false __otel__=true __name__=process_cpu x=y service_name=s | 10 a {container=box}',
      ]);
      deepEqual(shown(message, { rules: 'container=service_name,app=,*=' }), [
        '__delta__=false __otel__=true __name__=process_cpu service_name=box | 10 a',
      ]);
    });
  });

  test('makes labels of attributes that are text, whole numbers, or a list of one of them', () => {
    const resource = {
      ...{ 'service.name': 's', str: 'r', int: 42, negative: { intValue: -7n }, bool: { boolValue: true } },
      ...{ one: { arrayValue: { values: [text('x')] } }, two: { arrayValue: { values: [text('x'), text('y')] } } },
      ...{ nested: { arrayValue: { values: [{ arrayValue: { values: [text('x')] } }] } }, none: { doubleValue: 1.5 } },
      ...{
        bytes: { bytesValue: 'ff' },
        map: { kvlistValue: { attributes: [] } },
        empty: '',
        __name__: 'evil',
        both: 'r',
      },
    };
    const attributes = { thread: text('main'), tid: { intValue: 2n ** 62n }, flag: { boolValue: true }, nothing: {} };
    const message = otlpMessage([{ samples: [{ stack: 'a', values: [1], attributes }] }], resource, {
      both: 'scope',
      only: 'scope',
    });

    deepEqual(shown(message), [
      '__delta__=false __otel__=true __name__=process_cpu service.name=s str=r int=42 negative=-7 one=x both=r only=scope ' +
        'service_name=s | 10 a {thread=main, tid=4611686018427387904}',
    ]);
  });

  test('finds keys and texts that are rows of the dictionary', () => {
    const message = otlpMessage([{ samples: [{ stack: 'a', values: [1] }] }]);
    const row = message.dictionary.stringTable.push('zone', 'eu') - 1;
    message.resourceProfiles[0].resource.attributes.push({ keyStrindex: row - 1, value: { stringValueStrindex: row } });

    match(shown(message)[0], / zone=eu /);
  });

  test('gives attributes of samples the names of the rules, the first one of a name', () => {
    const attributes = { 'thread.name': text('main'), 'thread.id': text('7'), thread: text('other') };
    const message = otlpMessage([{ samples: [{ stack: 'a', values: [1], attributes }] }]);

    match(shown(message, { rules: 'thread.id=,thread.name=thread' })[0], /\| 10 a \{thread=main\}$/);
    match(shown(message, { rules: 'thread.*=thread_*' })[0], /\{thread_name=main, thread_id=7, thread=other\}$/);
  });

  test('ignores attributes without a key, and those that a rule leaves without one', () => {
    const attributes = { '': text('of sample'), 'x.': text('of sample'), thread: text('main') };
    const own = { '': 'of resource', 'x.': 'of resource', host: 'h' };
    const message = otlpMessage([{ samples: [{ stack: 'a', values: [1], attributes }] }], own, { '': 'of scope' });
    const [profile] = message.resourceProfiles[0].scopeProfiles[0].profiles as unknown as Record<string, unknown>[];
    profile['attributeIndices'] = [1, 2];

    deepEqual(shown(message, { rules: 'x.*=*' }), [
      '__delta__=false __otel__=true __name__=process_cpu host=h service_name=unknown_service | 10 a {thread=main}',
    ]);
    deepEqual(shown(message, { rules: 'x.*=,*=otel_*' }), [
      '__delta__=false __otel__=true __name__=process_cpu otel_host=h service_name=unknown_service | 10 a {otel_thread=main}',
    ]);
  });

  test('takes the service from the resource, not from the scope', () => {
    const message = otlpMessage([{ samples: [{ stack: 'a', values: [1] }] }], {}, { 'service.name': 'library' });
    match(shown(message)[0], / service.name=library service_name=unknown_service /);
  });

  test('takes the last of several values of one attribute', () => {
    const both = { stringValue: 'text', boolValue: true };
    const message = otlpMessage([{ samples: [{ stack: 'a', values: [1] }] }], {
      both,
      last: { boolValue: true, intValue: 7 },
    });
    match(shown(message)[0], /__name__=process_cpu last=7 service_name=/);
  });

  describe('attributes of a profile', () => {
    const profile = (m: Patchable): Record<string, unknown> => m.resourceProfiles[0].scopeProfiles[0].profiles[0];
    const withAttributes = (attributes: Readonly<Record<string, string>>, service?: string): OtlpObject => {
      const own = service === undefined ? {} : { attributes: { 'service.name': text(service) } };
      const message = otlpMessage(
        [{ samples: [{ stack: 'a', values: [1], ...own }] }, { samples: [{ stack: 'b', values: [1] }] }],
        { 'service.name': 'of resource', zone: 'resource' },
        { zone: 'scope', lib: 'scope' },
      );
      const { stringTable, attributeTable } = message.dictionary;
      const rows = Object.entries(attributes).map(([key, value]) => {
        const keyStrindex = stringTable.push(key) - 1;
        return attributeTable.push({ keyStrindex, value: { stringValueStrindex: stringTable.push(value) - 1 } }) - 1;
      });
      profile(message as unknown as Patchable)['attributeIndices'] = rows;
      return message;
    };

    test('become labels behind those of resource and scope, by the same rules', () => {
      const message = withAttributes({ zone: 'p', lib: 'p', run: '7', secret: 'x', empty: '', __name__: 'evil' });
      const expected = [
        '__delta__=false __otel__=true __name__=process_cpu service.name=of resource zone=resource lib=scope build=7 ' +
          'service_name=of resource | 10 a',
        '__delta__=false __otel__=true __name__=process_cpu service.name=of resource zone=resource lib=scope ' +
          'service_name=of resource | 10 b',
      ];
      deepEqual(shown(message, { rules: 'run=build,secret=' }), expected);
      deepEqual(shown(transcoded(message), { rules: 'run=build,secret=' }), expected);
    });

    test('name the service before the resource, and after the samples', () => {
      const serviceOf = (message: OtlpObject, rules = ''): string =>
        shown(message, { rules })[0].match(/service_name=(.*?) \|/)?.[1] ?? '';
      equal(serviceOf(withAttributes({ 'service.name': 'profile' })), 'profile');
      equal(serviceOf(withAttributes({ 'service.name': 'profile', box: 'rule' }), 'box=service_name'), 'rule');
      equal(serviceOf(withAttributes({ 'service.name': 'profile' }, 'sample')), 'sample');
    });

    test('that are not there reject the profile, and too many the message', () => {
      const { profiles, rejected } = convert(patched((m) => void (profile(m)['attributeIndices'] = [9])));
      deepEqual([profiles.length, rejected.count, rejected.error?.details['stage']], [1, 1, 'conversion']);
      match(rejected.error?.message ?? '', /a profile names attribute 9, and there are 1$/);
      throws(
        () => convert(withAttributes({ a: 'b', c: 'd' }), { parts: { attributesMax: 1 } }),
        /more than 1 attributes/,
      );
    });
  });

  test('gives each scope its own attributes', () => {
    const message = otlpMessage([{ samples: [{ stack: 'a', values: [1] }] }], { r: '1' });
    const [resource] = message.resourceProfiles;
    const scopeOf = (value: string): OtlpObject => ({
      ...resource.scopeProfiles[0],
      scope: { attributes: attributeList({ r: 'x', scope: value }) },
    });
    const scopes = [scopeOf('1'), { ...resource.scopeProfiles[0], scope: {} }, scopeOf('2')];

    deepEqual(
      shown({ ...message, resourceProfiles: [{ ...resource, scopeProfiles: scopes }] }).map((one) =>
        one.split(' ').slice(3, -4),
      ),
      [['r=1', 'scope=1'], ['r=1'], ['r=1', 'scope=2']],
    );
  });

  describe('an attribute of a scope that can be no label rejects the profiles of the scope', () => {
    for (const [what, bad, words] of [
      ['too long', 'x'.repeat(20_000), /the value of an attribute that becomes a label/],
      ['not there', { stringValueStrindex: 9999 }, /an attribute of a resource or a scope names string 9999/],
    ] as const) {
      for (const [beside, scope] of [
        ['alone', { bad }],
        ['first', { bad, ok: 'v' }],
        ['last', { ok: 'v', bad }],
      ] as const) {
        test(`${what}, ${beside}`, () => {
          const message = otlpMessage([{ samples: [{ stack: 'a', values: [1] }] }], { r: '1' }, scope);
          const [resource] = message.resourceProfiles;
          const [first] = resource.scopeProfiles;
          const scopeProfiles = [first, { ...first, scope: {} }];
          const { profiles, rejected } = convert({ ...message, resourceProfiles: [{ ...resource, scopeProfiles }] });
          deepEqual([profiles.map(({ source }) => source), rejected.count], [[1], 1]);
          match(rejected.error?.message ?? '', words);
        });
      }
    }
  });

  test('gives profiles of another name or service other labels, however their texts run together', () => {
    const of = (name: string, service: string) => ({
      ...{ type: 'x/y', period: [`${name}/count`, 1] as const },
      samples: [{ stack: 'a', values: [1], attributes: { 'service.name': text(service) } }],
    });
    const { profiles } = convert(otlpMessage([of('a', 'bc'), of('ab', 'c'), of('a', 'bc')], {}));

    deepEqual(
      profiles.map(({ labels }) => labels.slice(2).map(({ name, value }) => `${name}=${value}`)),
      [
        ['__name__=a', 'service_name=bc'],
        ['__name__=ab', 'service_name=c'],
        ['__name__=a', 'service_name=bc'],
      ],
    );
    equal(profiles[2].labels, profiles[0].labels, 'the same ones share a list');
  });

  test('takes the key that an attribute has, before one that it refers to', () => {
    const message = otlpMessage([{ samples: [{ stack: 'a', values: [1] }] }], {});
    const [{ resource }] = message.resourceProfiles;
    const keyStrindex = message.dictionary.stringTable.push('row') - 1;
    resource.attributes.push({ key: 'own', keyStrindex, value: text('1') });
    resource.attributes.push({ keyStrindex, key: 'own2', value: text('2') });

    match(shown(message)[0], /__name__=process_cpu own=1 own2=2 service_name=/);
  });

  test('links samples to spans and traces', () => {
    const trace = '000102030405060708090a0b0c0d0e0f';
    const message = otlpMessage([
      {
        samples: [
          { stack: 'a', values: [1], link: { trace, span: '0102030405060708' } },
          { stack: 'b', values: [2], link: { trace: '0001', span: '1112131415161718' } },
          { stack: 'c', values: [4], link: { trace: '', span: '' } },
        ],
      },
    ]);
    deepEqual(shown(message)[0].split(' | ').slice(1), [
      `10 a {span_id=0102030405060708, trace_id=${trace}}`,
      '20 b {span_id=1112131415161718}',
      '40 c',
    ]);
  });

  describe('the value of a sample', () => {
    const big = 2n ** 62n;
    for (const [what, type, sample, period, value] of [
      ['is what it says', 'alloc/bytes', { values: [-5] }, undefined, '-5'],
      ['is times the period for samples of the cpu', 'samples/count', { values: [3] }, undefined, '30'],
      ['stops where 64 bits end', 'samples/count', { values: [big] }, undefined, String(2n ** 63n - 1n)],
      ['is the number of timestamps without values', 'x/y', { timestamps: [1n, 2n, 3n] }, undefined, '3'],
      ['is the sum of one per timestamp', 'x/y', { values: [4, 5], timestamps: [1n, 2n] }, undefined, '9'],
      ['is the sum for off_cpu', 'off_cpu/nanoseconds', { values: [1, 2, 30] }, null, '33'],
      ['is a large sum', 'off_cpu/nanoseconds', { values: [big, 1, big - 2n, -1, 1] }, null, String(2n ** 63n - 1n)],
      ['is an exact sum', 'off_cpu/nanoseconds', { values: [2n ** 53n, 1, 2] }, null, String(2n ** 53n + 3n)],
    ] as const) {
      test(what, () => equal(valuesOf(type, sample, period), value));
    }

    test('must be there, and be one', () => {
      match(valuesOf('x/y', {}), /a sample has neither values nor timestamps/);
      match(valuesOf('x/y', { values: [1, 2] }), /a sample has 2 values and 0 timestamps/);
      match(valuesOf('samples/count', { values: [1, 2, 3], timestamps: [1n] }), /3 values and 1 timestamps/);
    });
  });

  test('rejects a profile of the cpu whose period is negative: all of it would be dropped for its values', () => {
    const cpu = (period: number) => ({
      ...{ period: ['cpu/nanoseconds', period] as const, samples: [{ stack: 'a', values: [3] }] },
    });
    const { profiles, rejected } = convert(otlpMessage([cpu(-7), cpu(10)]));

    deepEqual([profiles.length, rejected.count, rejected.reasons], [1, 1, { malformed_profile: 1 }]);
    match(rejected.error?.message ?? '', /its values are counts of a period that is negative: -7 nanoseconds/);
    equal(valuesOf('x/y', { values: [3] }, ['cpu/nanoseconds', -7]), '3', 'others are not multiplied by it');
  });

  for (const [what, type, period] of [
    ['a type', 'a:b/count', null],
    ['a unit', 'a/nano:s', null],
    ['the type of a period', 'a/count', ['c:d/nanoseconds', 10]],
    ['the type of a period that is 0', 'a/count', ['c:d/nanoseconds', 0]],
  ] as const) {
    test(`rejects a profile with a colon in ${what}, which nobody could ask for`, () => {
      match(valuesOf(type, { values: [3] }, period), /a value type or its unit has a ":": "(a:b|nano:s|c:d)"/);
    });
  }

  test('keeps mappings with build ids, and the addresses of what has no functions', () => {
    const message = patchedSymbols();
    const profile = decodeProfile(convert(message).profiles[0].profile);

    const flagsOf = (one: PlainProfile['mappings'][number]): boolean[] => [
      one.hasFunctions,
      one.hasFilenames,
      one.hasLineNumbers,
    ];
    deepEqual(
      profile.mappings.map((one) => [
        textAt(profile, one.filename),
        textAt(profile, one.buildId),
        one.memoryStart,
        one.memoryLimit,
        one.fileOffset,
        ...flagsOf(one),
      ]),
      [
        ['/bin/app', 'abc', 4096n, 2n ** 64n - 1n, 16n, true, false, true],
        ['/bin/app', 'abc', 4096n, 2n ** 64n - 1n, 16n, false, false, false],
      ],
    );
    deepEqual(
      profile.locations.map(({ mappingId, address, lines }) => [mappingId, address, lines.map(({ line }) => line)]),
      [
        [1n, 4100n, [5n, 4n]],
        [2n, 2n ** 63n, []],
      ],
    );
    deepEqual(
      profile.functions.map(({ name, systemName, filename, startLine }) => [
        ...[name, systemName, filename].map((one) => textAt(profile, one)),
        startLine,
      ]),
      [
        ['inner', '_inner', 'i.c', 2n],
        ['outer', '', '', 0n],
      ],
    );
  });

  test('takes function 0 for none, unless it is a real one', () => {
    const withFunction0 = (name: number): string[] => {
      const message = otlpMessage([{ samples: [{ stack: 'main', values: [1] }] }]);
      message.dictionary.functionTable[0] = { nameStrindex: name };
      message.dictionary.locationTable[1] = { lines: [{ functionIndex: 0, line: 1 }] };
      return samplesOf(decodeProfile(convert(message).profiles[0].profile));
    };
    deepEqual(withFunction0(0), ['10 ']);
    deepEqual(withFunction0(1), ['10 samples']);
  });

  describe('a function without a name', () => {
    const linesOf = (change: (m: Patchable) => void): string[] => {
      const profile = decodeProfile(convert(patched(change)).profiles[0].profile);
      return profile.locations.map(({ address, mappingId, lines }) => {
        const names = lines.map(({ functionId }) => profile.functions[Number(functionId) - 1]);
        const texts = names.map(({ name, systemName }) => `${textAt(profile, name)}/${textAt(profile, systemName)}`);
        return `${address} ${profile.mappings[Number(mappingId) - 1].hasFunctions} ${texts}`;
      });
    };
    /** The function stands in the table, and the leaf names it and others. */
    const leafOf = (m: Patchable, fn: OtlpObject, functions: readonly number[], address: number | bigint): void => {
      m.dictionary['functionTable'][NAMELESS] = { ...fn };
      m.dictionary['locationTable'][1] = { address, lines: functions.map((functionIndex) => ({ functionIndex })) };
    };
    const NAMELESS = 4;
    const MAIN = '0 true main/';

    test('is called by its system name', () => {
      const lines = linesOf((m) => {
        const systemNameStrindex = (m.dictionary['stringTable'] as unknown as string[]).push('_Zwork') - 1;
        leafOf(m, { systemNameStrindex }, [NAMELESS], 9);
      });
      deepEqual(lines, ['9 true _Zwork/_Zwork', MAIN]);
    });

    test('leaves the frame to its address, apart from other functions of the location', () => {
      const lines = (functions: readonly number[], address: number | bigint): string[] =>
        linesOf((m) => leafOf(m, { startLine: 7 }, functions, address));
      deepEqual(lines([NAMELESS], 9), ['9 false ', MAIN]);
      deepEqual(lines([NAMELESS], 1n << 32n), ['4294967296 false ', MAIN]);
      deepEqual(lines([NAMELESS, 1, 0], 9), ['9 true work/', MAIN]);
    });

    test('stays where there is no address', () => {
      deepEqual(
        linesOf((m) => leafOf(m, { startLine: 7 }, [NAMELESS, 0], 0)),
        ['0 true /', MAIN],
      );
    });

    test('says nothing about the lines and files of its mapping', () => {
      const message = otlpMessage([{ samples: [{ stack: 'main', values: [1] }] }]) as unknown as Patchable;
      message.dictionary['functionTable'].push({});
      message.dictionary['functionTable'][1]['filenameStrindex'] = 1;
      message.dictionary['locationTable'].push({ address: 9, lines: [{ functionIndex: 2 }] });
      const profile = decodeProfile(convert(message as unknown as OtlpObject).profiles[0].profile);
      const [{ hasFilenames, hasLineNumbers }] = profile.mappings;
      deepEqual([hasFilenames, hasLineNumbers], [true, true]);
    });
  });

  test('takes a message without mappings and strings, where everything that is not set is 0', () => {
    const message = {
      resourceProfiles: [{ scopeProfiles: [{ profiles: [{ sampleType: {}, samples: [{ values: [1] }] }] }] }],
      dictionary: { stackTable: [{ locationIndices: [0] }], locationTable: [{ address: 9 }] },
    };
    const { profiles } = convert(message);
    equal(profiles.length, 1);
    equal(decodeProfile(profiles[0].profile).locations[0].mappingId, 0n);
  });

  test('reads numbers packed or not, tables in pieces, and the dictionary wherever it stands', () => {
    const { resourceProfiles, dictionary } = otlpMessage([
      { samples: [{ stack: 'a;b', values: [1, 2], timestamps: [1n, 2n], attributes: { x: text('y') } }] },
    ]);
    const { stackTable, stringTable, ...tables } = dictionary;
    const plain = convert({ resourceProfiles, dictionary }).profiles;

    deepEqual(convert(otlpProto({ resourceProfiles, dictionary }, false)).profiles, plain);
    deepEqual(convert({ dictionary: [{ stackTable }, tables, { stringTable }], resourceProfiles }).profiles, plain);
  });

  test('stores nothing of what has no samples', () => {
    deepEqual(shown(otlpMessage([])), []);
    deepEqual(shown(otlpMessage([{ samples: [] }])), []);
  });

  describe('names what is wrong with a profile, and converts the others', () => {
    const first = (message: Patchable): Record<string, unknown> =>
      message.resourceProfiles[0].scopeProfiles[0].profiles[0];
    const sample = (message: Patchable): Record<string, unknown> =>
      (first(message)['samples'] as Record<string, unknown>[])[0];
    for (const [name, change, message] of [
      ['no sample type', (m: Patchable) => delete first(m)['sampleType'], /it has no sample type/],
      ['stack', (m: Patchable) => (sample(m)['stackIndex'] = 99), /a sample names stack 99, and there are 3/],
      ['negative stack', (m: Patchable) => (sample(m)['stackIndex'] = -1), /names stack -1/],
      [
        'location',
        (m: Patchable) => (m.dictionary['stackTable'][1] = { locationIndices: [77] }),
        /stack 1 names location 77/,
      ],
      [
        'function',
        (m: Patchable) => (m.dictionary['locationTable'][1] = { lines: [{ functionIndex: 55 }] }),
        /location 1 names function 55/,
      ],
      [
        'mapping',
        (m: Patchable) => (m.dictionary['locationTable'][1] = { mappingIndex: 9 }),
        /location 1 names mapping 9/,
      ],
      [
        'string',
        (m: Patchable) => (m.dictionary['functionTable'][1] = { nameStrindex: 55 }),
        /function 1 names string 55/,
      ],
      ['link', (m: Patchable) => (sample(m)['linkIndex'] = 9), /a sample names link 9, and there are 1/],
      ['type', (m: Patchable) => (first(m)['sampleType'] = { typeStrindex: 55 }), /a value type names string 55/],
      ['attribute', (m: Patchable) => (sample(m)['attributeIndices'] = [9]), /a sample names attribute 9/],
    ] as const) {
      test(name, () => {
        const { profiles, rejected } = convert(patched((m) => void change(m)));

        equal(rejected.count, 1);
        deepEqual(rejected.reasons, { malformed_profile: 1 });
        equal(rejected.error?.code, 'invalid-argument');
        equal(rejected.error?.details['stage'], name === 'attribute' ? 'sample-attributes' : 'conversion');
        match(rejected.error?.message ?? '', message);
        deepEqual(
          profiles.map(({ source }) => source),
          [1],
        );
      });
    }
  });

  test('tells the first fault, but one that Pyroscope passes over only where there is no other', () => {
    const told = (...types: string[]): string | undefined => {
      const message = otlpMessage(types.map((type) => ({ type, samples: [{ stack: 'a', values: [1] }] })));
      for (const [i, { samples }] of message.resourceProfiles[0].scopeProfiles[0].profiles.entries()) {
        samples[0].attributeIndices = [8 + i];
      }
      const { rejected } = convert(message);
      equal(rejected.count, types.length);
      return /attribute [0-9]|"a:b"|"c:d"/.exec(rejected.error?.message ?? '')?.[0];
    };
    equal(told('x/count', 'y/count'), 'attribute 8');
    equal(told('x/count', 'a:b/count', 'c:d/count'), '"a:b"');
    equal(told('c:d/count', 'x/count', 'a:b/count'), '"c:d"');
  });

  test('stores no part of a profile that is wrong in another', () => {
    const samples = [
      { stack: 'a', values: [1], attributes: { 'service.name': text('a') } },
      { stack: 'b', values: [1, 2] },
    ];
    const { profiles, rejected } = convert(otlpMessage([{ samples }]));
    deepEqual([profiles.length, rejected.count], [0, 1]);
  });

  test('needs a dictionary and resources', () => {
    const { resourceProfiles, dictionary } = otlpMessage([]);
    const stage = { code: 'invalid-argument', details: { stage: 'conversion' } };
    throws(() => convert({ resourceProfiles }), { ...stage, message: /it has no dictionary/ });
    throws(() => convert({ dictionary }), { ...stage, message: /it has no resource profiles/ });
  });

  test('refuses what is no such message', () => {
    throws(() => convert(Buffer.from('/////w==', 'base64')), {
      code: 'invalid-argument',
      message: /cannot be decoded/,
    });
  });

  describe('a text that is not UTF-8 costs what would have it', () => {
    const sample = { stack: 'a', values: [1] };
    const ofService = (service: string) => otlpMessage([{ samples: [sample] }], { 'service.name': service });
    /** A profile or resource with a text that has a bad byte, and one that is well. */
    const rejectedOf = (bad: ReturnType<typeof otlpMessage>, resource?: ReturnType<typeof otlpMessage>): string => {
      const resourceProfiles = [...bad.resourceProfiles, ...(resource?.resourceProfiles ?? [])];
      const bytes = Buffer.from(otlpProto({ ...bad, resourceProfiles }));
      for (let at = bytes.indexOf('MARK'); at >= 0; at = bytes.indexOf('MARK')) bytes[at] = 0xff;
      const { profiles, rejected } = convert(bytes);
      deepEqual([profiles.length, rejected.count, rejected.reasons], [1, 1, { malformed_profile: 1 }]);
      equal(rejected.error?.details['stage'], 'conversion');
      return rejected.error?.message ?? '';
    };
    const KEY = /the key of an attribute that becomes a label is not UTF-8: ff41524b \(hex\)$/;
    const VALUE = /the value of an attribute that becomes a label is not UTF-8: ff41524b \(hex\)$/;

    for (const [what, profile, words] of [
      ['the key of an attribute', { samples: [{ ...sample, attributes: { MARK: text('v') } }] }, KEY],
      ['a service', { samples: [{ ...sample, attributes: { 'service.name': text('MARK') } }] }, VALUE],
      ['a type', { samples: [sample], type: 'MARK/count' }, /a text of a value type is not UTF-8: ff41524b/],
      ['the unit of a period', { samples: [sample], period: ['cpu/MARK', 1] as const }, /a text of a value type is/],
    ] as const) {
      test(`a profile: ${what}`, () => match(rejectedOf(otlpMessage([profile, { samples: [sample] }])), words));
    }

    test('a profile: its own attributes', () => {
      for (const [key, value, words] of [
        ['MARK', 'v', KEY],
        ['k', 'MARK', VALUE],
      ] as const) {
        const message = otlpMessage([{ samples: [sample] }, { samples: [sample] }]);
        const { stringTable, attributeTable } = message.dictionary;
        attributeTable.push({ keyStrindex: stringTable.push(key) - 1, value: text(value) });
        Object.assign(message.resourceProfiles[0].scopeProfiles[0].profiles[0], { attributeIndices: [1] });
        match(rejectedOf(message), words);
      }
    });

    for (const [what, resource, words] of [
      ['the service', { 'service.name': 'MARK' }, VALUE],
      ['a value', { x: 'MARK' }, VALUE],
      ['a key', { MARK: 'x' }, KEY],
    ] as const) {
      test(`a resource or a scope: ${what}`, () => {
        match(rejectedOf(otlpMessage([{ samples: [sample] }], resource), ofService('well')), words);
        match(rejectedOf(otlpMessage([{ samples: [sample] }], {}, resource), ofService('well')), words);
      });
    }

    test('and is shown by its beginning', () => {
      const message = otlpMessage([{ samples: [sample] }], { x: `MARK${'x'.repeat(60)}` });
      match(rejectedOf(message, ofService('well')), /is not UTF-8: ff41524b(78){28}… \(hex\)$/);
    });
  });

  describe('is bounded', () => {
    const many = (count: number): OtlpObject =>
      otlpMessage(Array.from({ length: count }, () => ({ samples: [{ stack: 'a;b;c', values: [1] }] })));
    for (const [name, message, parts, error] of [
      ['in rows', many(1), { rowsMax: 10 }, /more than 10 rows/],
      ['in numbers', many(1), { numbersMax: 3 }, /more than 3 numbers/],
      ['in messages', many(3), { messagesMax: 4 }, /more than 4 resources, scopes and profiles/],
      ['in profiles', many(3), { profilesMax: 2 }, /more than 2 profiles/],
      ['in attributes', otlpMessage([], { a: 'b', c: 'd' }), { attributesMax: 1 }, /more than 1 attributes/],
      [
        'in bytes of a row',
        otlpMessage([{ samples: [{ stack: 'a;b;c;d;e', values: [1] }] }]),
        { rowBytesMax: 6 },
        /more than 6 bytes in a row/,
      ],
      ['in labels', many(1), { labelCharsMax: 20 }, /more than 20 characters of labels/],
    ] as const) {
      test(name, () => {
        const withProfile = name === 'in attributes' ? otlpMessage([{ samples: [] }], { a: 'b', c: 'd' }) : message;
        throws(() => convert(withProfile, { parts }), { code: 'invalid-argument', message: error });
      });
    }

    test('in memory of what tables and samples are read into', () => {
      const parts = { columnBytesMax: 64 << 10 };
      const message = { code: 'invalid-argument', message: /more than 65536 bytes of memory for its tables/ };
      const samples = Array.from({ length: 3000 }, () => ({ stack: 'a', values: [1] }));
      throws(() => convert(otlpMessage([{ samples }]), { parts }), message);
      const strings = Array.from({ length: 9000 }, () => 'x');
      const { dictionary, ...rest } = otlpMessage([{ samples: [] }]);
      throws(
        () => convert({ ...rest, dictionary: { ...(dictionary as OtlpObject), stringTable: strings } }, { parts }),
        message,
      );
      // What one profile takes is there again for the next one.
      const half = { samples: samples.slice(0, 500) };
      equal(convert(otlpMessage(Array.from({ length: 200 }, () => half)), { parts }).profiles.length, 200);
    });

    test('in locations of a deep stack that many samples name', () => {
      const stack = new Array(1000).fill('a').join(';');
      const samples = Array.from({ length: 100 }, () => ({ stack, values: [1] }));
      throws(() => convert(otlpMessage([{ samples }]), { parts: { numbersMax: 50_000 } }), /more than 50000 numbers/);
    });

    test('in bytes of a profile and of all profiles, and in samples', () => {
      const samples = Array.from({ length: 50 }, (_, i) => ({ stack: `function ${i}`, values: [1] }));
      const profile = { samples };

      const large = convert(otlpMessage([profile, { samples: [{ stack: 'a', values: [1] }] }]), {
        limits: { maxProfileSizeBytes: 1000 },
      });
      deepEqual([large.profiles.length, large.rejected.reasons], [1, { profile_size_limit: 1 }]);
      match(large.rejected.error?.message ?? '', /larger than --validation.max-profile-size-bytes: limit 1000 bytes/);

      const numerous = convert(otlpMessage([profile]), { limits: { maxProfileStacktraceSamples: 49 } });
      match(numerous.rejected.error?.message ?? '', /--validation.max-profile-stacktrace-samples: limit 49, actual 50/);

      throws(() => convert(otlpMessage([profile, profile, profile, profile]), { maxBytes: 5000 }), {
        code: 'invalid-argument',
        message: /together larger than --distributor.ingestion-body-limit-mb: limit 5000 bytes/,
      });
    });

    test('in what profiles that are too large cost', () => {
      const samples = Array.from({ length: 50 }, (_, i) => ({ stack: `function ${i}`, values: [1] }));
      const message = otlpMessage(Array.from({ length: 20 }, () => ({ samples })));
      throws(() => convert(message, { limits: { maxProfileSizeBytes: 1000 }, maxBytes: 9999 }), /together larger/);
    });
  });

  describe('is bounded in texts that are sent once and referred to often', () => {
    type Message = ReturnType<typeof otlpMessage>;
    /** Rows of a text of so many bytes, and of the key `service.name`. */
    const withText = (message: Message, bytes: number): { long: number; service: number } => {
      const { stringTable } = message.dictionary;
      return { long: stringTable.push('x'.repeat(bytes)) - 1, service: stringTable.push('service.name') - 1 };
    };
    const samplesOfService = (bytes: number, count: number): Message => {
      const attributes = { 'service.name': text('') };
      const samples = Array.from({ length: count }, () => ({ stack: 'a', values: [1], attributes }));
      const message = otlpMessage([{ samples }]);
      const { long, service } = withText(message, bytes);
      const { attributeTable } = message.dictionary;
      attributeTable.fill({ keyStrindex: service, value: { stringValueStrindex: long } }, 1);
      return message;
    };
    const resources = (bytes: number, count: number, attribute: (long: number) => OtlpObject): Message => {
      const message = otlpMessage([{ samples: [{ stack: 'a', values: [1] }] }]);
      const [resource] = message.resourceProfiles;
      const attributes = [attribute(withText(message, bytes).long)];
      for (let i = 0; i < count; i++) message.resourceProfiles.push({ ...resource, resource: { attributes } });
      return message;
    };

    test('of a label: none that a map is asked for is hashed by its length alone', () => {
      // Of V8: longer texts are. A tenant may have longer labels, and then no service is the key itself.
      const hashedMax = 16_383;
      for (const [length, limits, stored] of [
        [OTLP_BOUNDS.labelTextBytesMax, {}, 1],
        [OTLP_BOUNDS.labelTextBytesMax + 1, {}, 0],
        [20_000, { maxLabelValueLength: 30_000 }, 1],
      ] as const) {
        let count = -1;

        const { longestKey } = textWorkOf(() => {
          count = convert(samplesOfService(length, 2), { limits }).profiles.length;
        });

        equal(count, stored, `${length}`);
        ok(longestKey <= hashedMax, `a map has a key of ${longestKey} characters`);
      }
      for (const length of [OTLP_BOUNDS.labelTextBytesMax, OTLP_BOUNDS.labelTextBytesMax + 1]) {
        const named = resources(length, 1, (long) => ({ keyStrindex: long, value: text('v') }));
        const { longestKey } = textWorkOf(() => convert(named));
        ok(longestKey <= hashedMax, `a map has a key of ${longestKey} characters`);
      }
    });

    test('of a label: what is longer is not decoded, and the profile rejected', () => {
      const { profiles, rejected } = convert(samplesOfService(2000, 2), { parts: { labelTextBytesMax: 100 } });
      deepEqual(
        [profiles.length, rejected.reasons],
        [1, {}],
        'the tenant may have 2048 bytes, which counts if it is more',
      );
      const parts = { labelTextBytesMax: 4096 };
      const longer = convert(samplesOfService(5000, 2), { parts });
      deepEqual([longer.profiles.length, longer.rejected.reasons], [0, { label_value_too_long: 1 }]);
      const ofTenant = 'has more bytes than --validation.max-length-label-value: limit 2048, actual 5000';
      match(longer.rejected.error?.message ?? '', new RegExp(`the value of an attribute .* ${ofTenant}$`));

      const value = convert(
        resources(5000, 1, (long) => ({ key: 'k', value: { stringValueStrindex: long } })),
        { parts },
      );
      deepEqual([value.profiles.length, value.rejected.reasons], [1, { label_value_too_long: 1 }]);
      const named = resources(5000, 1, (long) => ({ keyStrindex: long, value: text('v') }));
      const name = convert(named, { parts });
      deepEqual([name.profiles.length, name.rejected.reasons], [1, { label_name_too_long: 1 }]);
      deepEqual(convert(named, { parts, rules: 'xxx*=' }).profiles.length, 2, 'a rule leaves it out');
    });

    test('of a label: the limit that is named is the one that holds', () => {
      const value = resources(5000, 1, (long) => ({ key: 'k', value: { stringValueStrindex: long } }));
      const name = resources(5000, 1, (long) => ({ keyStrindex: long, value: text('v') }));
      const parts = { labelTextBytesMax: 4096 };
      const told = (message: Message, limits: Partial<ProfileLimits>, rules = ''): string => {
        const { error } = convert(message, { parts, limits, rules }).rejected;
        return `${error?.message.match(/label (has|is) (.*)$/)?.[2]} ${error?.details['limitName']}`;
      };
      const valueFlag = 'validation.max-length-label-value';
      const nameFlag = 'validation.max-length-label-name';
      equal(told(value, {}), `more bytes than --${valueFlag}: limit 2048, actual 5000 ${valueFlag}`);
      equal(told(name, {}), `more bytes than --${nameFlag}: limit 1024, actual 5000 ${nameFlag}`);
      const larger = { maxLabelValueLength: 4500, maxLabelNameLength: 10 };
      equal(told(value, larger), `more bytes than --${valueFlag}: limit 4500, actual 5000 ${valueFlag}`);
      const own = 'longer than label_text_bytes_max: limit 4096 bytes, actual 5000 bytes label_text_bytes_max';
      equal(told(value, { maxLabelValueLength: 0 }), own);
      equal(told(name, { maxLabelNameLength: 0 }), own);
      // What a rule takes away from a key is not in the label.
      equal(told(name, {}, `${'x'.repeat(4000)}*=short*`), own);
      equal(
        told(name, {}, `${'x'.repeat(3000)}*=short*`),
        `more bytes than --${nameFlag}: limit 1024, actual 5000 ${nameFlag}`,
      );
    });

    test('of a type', () => {
      const message = otlpMessage([{ type: `${'x'.repeat(20_000)}/count`, samples: [{ stack: 'a', values: [1] }] }]);
      match(
        convert(message).rejected.error?.message ?? '',
        /a text of a value type is longer than label_text_bytes_max/,
      );
    });

    for (const [name, message] of [
      ['services', samplesOfService(2000, 40)],
      ['values of resources', resources(2000, 40, (long) => ({ key: 'k', value: { stringValueStrindex: long } }))],
      ['keys of resources', resources(2000, 40, (long) => ({ keyStrindex: long, value: text('v') }))],
    ] as const) {
      test(`of all ${name} together`, () => {
        throws(
          () => convert(message, { parts: { textBytesMax: 60_000 } }),
          /more than 60000 bytes of texts, as often as/,
        );
        equal(convert(message).rejected.count, 0);
      });
    }

    test('and looks at a service and a key once, however many samples name them', () => {
      const message = samplesOfService(2000, 40);
      for (const sample of message.resourceProfiles[0].scopeProfiles[0].profiles[0].samples)
        sample.attributeIndices = [1];
      equal(convert(message, { parts: { textBytesMax: 3000 } }).profiles.length, 1);
      // As many rows of attributes as samples, and one key.
      const keys = samplesOfService(2000, 40);
      const { attributeTable, stringTable } = keys.dictionary;
      attributeTable.fill({ keyStrindex: stringTable.length - 2, value: text('v') }, 1);
      equal(convert(keys, { parts: { textBytesMax: 6000 } }).profiles.length, 1);
    });

    test('and yields between them', () => {
      const stepsOf = (message: Message): number => {
        const run = convertOtlp(otlpProto(message), {
          rules: [],
          bounds: { maxBytes: 8 << 20, limits: { ...defaultProfileLimits, maxLabelValueLength: 1 << 20 } },
        });
        let count = 0;
        while (!run.next().done) count++;
        return count;
      };
      const samples = [samplesOfService(1, 40), samplesOfService(1 << 20, 40)].map(stepsOf);
      equal(samples[1] >= samples[0] + 8, true, `${samples} steps`);
      const value = (long: number): OtlpObject => ({ key: 'k', value: { stringValueStrindex: long } });
      const empty = [resources(1, 40, value), resources(1 << 20, 40, value)].map((message) => {
        for (const resource of message.resourceProfiles) resource.scopeProfiles = [];
        return stepsOf(message);
      });
      equal(empty[1] >= empty[0] + 8, true, `${empty} steps`);
    });
  });

  test('rejects too many samples before any is written, whatever services they are of', () => {
    const of = (service: string, count: number) =>
      Array.from({ length: count }, () => ({ stack: 'a', values: [1], attributes: { 'service.name': text(service) } }));
    const limits = { maxProfileStacktraceSamples: 5 };
    // A part that was written would have taken the last of the profiles.
    const message = otlpMessage([{ samples: [...of('few', 1), ...of('many', 6)] }, { samples: of('few', 5) }]);
    const { profiles, rejected } = convert(message, { limits, parts: { profilesMax: 1 } });
    deepEqual([profiles.length, rejected.reasons], [1, { samples_limit: 1 }]);
  });

  test('yields between parts of a large message', () => {
    const samples = Array.from({ length: 3000 }, () => ({ stack: new Array(40).fill('f').join(';'), values: [1] }));
    const steps = convertOtlp(otlpProto(otlpMessage([{ samples }])), {
      rules: [],
      bounds: { maxBytes: 1 << 20, limits: defaultProfileLimits },
    });
    let count = 0;
    while (!steps.next().done) count++;
    equal(count >= 4, true, `${count} steps`);
  });

  for (const [file, profileCount, total] of [
    ['java-agent-otlp', 1, undefined],
    ['otlp-cpu-spans', 2, 30_170_000_000n],
    ['otlp-ebpf-unsymbolised', 1, 10_140_561_600n],
  ] as const) {
    test(`converts ${file}, as it was captured`, () => {
      const message = gunzipSync(readFileSync(new URL(`../../../data/requests/${file}.pb.gz`, import.meta.url)));
      const { profiles, rejected } = convert(message);

      equal(rejected.count, 0);
      equal(profiles.length, profileCount);
      for (const { profile } of profiles) {
        const sum = decodeProfile(profile).samples.reduce((all, { values }) => all + values[0], 0n);
        if (total !== undefined) equal(sum, total);
      }
    });
  }
});

/** A location with an inlined function and one without functions, in a mapping with a build id. */
function patchedSymbols(): OtlpObject {
  const { resourceProfiles, dictionary } = otlpMessage([{ samples: [{ stack: 'x;y', values: [1] }] }]);
  const strings = [...dictionary.stringTable];
  const row = (value: string): number => strings.push(value) - 1;
  return {
    resourceProfiles,
    dictionary: {
      ...dictionary,
      attributeTable: [{}, { keyStrindex: row('process.executable.build_id.gnu'), value: text('abc') }],
      mappingTable: [
        {},
        {
          ...{ memoryStart: 4096, memoryLimit: 2n ** 64n - 1n, fileOffset: 16, filenameStrindex: row('/bin/app') },
          attributeIndices: [1],
        },
      ],
      functionTable: [
        {},
        { nameStrindex: row('inner'), systemNameStrindex: row('_inner'), filenameStrindex: row('i.c'), startLine: 2 },
        { nameStrindex: row('outer'), startLine: -1 },
      ],
      locationTable: [
        {},
        {
          ...{ mappingIndex: 1, address: 4100, attributeIndices: [1] },
          lines: [
            { functionIndex: 1, line: 5 },
            { functionIndex: 2, line: 4, column: 8 },
          ],
        },
        { mappingIndex: 1, address: 2n ** 63n },
      ],
      stackTable: [{}, { locationIndices: [1, 2] }],
      stringTable: strings,
    },
  };
}

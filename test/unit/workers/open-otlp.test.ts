import { deepEqual, equal, match, ok, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { StoreError } from '#src/domain/errors.ts';
import { runSteps } from '#src/domain/model/steps.ts';
import { OTLP_BOUNDS } from '#src/domain/otlp/parts-budget.ts';
import { Inflater } from '#src/workers/inflater.ts';
import { profilesInSteps } from '#src/workers/open-message.ts';
import { type OpenOtlpTask, openOtlp, partsWithin } from '#src/workers/open-otlp.ts';
import { defaultLimits } from '../../fixtures/limits.ts';
import { otlpJson, otlpMessage, otlpProto } from '../../fixtures/otlp-message.ts';

const message = otlpMessage([
  {
    samples: [
      { stack: 'a', values: [1], attributes: { 'service.name': { stringValue: 'x' } } },
      { stack: 'b', values: [2] },
    ],
  },
  { samples: [] },
  { samples: [{ stack: 'c', values: [3] }] },
]);

function open(task: Partial<OpenOtlpTask>, taskBytesMax = 64 << 20) {
  const bounds = { maxBytes: 1 << 20, limits: defaultLimits };
  const whole: OpenOtlpTask = {
    ...{ body: otlpProto(message), codec: 'proto', encoding: 'identity', rules: [], bounds },
    ...task,
  };
  return runSteps(openOtlp(whole, { taskBytesMax, inflater: Inflater.create() }));
}

describe('openOtlp', () => {
  for (const [name, task] of [
    ['protobuf', {}],
    ['JSON', { body: otlpJson(message), codec: 'json' }],
    ['protobuf in gzip', { body: gzipSync(otlpProto(message)), encoding: 'gzip' }],
    ['JSON in gzip', { body: gzipSync(otlpJson(message)), codec: 'json', encoding: 'gzip' }],
  ] as const) {
    test(`opens ${name}`, () => {
      const { opened, sources, rejected } = open(task);

      deepEqual(
        runSteps(profilesInSteps(opened)).map(({ service }) => service),
        ['x', 'shop', 'shop'],
      );
      deepEqual([...sources], [0, 0, 2]);
      equal(rejected.count, 0);
    });
  }

  test('counts what JSON has in fields that nobody knows with what cannot be converted, and tells what is no fault of attributes', () => {
    const { resourceProfiles, dictionary } = otlpMessage(
      ['x', 'x', 'y'].map((type) => ({ type: `${type}/count`, samples: [{ stack: 'a', values: [1] }] })),
    );
    const [resource] = resourceProfiles;
    const [good, bad, other] = resource.scopeProfiles[0].profiles;
    bad.samples[0].attributeIndices = [9];
    const { samples, ...rest } = other;
    const openProfiles = (profiles: readonly object[]) => {
      const scopeProfiles = [{ ...resource.scopeProfiles[0], profiles }];
      const whole = { resourceProfiles: [{ ...resource, scopeProfiles }], dictionary };
      return open({ body: otlpJson(whole), codec: 'json' });
    };

    const { sources, rejected } = openProfiles([good, bad, { ...rest, sample: samples }]);
    deepEqual([sources.length, rejected.count, rejected.reasons], [1, 2, { malformed_profile: 2 }]);
    match(rejected.error?.message ?? '', /has no samples, but "sample"/);
    equal(openProfiles([bad, { ...rest, sample: samples }]).rejected.count, 2);
    match(openProfiles([good, bad]).rejected.error?.message ?? '', /names attribute 9/);
  });

  test('applies the rules, and shares the labels of a series', () => {
    const { opened } = open({ rules: [{ attribute: 'service.name', isPrefix: false, label: undefined }] });

    equal(opened.series.ends.length, 2);
    for (const { labels } of runSteps(profilesInSteps(opened)))
      equal(
        labels.some(({ name }) => name === 'service.name'),
        false,
      );
  });

  test('refuses what is larger than a request may be, before and after it is inflated', () => {
    const bounds = { maxBytes: 200, limits: defaultLimits };
    throws(() => open({ bounds }), { code: 'limit-exceeded', message: /limit 200 bytes, actual \d+ bytes/ });
    const bomb = gzipSync(new Uint8Array(1 << 16));
    throws(() => open({ body: bomb, encoding: 'gzip', bounds }), {
      code: 'limit-exceeded',
      message:
        /--distributor.ingestion-body-limit-mb: limit 200 bytes, actual 65536 bytes \(64 KiB\), as its gzip trailer says$/,
    });
  });

  test('a task has memory for a quarter of it, as it came, inflated, as protobuf and as profiles, and the limit is named', () => {
    const share = /a thread has room for \(1\/4 of --pool\.task-bytes-max\): limit 1000 bytes, actual /;
    const tooLarge = (task: Partial<OpenOtlpTask>, actual: string) =>
      throws(
        () => open(task, 4000),
        ({ code, message }: StoreError) =>
          code === 'limit-exceeded' && share.test(message) && message.endsWith(actual) && !message.includes('limit_mb'),
      );
    const withText = (bytes: number) => otlpMessage([{ samples: [{ stack: 'x'.repeat(bytes), values: [1] }] }]);
    const fixed = otlpProto(message).length - 1;

    equal(open({ body: otlpProto(message) }, 4 * (fixed + 1)).opened.ends.length, 3);
    throws(() => open({ body: otlpProto(message) }, 4 * fixed), { code: 'limit-exceeded' });
    tooLarge({ body: otlpProto(withText(1000)) }, `${otlpProto(withText(1000)).length} bytes`);
    const said = (bytes: Uint8Array) => `${bytes.length} bytes, as its gzip trailer says`;
    const [proto, json] = [otlpProto(withText(1000)), otlpJson(withText(1000))];
    tooLarge({ body: gzipSync(proto), encoding: 'gzip' }, said(proto));
    tooLarge({ body: gzipSync(json), codec: 'json', encoding: 'gzip' }, said(json));
    const members = Buffer.concat([gzipSync(proto), gzipSync(Buffer.of(1))]);
    tooLarge({ body: members, encoding: 'gzip' }, 'more than that once opened');
    // Of times, a digit becomes eight bytes.
    const timestamps = `{"resourceProfiles":[{"scopeProfiles":[{"profiles":[{"samples":[{"timestampsUnixNano":[${'1,'.repeat(200)}1]}]}]}]}]}`;
    tooLarge({ body: Buffer.from(timestamps), codec: 'json' }, 'more than that once opened');
  });

  test('profiles that are together larger than a share are refused as a whole', () => {
    const samples = [{ stack: 'x'.repeat(300), values: [1] }];
    const profiles = Array.from({ length: 5 }, () => ({ samples }));
    const body = otlpProto(otlpMessage(profiles));
    ok(body.length < 1000);

    throws(() => open({ body }, 4000), {
      code: 'invalid-argument',
      message: /together larger than a thread has room for \(1\/4 of --pool\.task-bytes-max\): limit 1000 bytes/,
    });
    equal(open({ body: otlpProto(otlpMessage(profiles)) }, 16_000).opened.ends.length, 5);
  });

  test('its tables may take half of a task, and its labels an eighth', () => {
    const { columnBytesMax, labelCharsMax } = partsWithin({ taskBytesMax: 48 << 20 });
    deepEqual([columnBytesMax, labelCharsMax], [24 << 20, 6 << 20]);
    deepEqual(partsWithin({ taskBytesMax: 256 << 20 }), OTLP_BOUNDS);
    deepEqual(partsWithin({ taskBytesMax: 2 ** 40 }), OTLP_BOUNDS);

    const mappingTable = Array.from({ length: 1 << 17 }, () => ({}));
    const body = otlpProto({ resourceProfiles: [{}], dictionary: { mappingTable } });
    equal(open({ body: new Uint8Array(body) }, 16 << 20).rejected.count, 0);
    throws(() => open({ body }, 8 << 20), { message: /more than 4194304 bytes of memory for its tables/ });
  });

  test('gives back what it opened before the profiles are copied, and each of these as it is copied', () => {
    const body = new Uint8Array(otlpProto(message));
    const { opened } = open({ body });

    equal(body.buffer.byteLength, 0);
    equal(opened.bytes.buffer.byteLength, opened.ends.at(-1));
  });
});

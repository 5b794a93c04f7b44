import { deepEqual, equal, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { runSteps } from '#src/domain/model/steps.ts';
import { requestLabels } from '#src/domain/series/request-labels.ts';
import { Inflater } from '#src/workers/inflater.ts';
import { type OpenMessageTask, openMessage, profilesInSteps } from '#src/workers/open-message.ts';
import { labelList } from '../../fixtures/labels.ts';
import { defaultLimits } from '../../fixtures/limits.ts';
import { type PushSeries, pushJson, pushProto } from '../../fixtures/push-message.ts';

const series: readonly PushSeries[] = [
  { labels: labelList({ __name__: 'x', größe: 'ü' }), profiles: [Uint8Array.of(1, 2), Uint8Array.of(3)] },
  { labels: labelList({ __name__: 'y' }), profiles: [new Uint8Array(0), Uint8Array.of(255, 254, 253, 252)] },
];
const expected = series.flatMap(({ labels, profiles }) =>
  profiles.map((profile) => ({ ...requestLabels(labels, defaultLimits), profile, ingest: undefined })),
);

function taskOf(body: Uint8Array, task: Partial<OpenMessageTask> = {}): OpenMessageTask {
  return { body, codec: 'json', encoding: 'identity', maxBytes: 1 << 20, limits: defaultLimits, ...task };
}

function open(body: Uint8Array, task: Partial<OpenMessageTask> = {}, taskBytesMax = 256 << 20) {
  const opened = runSteps(openMessage(taskOf(body, task), { taskBytesMax, inflater: Inflater.create() }));
  return { opened, profiles: runSteps(profilesInSteps(opened)) };
}

describe('openMessage', () => {
  test('opens both forms, compressed or not', () => {
    deepEqual(open(pushJson(series)).profiles, expected);
    deepEqual(open(gzipSync(pushJson(series)), { encoding: 'gzip' }).profiles, expected);
    deepEqual(open(pushProto(series), { codec: 'proto' }).profiles, expected);
    deepEqual(open(gzipSync(pushProto(series)), { codec: 'proto', encoding: 'gzip' }).profiles, expected);
  });

  test('sends the labels of a series once, and its profiles share them', () => {
    const labels = labelList({ __name__: 'x', service_name: 's' });
    const many = [{ labels, profiles: Array.from({ length: 1000 }, () => Uint8Array.of(1)) }, ...series];

    for (const { opened, profiles } of [open(pushProto(many), { codec: 'proto' }), open(pushJson(many))]) {
      equal(opened.series.ends.length, 3);
      equal(new Set(profiles.map((profile) => profile.labels)).size, 3);
    }
  });

  test('keeps labels back that are over the limits of the tenant, and says so of each profile', () => {
    const labels = Array.from({ length: 100_000 }, (_, i) => ({ name: `l${i}`, value: 'v' }));
    const wide = [{ labels, profiles: [Uint8Array.of(1), Uint8Array.of(2)] }];

    for (const { profiles } of [
      open(pushProto(wide), { codec: 'proto', maxBytes: 4 << 20 }),
      open(pushJson(wide), { maxBytes: 8 << 20 }),
    ]) {
      deepEqual(
        profiles.map(({ labels, labelFault }) => [labels.length, labelFault?.details['reason']]),
        [
          [0, 'max_label_names_per_series'],
          [0, 'max_label_names_per_series'],
        ],
      );
    }
  });

  test('gives all profiles in one buffer that holds nothing else', () => {
    const { profiles, opened } = open(pushProto(series), { codec: 'proto' });

    equal(opened.bytes.buffer.byteLength, 7);
    for (const { profile } of profiles) equal(profile.buffer, opened.bytes.buffer);
  });

  test('takes the proto names, url-safe base64, missing padding, null, and fields that nobody knows', () => {
    const text = `{"nope": ${'['.repeat(99)}${']'.repeat(99)}, "series": [{"labels": null, "annotations": [{"key": "k"}],
      "samples": [{"raw_profile": "_-__"}, {"rawProfile": "/+//", "ID": "a"}, {"rawProfile": "AQ"}, {"rawProfile": null}]}]}`;

    const { profiles } = open(Buffer.from(text));

    deepEqual(
      profiles.map(({ profile }) => Buffer.from(profile).toString('hex')),
      ['ffefff', 'ffefff', '01', ''],
    );
  });

  for (const [name, text] of [
    ['nothing', ''],
    ['half of an object', '{'],
    ['a list', '[]'],
    ['null', 'null'],
    ['two values', '{} {}'],
    ['series that is no list', '{"series":5}'],
    ['a series that is null', '{"series":[null]}'],
    ['a label that is a number', '{"series":[{"labels":[{"name":"a","value":1}]}]}'],
    ['bytes that are not base64', '{"series":[{"samples":[{"rawProfile":"***"}]}]}'],
    ['base64 of two alphabets', '{"series":[{"samples":[{"rawProfile":"_-+/"}]}]}'],
    ['base64 with one digit too many', '{"series":[{"samples":[{"rawProfile":"AAAAA"}]}]}'],
    ['a field under both of its names', '{"series":[{"samples":[{"rawProfile":"","raw_profile":"AAAA"}]}]}'],
    ['an id that is no text', '{"series":[{"samples":[{"ID":5}]}]}'],
  ] as const) {
    test(`refuses JSON of ${name}`, () => {
      throws(() => open(Buffer.from(text)), { code: 'invalid-argument' });
    });
  }

  test('refuses JSON that is not UTF-8', () => {
    throws(() => open(Buffer.of(0x7b, 0xff, 0x7d)), { code: 'invalid-argument' });
  });

  test('refuses what is larger than the maximum, before or after it is inflated', () => {
    const tooLarge = { code: 'limit-exceeded', message: /limit 1000 bytes/ };

    throws(() => open(new Uint8Array(1001), { maxBytes: 1000 }), tooLarge);
    throws(() => open(gzipSync(new Uint8Array(100_000)), { maxBytes: 1000, encoding: 'gzip' }), tooLarge);
  });

  test('a task has memory for a quarter of it inflated, and for all of it as it came', () => {
    const [max, taskBytesMax] = [1 << 20, 4000];
    const openWithin = (body: Uint8Array, encoding: 'identity' | 'gzip', maxBytes = max) => {
      const steps = openMessage(taskOf(body, { encoding, codec: 'proto', maxBytes }), {
        taskBytesMax,
        inflater: undefined,
      });
      return runSteps(steps).ends.length;
    };
    const message = (profileBytes: number) => pushProto([{ labels: [], profiles: [new Uint8Array(profileBytes)] }]);

    equal(openWithin(gzipSync(message(930)), 'gzip'), 1);
    throws(() => openWithin(gzipSync(message(1000)), 'gzip'), {
      code: 'limit-exceeded',
      message: /\(1\/4 of --pool\.task-bytes-max\): limit 1000 bytes, actual 10\d\d bytes, as its gzip trailer says$/,
    });
    // The trailer of the last member speaks of that alone.
    const members = Buffer.concat([gzipSync(message(1000)), gzipSync(Buffer.of(1))]);
    throws(() => openWithin(members, 'gzip'), {
      code: 'limit-exceeded',
      message: /: limit 1000 bytes, actual more than that once inflated$/,
    });
    equal(openWithin(message(3930), 'identity'), 1);
    throws(() => openWithin(message(4000), 'identity'), {
      message: /\(--pool\.task-bytes-max\): limit 4000 bytes, actual 40\d\d bytes/,
    });
    // Of two limits the smaller one is named.
    throws(() => openWithin(gzipSync(message(1000)), 'gzip', 500), {
      message: /larger than --distributor.ingestion-body-limit-mb: limit 500 bytes/,
    });
  });

  test('refuses a label of which one text is too long for a step', () => {
    const labels = [{ name: 'a', value: 'x'.repeat((1 << 20) + 1) }];
    for (const [codec, body] of [
      ['proto', pushProto([{ labels, profiles: [Uint8Array.of(1)] }])],
      ['json', pushJson([{ labels, profiles: [Uint8Array.of(1)] }])],
    ] as const) {
      throws(() => open(body, { codec, maxBytes: 2 << 20 }), { message: /or 1048576 of one name or value/ });
    }
  });

  test('refuses gzip that is none', () => {
    throws(() => open(Buffer.from('{}'), { encoding: 'gzip' }), {
      code: 'invalid-argument',
      message: /cannot be inflated: it is not gzip, but begins with the bytes 7b7d, as JSON does$/,
    });
    const cut = gzipSync(pushJson(series)).subarray(0, -9);
    throws(() => open(cut, { encoding: 'gzip' }), {
      code: 'invalid-argument',
      message: /the gzip data is cut off: it ends early, at byte \d+$/,
    });
  });

  test('refuses a message with more parts than memory should be spent on', () => {
    const proto = Buffer.alloc((2 << 20) | 2, Buffer.of(0x0a, 0));
    const json = Buffer.from(`{"series":[${'{},'.repeat(1 << 20)}{}]}`);
    const tooMany = {
      code: 'invalid-argument',
      message: /too many parts: more than 1048576 fields, or 65536 profiles/,
    };

    throws(() => open(proto, { codec: 'proto', maxBytes: 4 << 20 }), tooMany);
    throws(() => open(json, { maxBytes: 4 << 20 }), tooMany);

    const samples = (count: number) => Buffer.alloc(2 * count, Buffer.of(0x12, 0));
    const series = (...parts: Uint8Array[]) => {
      const length = parts.reduce((sum, part) => sum + part.length, 0);
      return Buffer.concat([
        Buffer.of(0x0a, (length & 127) | 128, ((length >> 7) & 127) | 128, length >> 14),
        ...parts,
      ]);
    };
    const most = open(series(samples(65_536)), { codec: 'proto' }).profiles;
    equal(most.length, 65_536);
    throws(() => open(series(samples(65_537)), { codec: 'proto' }), tooMany);
  });

  test('looks at fewer parts and labels where a thread has less memory', () => {
    const fields = (n: number): Uint8Array => Buffer.alloc(2 * n, Buffer.of(0x0a, 0));
    const proto = { codec: 'proto', maxBytes: 4 << 20 } as const;
    const tooMany = {
      code: 'invalid-argument',
      message: /more than 4096 fields, .* or 262144 bytes of labels,.* --pool.task-bytes-max 1048576 bytes \(1 MiB\)$/,
    };

    open(fields(4096), proto, 1 << 20);
    throws(() => open(fields(4097), proto, 1 << 20), tooMany);
    open(fields(4097), proto, 2 << 20);
    const wide = pushProto([{ labels: labelList({ a: 'x'.repeat(300_000) }), profiles: [] }]);
    throws(() => open(wide, proto, 1 << 20), tooMany);
    open(wide, proto, 2 << 20);
  });
});

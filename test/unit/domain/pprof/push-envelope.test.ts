import { deepEqual, equal, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MAIN_LOOP_ENVELOPE, readPushEnvelope } from '#src/domain/pprof/push-envelope.ts';
import { labelList } from '../../../fixtures/labels.ts';
import { pushProto } from '../../../fixtures/push-message.ts';

const budget = MAIN_LOOP_ENVELOPE;
const profile = Uint8Array.of(1, 2, 3);

describe('readPushEnvelope', () => {
  test('finds the profiles of every series, as views into the message', () => {
    const labels = labelList({ __name__: 'x', region: '' });
    const body = pushProto([
      { labels, profiles: [profile, new Uint8Array(0)] },
      { labels: [], profiles: [profile] },
    ]);

    const read = readPushEnvelope(body, budget);

    deepEqual(read, [
      { labels, profile, ingest: undefined },
      { labels, profile: new Uint8Array(0), ingest: undefined },
      { labels: [], profile, ingest: undefined },
    ]);
    equal(read?.[0]?.profile.buffer, body.buffer);
  });

  test('finds labels that come after the samples', () => {
    const label = Buffer.of(0x0a, 6, 0x0a, 1, 0x61, 0x12, 1, 0x62);
    const sample = Buffer.of(0x12, 3, 0x0a, 1, 9);
    const body = Buffer.concat([Buffer.of(0x0a, label.length + sample.length), sample, label]);

    deepEqual(readPushEnvelope(body, budget)?.[0]?.labels, [{ name: 'a', value: 'b' }]);
  });

  test('reads nothing from an empty message', () => {
    deepEqual(readPushEnvelope(new Uint8Array(0), budget), []);
  });

  test('stops at its budget', () => {
    const few = pushProto([{ labels: labelList({ a: 'b' }), profiles: [profile] }]);
    const many = pushProto(
      Array.from({ length: 1000 }, () => ({ labels: labelList({ a: 'b' }), profiles: [profile] })),
    );
    const long = pushProto([{ labels: labelList({ a: 'b'.repeat(70_000) }), profiles: [profile] }]);

    equal(readPushEnvelope(few, { fieldsMax: 7, labelBytesMax: 6, profilesMax: 9 })?.length, 1);
    equal(readPushEnvelope(few, { fieldsMax: 6, labelBytesMax: 6, profilesMax: 9 }), undefined);
    equal(readPushEnvelope(few, { fieldsMax: 7, labelBytesMax: 5, profilesMax: 9 }), undefined);
    const ofTwo = pushProto([{ labels: [], profiles: [profile, profile] }]);
    equal(readPushEnvelope(ofTwo, { fieldsMax: 7, labelBytesMax: 6, profilesMax: 2 })?.length, 2);
    equal(readPushEnvelope(ofTwo, { fieldsMax: 7, labelBytesMax: 6, profilesMax: 1 }), undefined);
    equal(readPushEnvelope(many, budget), undefined);
    equal(readPushEnvelope(long, budget), undefined);
  });

  for (const [name, body] of [
    ['what is no message', Buffer.alloc(4, 0xff)],
    ['a message that is cut off', pushProto([{ labels: [], profiles: [profile] }]).subarray(0, -1)],
    ['a profile that is a number', Buffer.of(0x0a, 4, 0x12, 2, 0x08, 1)],
    ['a label that is not UTF-8', Buffer.of(0x0a, 5, 0x0a, 3, 0x0a, 1, 0xff)],
  ] as const) {
    test(`refuses ${name}`, () => {
      throws(() => readPushEnvelope(body, budget), {
        code: 'invalid-argument',
        message: /push message cannot be decoded/,
      });
    });
  }
});

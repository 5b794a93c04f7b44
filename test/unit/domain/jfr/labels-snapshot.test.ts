import { deepEqual, equal, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readLabelsSnapshot, snapshotKey } from '#src/domain/jfr/labels-snapshot.ts';
import { runSteps } from '#src/domain/model/steps.ts';
import { labelsSnapshot } from '../../../fixtures/labels-snapshot.ts';

const read = (bytes: Uint8Array) => runSteps(readLabelsSnapshot(bytes));

describe('readLabelsSnapshot', () => {
  test('is read in steps, in the message and in a context', () => {
    const pairs = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [String(i), i]));
    const strings = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [String(i), 'x']));
    const steps = readLabelsSnapshot(labelsSnapshot({ contexts: { 1: pairs }, strings }));
    let count = 0;
    let step = steps.next();
    for (; !step.done; step = steps.next()) count++;

    equal(count, (2 + 2 * 3 * 10_000 + 1) >> 12);
    equal(step.value.contexts.get(snapshotKey(1n))?.length, 10_000);
    equal(step.value.strings.size, 10_000);
  });

  test('reads contexts and strings', () => {
    const snapshot = read(
      labelsSnapshot({ contexts: { 1: { 10: 11, 12: 13 }, '-2': {} }, strings: { 10: 'a', 11: '' } }),
    );

    deepEqual(snapshot.contexts.get(snapshotKey(1n)), [
      [10n, 11n],
      [12n, 13n],
    ]);
    deepEqual(snapshot.contexts.get(snapshotKey(-2n)), []);
    deepEqual(
      [...snapshot.strings].map(([key, number]) => [key, Buffer.from(snapshot.texts.bytesOf(number)).toString()]),
      [
        [snapshotKey(10n), 'a'],
        [snapshotKey(11n), ''],
      ],
    );
    equal(read(new Uint8Array(0)).contexts.size, 0);
  });

  test('refuses what is no such message, or has too many fields', () => {
    const whole = labelsSnapshot({ contexts: { 1: { 2: 3 } }, strings: { 2: 'key', 3: 'value' } });

    throws(() => read(whole.subarray(0, -1)), {
      code: 'invalid-argument',
      message: /its labels are no such message: a field of 9 bytes at offset/,
    });
    throws(() => read(Buffer.from('not a message')), { code: 'invalid-argument' });
    const empty = Uint8Array.from({ length: 2 * (1 << 18) + 2 }, (_, i) => (i % 2 === 0 ? 0x12 : 0));
    throws(() => read(empty), { message: /more than 262144 fields/ });
  });
});

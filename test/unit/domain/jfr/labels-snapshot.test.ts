import { deepEqual, equal, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readLabelsSnapshot, snapshotKey } from '#src/domain/jfr/labels-snapshot.ts';
import { labelsSnapshot } from '../../../fixtures/labels-snapshot.ts';

describe('readLabelsSnapshot', () => {
  test('reads contexts and strings', () => {
    const snapshot = readLabelsSnapshot(
      labelsSnapshot({ contexts: { 1: { 10: 11, 12: 13 }, '-2': {} }, strings: { 10: 'a', 11: '' } }),
    );

    deepEqual(snapshot.contexts.get(snapshotKey(1n)), [
      [10n, 11n],
      [12n, 13n],
    ]);
    deepEqual(snapshot.contexts.get(snapshotKey(-2n)), []);
    deepEqual(
      [...snapshot.strings],
      [
        [snapshotKey(10n), 'a'],
        [snapshotKey(11n), ''],
      ],
    );
    equal(readLabelsSnapshot(new Uint8Array(0)).contexts.size, 0);
  });

  test('refuses what is no such message, or has too many fields', () => {
    const whole = labelsSnapshot({ contexts: { 1: { 2: 3 } }, strings: { 2: 'key', 3: 'value' } });

    throws(() => readLabelsSnapshot(whole.subarray(0, -1)), {
      code: 'invalid-argument',
      message: /its labels are no such message: a field of 9 bytes at offset/,
    });
    throws(() => readLabelsSnapshot(Buffer.from('not a message')), { code: 'invalid-argument' });
    const empty = Uint8Array.from({ length: 2 * (1 << 18) + 2 }, (_, i) => (i % 2 === 0 ? 0x12 : 0));
    throws(() => readLabelsSnapshot(empty), { message: /more than 262144 fields/ });
  });
});

import { deepEqual, equal, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ENTRY_MEMORY, readLabelsSnapshot, snapshotKey } from '#src/domain/jfr/labels-snapshot.ts';
import { MemoryBudget } from '#src/domain/model/memory-budget.ts';
import { runSteps } from '#src/domain/model/steps.ts';
import { labelsSnapshot } from '../../../fixtures/labels-snapshot.ts';

const memoryOf = (limitBytes: number) => new MemoryBudget(limitBytes, () => new Error('full'));
const read = (bytes: Uint8Array, memory = memoryOf(64 << 20)) => runSteps(readLabelsSnapshot(bytes, memory));

describe('readLabelsSnapshot', () => {
  test('is read in steps, in the message and in a context', () => {
    const pairs = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [String(i), i]));
    const strings = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [String(i), 'x']));
    const steps = readLabelsSnapshot(labelsSnapshot({ contexts: { 1: pairs }, strings }), memoryOf(64 << 20));
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

  test('takes its memory from that of the recording', () => {
    const bytes = labelsSnapshot({ contexts: { 1: { 2: 3 } }, strings: { 2: 'key', 3: 'value', 4: 'key' } });
    const needed = 5 * ENTRY_MEMORY + 2 * 'keyvalue'.length;
    const memory = memoryOf(needed);

    read(bytes, memory);
    equal(memory.takenBytes, needed);
    throws(() => read(bytes, memoryOf(needed - 1)), { message: 'full' });
  });

  test('refuses what is no such message, or has too many fields', () => {
    const whole = labelsSnapshot({ contexts: { 1: { 2: 3 } }, strings: { 2: 'key', 3: 'value' } });

    throws(() => read(whole.subarray(0, -1)), {
      code: 'invalid-argument',
      message: /its labels are no such message: a field is longer than the 8 bytes that are left, at byte \d+$/,
    });
    throws(() => read(Buffer.from('not a message')), { code: 'invalid-argument' });
    // A context whose label ends within its key.
    throws(() => read(Uint8Array.of(0x0a, 7, 0x08, 1, 0x12, 3, 0x0a, 1, 0x08)), {
      code: 'invalid-argument',
      message: /its labels are no such message: it ends within a field, at byte 3 of a context$/,
    });
    const empty = Uint8Array.from({ length: 2 * (1 << 18) + 2 }, (_, i) => (i % 2 === 0 ? 0x12 : 0));
    throws(() => read(empty), { message: /more than 262144 fields/ });
  });
});

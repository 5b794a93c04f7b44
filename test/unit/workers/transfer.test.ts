import { deepEqual, equal, notEqual } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { buffersOf, movable, ownedBytes } from '#src/workers/transfer.ts';

/** Fails whoever looks into it. */
const untouchable = {
  get labels(): never {
    throw new Error('a list of labels was walked to its end');
  },
};

describe('buffersOf', () => {
  test('finds the buffers of columns, in objects and lists, each once', () => {
    const shared = new Uint8Array(10);
    const values = new BigInt64Array(3);
    const pieces = [shared.subarray(0, 5), shared.subarray(5), new Uint8Array(7)];
    const plain = new ArrayBuffer(4);

    const found = buffersOf({ report: { kind: 'tree', values, names: undefined }, pieces, plain });

    deepEqual(new Set(found), new Set([values.buffer, shared.buffer, pieces[2].buffer, plain]));
    equal(found.length, 4);
  });

  test('leaves out what Node shares between small buffers, and memory that threads share', () => {
    deepEqual(buffersOf([Buffer.from('small'), new Uint8Array(new SharedArrayBuffer(8))]), []);
  });

  test('finds what stands in a list behind a buffer that cannot be moved, or behind an empty list', () => {
    const bytes = new Uint8Array(5);
    deepEqual(buffersOf({ pieces: [Buffer.from('small'), bytes] }), [bytes.buffer]);
    deepEqual(buffersOf([{ fetched: [] }, { fetched: [{ bytes }] }]), [bytes.buffer]);
  });

  test('does not walk through lists of names and labels', () => {
    const bytes = new Uint8Array(5);
    const labels = [{ name: 'a', value: 'b' }, untouchable];
    const reads = [{ datasets: [{ labels: [labels, untouchable] }, untouchable], fetched: [{ bytes }] }];
    deepEqual(buffersOf({ names: ['a', untouchable], reads }), [bytes.buffer]);
  });

  test('finds nothing in what holds nothing', () => {
    for (const value of [undefined, null, 1, 'text', [], {}, { value: undefined }]) deepEqual(buffersOf(value), []);
  });
});

describe('ownedBytes', () => {
  test('copies a part of a buffer, and nothing else', () => {
    const whole = new Uint8Array([1, 2, 3]);
    equal(ownedBytes(whole), whole);
    const part = ownedBytes(whole.subarray(1));
    deepEqual([...part], [2, 3]);
    equal(part.buffer.byteLength, 2);
    equal(ownedBytes(Buffer.from('ab')).buffer.byteLength, 2);
  });
});

test('no bytes never share a buffer, which could be given away only once', () => {
  const none = new Uint8Array(0);
  for (const own of [ownedBytes, movable]) {
    const buffers = [own(none).buffer, own(none).buffer];

    notEqual(buffers[0], buffers[1], own.name);
    structuredClone(buffers, { transfer: buffers });
  }
});

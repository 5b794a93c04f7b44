// How much is done between two pauses when a message is opened, in units of work: time depends on the machine.

import { ok } from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { Steps } from '#src/domain/model/steps.ts';
import { JsonReader } from '#src/domain/pprof/json-reader.ts';
import { WireReader } from '#src/domain/protobuf/wire-reader.ts';
import { Inflater } from '#src/workers/inflater.ts';
import { type OpenMessageTask, openMessage } from '#src/workers/open-message.ts';
import { defaultLimits } from '../../fixtures/limits.ts';
import { pushProto } from '../../fixtures/push-message.ts';

const MIB = 1 << 20;

function stepsOf(body: Uint8Array, task: Partial<OpenMessageTask> = {}, inflater = Inflater.create()): Steps<unknown> {
  const whole = {
    body,
    codec: 'proto',
    encoding: 'identity',
    maxBytes: 64 * MIB,
    limits: defaultLimits,
    ...task,
  } as const;
  return openMessage(whole, { taskBytesMax: 256 * MIB, inflater });
}

/** @param done  how much work was done so far */
function workOf(steps: Steps<unknown>, done: () => number): { longest: number; total: number; pauses: number } {
  const start = done();
  let [longest, before, pauses] = [0, start, 0];
  for (;;) {
    const { done: isOver } = steps.next();
    const now = done();
    longest = Math.max(longest, now - before);
    before = now;
    if (isOver) return { longest, total: now - start, pauses };
    pauses++;
  }
}

/** Counts the calls of a method while the test runs, or what `weight` says of each. */
function counting<T extends object>(
  t: TestContext,
  target: T,
  names: readonly string[],
  weight: (argument: never) => number = () => 1,
): () => number {
  let count = 0;
  for (const name of names) {
    const original = Reflect.get(target, name) as (...args: unknown[]) => unknown;
    Reflect.set(target, name, function (this: unknown, ...args: unknown[]) {
      count += weight(args[0] as never);
      return original.apply(this, args);
    });
    t.after(() => Reflect.set(target, name, original));
  }
  return () => count;
}

function field(number: number, bytes: Uint8Array): Buffer {
  const length = [];
  let rest = bytes.length;
  for (; rest > 127; rest >>>= 7) length.push((rest & 127) | 128);
  return Buffer.concat([Buffer.of((number << 3) | 2, ...length, rest), bytes]);
}

describe('the steps of openMessage', () => {
  const many = 20_000;
  const emptyFields = (number: number): Buffer => Buffer.alloc(2 * many, field(number, new Uint8Array(0)));
  for (const [where, body] of [
    ['the message', emptyFields(1)],
    ['a message of what nobody knows', emptyFields(9)],
    ['a series', field(1, emptyFields(1))],
    ['a label', field(1, field(1, emptyFields(9)))],
    ['a sample', field(1, field(2, emptyFields(9)))],
  ] as const) {
    test(`read a bounded number of fields, of ${where}`, (t) => {
      const { longest, total } = workOf(stepsOf(body), counting(t, WireReader.prototype, ['open', 'skip']));

      ok(total >= many);
      ok(longest <= 4200, `${longest} of ${total}`);
    });
  }

  for (const [where, text] of [
    ['series', `{"series":[${'{},'.repeat(many)}{}]}`],
    ['labels', `{"series":[{"labels":[${'{},'.repeat(many)}{}]}]}`],
    ['samples', `{"series":[{"samples":[${'{},'.repeat(many)}{}]}]}`],
    ['fields that nobody knows', `{${'"x":1,'.repeat(many)}"x":1}`],
  ] as const) {
    test(`read a bounded number of values of JSON, of ${where}`, (t) => {
      const done = counting(t, JsonReader.prototype, ['firstField', 'nextField', 'firstElement', 'nextElement']);
      const { longest, total } = workOf(stepsOf(Buffer.from(text), { codec: 'json' }), done);

      ok(total >= many);
      ok(longest <= 3 * 4200, `${longest} of ${total}`); // An element of none fields is two or three calls.
    });
  }

  test('decode a bounded number of base64 digits', () => {
    const start = Buffer.from('{"series":[{"samples":[{"rawProfile":"');
    const body = Buffer.concat([start, Buffer.alloc(12 * MIB, 'A'), Buffer.from('"}]}]}')]);
    let at = start.length;
    const decoded = (): number => {
      while (body[at] === 0) at++;
      return at;
    };
    const { longest, total } = workOf(stepsOf(body, { codec: 'json' }), decoded);

    ok(total >= 8 * MIB);
    ok(longest <= 2 * MIB, `${longest} of ${total}`);
  });

  for (const [what, text, pausesMin] of [
    ['a text that is stepped over', `{"x":"${'x'.repeat(8 * MIB)}"}`, 8],
    ['a profile with escapes', `{"series":[{"samples":[{"rawProfile":"${'\\/\\/AA'.repeat(MIB)}"}]}]}`, 6 + 24],
    ['an id', `{"series":[{"samples":[{"ID":"${'x'.repeat(8 * MIB)}"}]}]}`, 8],
  ] as const) {
    test(`look at a bounded part of ${what}`, () => {
      const { pauses } = workOf(stepsOf(Buffer.from(text), { codec: 'json' }), () => 0);

      ok(pauses >= pausesMin, `${pauses} pauses`);
    });
  }

  test('inflate a bounded number of bytes', () => {
    const body = gzipSync(pushProto([{ labels: [], profiles: [new Uint8Array(10 * MIB)] }]));
    const real = Inflater.create() as Inflater;
    let made = 0;
    const inflater = {
      inflateInto(source: Uint8Array, target: Uint8Array) {
        made += target.length;
        return real.inflateInto(source, target);
      },
      continueInto(target: Uint8Array) {
        made += target.length;
        return real.continueInto(target);
      },
    } as unknown as Inflater;
    const { longest, total } = workOf(stepsOf(body, { encoding: 'gzip' }, inflater), () => made);

    ok(total >= 10 * MIB);
    ok(longest <= MIB, `${longest} of ${total}`);
  });

  test('copy a bounded number of bytes', (t) => {
    const profiles = [new Uint8Array(20 * MIB), ...Array.from({ length: 200 }, () => new Uint8Array(MIB / 10))];
    const body = gzipSync(pushProto([{ labels: [], profiles }]), { level: 1 });
    const copied = counting(t, Uint8Array.prototype, ['set'], ({ length }: Uint8Array) => length);
    const { longest, total } = workOf(stepsOf(body, { encoding: 'gzip' }), copied);

    ok(total >= 2 * 39 * MIB);
    ok(longest <= 8 * MIB, `${longest} of ${total}`);
  });

  test('look at a bounded number of labels and of series', (t) => {
    const label = { name: 'a', value: 'b' };
    const counted = counting(t, Buffer, ['byteLength']);
    const oneSeries = pushProto([
      { labels: Array.from({ length: 100_000 }, () => label), profiles: [new Uint8Array(1)] },
    ]);
    const long = workOf(stepsOf(oneSeries), counted);
    ok(long.total >= 200_000);
    ok(long.longest <= 2 * (1 << 15), `${long.longest} of ${long.total}`);

    const manySeries = pushProto(
      Array.from({ length: many }, () => ({ labels: [label], profiles: [new Uint8Array(1)] })),
    );
    const wide = workOf(stepsOf(manySeries), counted);
    ok(wide.total >= 2 * many);
    ok(wide.longest <= 2 * 4096, `${wide.longest} of ${wide.total}`);
  });
});

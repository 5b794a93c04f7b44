import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { runSteps } from '#src/domain/model/steps.ts';
import { inflateInSteps } from '#src/workers/inflate-steps.ts';
import { Inflater } from '#src/workers/inflater.ts';
import { profilesOf } from '#src/workers/open-message.ts';
import { type OpenOtlpTask, openOtlp } from '#src/workers/open-otlp.ts';
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

function open(task: Partial<OpenOtlpTask>) {
  const bounds = { maxBytes: 1 << 20, limits: defaultLimits };
  const whole: OpenOtlpTask = {
    ...{ body: otlpProto(message), codec: 'proto', encoding: 'identity', rules: [], bounds },
    ...task,
  };
  return runSteps(openOtlp(whole, Inflater.create()));
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
        [...profilesOf(opened)].map(({ service }) => service),
        ['x', 'shop', 'shop'],
      );
      deepEqual([...sources], [0, 0, 2]);
      equal(rejected.count, 0);
    });
  }

  test('applies the rules, and shares the labels of a series', () => {
    const { opened } = open({ rules: [{ attribute: 'service.name', isPrefix: false, label: undefined }] });

    equal(opened.series.length, 2);
    for (const { labels } of opened.series)
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
      message: /ingestion_body_limit_mb: limit 200 bytes, actual more than that once inflated/,
    });
  });

  test('refuses what is no gzip', () => {
    throws(() => open({ encoding: 'gzip' }), { code: 'invalid-argument', message: /not gzip/ });
  });
});

describe('inflateInSteps', () => {
  const raw = randomBytes(5 << 19);
  const gzip = gzipSync(raw, { level: 1 });

  for (const [name, inflater] of [
    ['in steps', Inflater.create()],
    ['at once', undefined],
  ] as const) {
    test(`inflates all members, ${name}`, () => {
      const steps = inflateInSteps(Buffer.concat([gzip, gzip]), 5 << 20, inflater);
      let count = 0;
      let step = steps.next();
      for (; !step.done; step = steps.next()) count++;

      ok(Buffer.concat([raw, raw]).equals(step.value as Uint8Array));
      // Five between six pieces, five between parts of the body, one while the pieces are joined.
      equal(count, inflater === undefined ? 0 : 11);
    });

    test(`stops at its limit and at faults, ${name}`, () => {
      const outcomeOf = (body: Uint8Array, maxBytes: number): string | number => {
        const inflated = runSteps(inflateInSteps(body, maxBytes, inflater));
        return typeof inflated === 'string' ? inflated : inflated.length;
      };
      equal(outcomeOf(gzip, raw.length - 1), 'too-large');
      equal(outcomeOf(gzip, raw.length), raw.length);
      equal(outcomeOf(gzip.subarray(0, -20), raw.length), 'cut-off');
      equal(outcomeOf(raw, raw.length), 'not-gzip');
      equal(outcomeOf(new Uint8Array(0), raw.length), 'cut-off');
    });
  }

  test('pauses where a body comes to nothing, and goes on as if it had not', () => {
    const empty = gzipSync(new Uint8Array(0));
    const members = (count: number): Buffer => Buffer.alloc(count * empty.length, empty);
    const inflater = Inflater.create();
    const outcomeOf = (...parts: Uint8Array[]): { count: number; value: Uint8Array | string } => {
      const steps = inflateInSteps(Buffer.concat(parts), 8 << 20, inflater);
      let step = steps.next();
      let count = 0;
      for (; !step.done; step = steps.next()) count++;
      return { count, value: step.value };
    };

    const wholeParts = Math.ceil((5 << 20) / empty.length);
    const { count, value } = outcomeOf(members(wholeParts), gzip, members(100_000), new Uint8Array(3 << 20));
    ok(raw.equals(value as Uint8Array));
    ok(count >= 5 + 2 + 1, `${count} pauses`);
    equal(outcomeOf(members(wholeParts), gzip.subarray(0, -1)).value, 'cut-off');
    equal(outcomeOf(members(wholeParts), Buffer.alloc(2 << 20, 'x')).value, 'not-gzip');
    // A member that ends with a part, and one of which the header begins there.
    for (const short of [0, 1, 10, 19]) {
      const named = gzipNamed((1 << 20) - short);
      equal(named.length, (1 << 20) - short);
      ok(raw.equals(outcomeOf(named, gzip).value as Uint8Array));
      equal((outcomeOf(named, new Uint8Array(2 << 20)).value as Uint8Array).length, 0);
    }
  });
});

/** A member without content of so many bytes: most of them are the name of its file. */
function gzipNamed(bytes: number): Buffer {
  const plain = gzipSync(new Uint8Array(0));
  const header = Buffer.from(plain.subarray(0, 10));
  header[3] = 8;
  return Buffer.concat([header, Buffer.alloc(bytes - plain.length - 1, 'n'), Buffer.of(0), plain.subarray(10)]);
}

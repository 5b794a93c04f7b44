import { deepEqual, equal, throws } from 'node:assert/strict';
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

      deepEqual(Buffer.from(step.value as Uint8Array), Buffer.concat([raw, raw]));
      equal(count, inflater === undefined ? 0 : 6); // Five between six pieces, one while they are joined.
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
});

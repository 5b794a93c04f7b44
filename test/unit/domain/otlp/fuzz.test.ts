import { ok } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { StoreError } from '#src/domain/errors.ts';
import type { Steps } from '#src/domain/model/steps.ts';
import { convertOtlp } from '#src/domain/otlp/convert-otlp.ts';
import { otlpFromJson } from '#src/domain/otlp/otlp-json.ts';
import { decodeProfile } from '#src/domain/pprof/decode.ts';
import { defaultProfileLimits } from '../../../fixtures/limits.ts';
import { otlpJson, otlpMessage, otlpProto } from '../../../fixtures/otlp-message.ts';
import { Random, runSeed } from '../../../fixtures/random.ts';

// Damaged messages, in both forms: whatever comes, the answer is a StoreError or pprofs that can be decoded, and it comes
// after few steps. For a long run:
//
//     FUZZ_ROUNDS=1000000 SEED=7 node --test test/unit/domain/otlp/fuzz.test.ts

const ROUNDS = Number(process.env['FUZZ_ROUNDS'] ?? 5000);

/** Of a round. A message of less than 200 KiB is done after a handful, each of some milliseconds. */
const STEPS_MAX = 200;

const small = otlpMessage(
  [
    {
      samples: [
        {
          ...{
            stack: 'main;work',
            values: [3],
            link: { trace: '000102030405060708090a0b0c0d0e0f', span: '0102030405060708' },
          },
          attributes: {
            'service.name': { stringValue: 'a' },
            tid: { intValue: 5 },
            x: { arrayValue: { values: [{ intValue: 1 }] } },
          },
        },
        { stack: 'main', values: [1, 2], timestamps: [5n, 6n] },
      ],
    },
    { type: 'off_cpu/nanoseconds', period: null, samples: [{ stack: 'idle', values: [1, 2] }] },
  ],
  { 'service.name': 's', 'host.name': 'h' },
);
const captured = gunzipSync(readFileSync(new URL('../../../data/requests/java-agent-otlp.pb.gz', import.meta.url)));

const rules = [{ attribute: 'host.', isPrefix: true, label: 'host_' }];
const bounds = { maxBytes: 1 << 20, limits: defaultProfileLimits };

/** Changes of single bytes find what a reader does with a wrong one; moved and repeated pieces, what it does with many. */
function mutated(random: Random, source: Uint8Array): Uint8Array {
  let bytes = Buffer.from(source);
  for (let changes = random.int(1, 4); changes > 0 && bytes.length > 0; changes--) {
    const at = random.int(0, bytes.length - 1);
    const kind = random.next();
    if (kind < 0.4) bytes[at] = random.pick([0, 1, 0x7f, 0x80, 0xff, random.int(0, 255)]);
    else if (kind < 0.6) bytes[at] ^= 1 << random.int(0, 7);
    else if (kind < 0.7) bytes = bytes.subarray(0, at);
    else if (kind < 0.8) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + random.int(1, 8))]);
    else {
      const piece = bytes.subarray(at, at + random.int(1, 60));
      const copies = new Array<Uint8Array>(random.pick([1, 2, 100])).fill(piece);
      bytes = Buffer.concat([bytes.subarray(0, at), ...copies, bytes.subarray(at)]);
    }
  }
  return new Uint8Array(bytes);
}

function run<T>(steps: Steps<T>): T {
  for (let count = 0; count < STEPS_MAX; count++) {
    const step = steps.next();
    if (step.done) return step.value;
  }
  throw new Error(`not done after ${STEPS_MAX} steps`);
}

test('answers damaged messages with a StoreError, or with pprofs that can be decoded', () => {
  const seed = runSeed();
  console.log(`SEED=${seed} FUZZ_ROUNDS=${ROUNDS}`);
  const random = new Random(seed);
  const forms = [
    { proto: true, source: otlpProto(small) },
    { proto: true, source: otlpProto(small, false) },
    { proto: false, source: otlpJson(small) },
  ];
  const outcomes = { refused: 0, rejected: 0, converted: 0 };
  for (let round = 0; round < ROUNDS; round++) {
    const form = round % 100 === 99 ? { proto: true, source: captured } : random.pick(forms);
    const bytes = random.chance(0.02) ? random.bytes(random.int(0, 60)) : mutated(random, form.source);
    const where = `SEED=${seed}, round ${round}`;
    try {
      const message = form.proto ? bytes : run(otlpFromJson(bytes));
      const { profiles, rejected } = run(convertOtlp(message, { rules, bounds }));
      for (const { profile } of profiles) decodeProfile(profile);
      outcomes[rejected.count > 0 ? 'rejected' : 'converted']++;
    } catch (error) {
      ok(error instanceof StoreError, `${where}: ${error instanceof Error ? error.stack : error}`);
      outcomes.refused++;
    }
  }
  // A test of nothing but refusals would look just as green.
  for (const [outcome, count] of Object.entries(outcomes)) ok(count > ROUNDS / 200, `${count} times ${outcome}`);
});

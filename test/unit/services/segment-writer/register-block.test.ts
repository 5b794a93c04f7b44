import { deepEqual, equal, rejects } from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { BlockMeta } from '#src/domain/block/block-meta.ts';
import { StoreError } from '#src/domain/errors.ts';
import { metrics } from '#src/platform/metrics.ts';
import { REGISTER_ATTEMPTS_MAX, registerBlock } from '#src/services/segment-writer/register-block.ts';
import { FakeClock } from '../../../fixtures/fake-clock.ts';

const META = { id: '01J00000000000000000000001' } as BlockMeta;

/** Answers one after the other; undefined: done, 'hangs': nothing until the caller gives up. */
function setUp(...answers: readonly (Error | 'hangs' | undefined)[]) {
  const clock = new FakeClock();
  const calls: { readonly meta: BlockMeta; readonly afterMs: number }[] = [];
  const startMs = clock.now();
  const registry = {
    async addBlock(meta: BlockMeta, signal: AbortSignal): Promise<void> {
      const answer = answers[calls.push({ meta, afterMs: clock.now() - startMs }) - 1];
      if (answer === 'hangs') {
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        throw new StoreError('deadline-exceeded', 'no answer in time');
      }
      if (answer !== undefined) throw answer;
    },
  };
  return { clock, calls, registered: registerBlock(META, { registry, clock, timeoutMs: 500 }) };
}

const away = new StoreError('unavailable', 'the connection was lost');

describe('registerBlock', () => {
  test('registers once when the answer is clear', async () => {
    const { calls, registered } = setUp(undefined);

    await registered;

    equal(calls.length, 1);
  });

  test('registers the same block again until it knows, with growing pauses', async () => {
    metrics.resetMetrics();
    const left = new StoreError('aborted', 'the caller left');
    const { clock, calls, registered } = setUp(away, 'hangs', left, undefined);

    await clock.turn(10_000);
    await registered;

    deepEqual(
      calls.map(({ afterMs }) => afterMs),
      [0, 50, 650, 850],
    );
    equal(new Set(calls.map(({ meta }) => meta)).size, 1);
    equal(/kiln_segment_writer_register_retries_total (\d+)/.exec(await metrics.metrics())?.[1], '3');
  });

  test('takes a refusal as it is, also after it did not know', async () => {
    const refused = new StoreError('invalid-argument', 'not a block');
    const first = setUp(refused);
    await rejects(first.registered, refused);
    const second = setUp(away, refused);
    const rejected = rejects(second.registered, refused);
    await second.clock.turn(1000);
    await rejected;

    equal(first.calls.length, 1);
    equal(second.calls.length, 2);
  });

  test('does not repeat what met a bug', async () => {
    const { calls, registered } = setUp(new TypeError('x is undefined'));

    await rejects(registered, TypeError);

    equal(calls.length, 1);
  });

  for (const [last, code] of [
    [away, 'unavailable'],
    [new StoreError('aborted', 'closing'), 'unavailable'],
    ['hangs', 'deadline-exceeded'],
  ] as const) {
    test(`gives up as ${code} after ${REGISTER_ATTEMPTS_MAX} attempts, the last of which was ${last}`, async () => {
      const { clock, calls, registered } = setUp(away, away, away, away, last);
      const rejected = rejects(registered, { code, details: { blockId: META.id, attempts: REGISTER_ATTEMPTS_MAX } });

      await clock.turn(10_000);

      await rejected;
      equal(calls.length, REGISTER_ATTEMPTS_MAX);
    });
  }
});

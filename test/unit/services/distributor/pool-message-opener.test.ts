import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { serialize } from 'node:v8';
import { runSteps } from '#src/domain/model/steps.ts';
import { PoolMessageOpener } from '#src/services/distributor/pool-message-opener.ts';
import { Inflater } from '#src/workers/inflater.ts';
import { type OpenMessageTask, openMessage } from '#src/workers/open-message.ts';
import { type OpenOtlpTask, openOtlp } from '#src/workers/open-otlp.ts';
import { type OpenUploadTask, openUpload } from '#src/workers/open-upload.ts';
import type { Pool, TaskOptions } from '#src/workers/pool.ts';
import { buffersOf } from '#src/workers/transfer.ts';
import { labelList } from '../../../fixtures/labels.ts';
import { defaultLimits } from '../../../fixtures/limits.ts';
import { attributeList, otlpMessage, otlpProto } from '../../../fixtures/otlp-message.ts';
import { pushProto } from '../../../fixtures/push-message.ts';

const bounds = { maxBytes: 64 << 20, limits: defaultLimits };
const { signal } = new AbortController();

/** Runs tasks where they are asked for. What they answer crosses as it does between threads. */
class CrossingPool {
  /** Of the answers, without the buffers that move. */
  copiedBytes = 0;

  async run(name: string, task: unknown): Promise<unknown> {
    const opening = { taskBytesMax: 256 << 20, inflater: Inflater.create() };
    const value: object =
      name === 'openMessage'
        ? runSteps(openMessage(task as OpenMessageTask, opening))
        : name === 'openOtlp'
          ? runSteps(openOtlp(task as OpenOtlpTask, opening))
          : runSteps(openUpload(task as OpenUploadTask, [1, 2], opening));
    const transfer = buffersOf(value);
    const moved = new Set(transfer);
    const bytesOf = (view: ArrayBufferView): number => (moved.has(view.buffer as ArrayBuffer) ? 0 : view.byteLength);
    this.copiedBytes += serialize(withoutViews(value, bytesOf)).length;
    return structuredClone(value, { transfer });
  }
}

/** The value with a list of zeros for each view that is copied. */
function withoutViews(value: unknown, bytesOf: (view: ArrayBufferView) => number): unknown {
  if (ArrayBuffer.isView(value)) return new Array(bytesOf(value)).fill(0);
  if (Array.isArray(value)) return value.map((one) => withoutViews(one, bytesOf));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, withoutViews(one, bytesOf)]));
}

/** @returns the turns that others had meanwhile */
async function countingTurns<T>(work: Promise<T>): Promise<{ value: T; turns: number }> {
  let isOver = false;
  let turns = 0;
  const count = (): void => {
    turns++;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  const value = await work;
  isOver = true;
  return { value, turns };
}

describe('PoolMessageOpener', () => {
  test('has a push of very many series cross in few buffers, and lets others in while it is listed', async () => {
    const pool = new CrossingPool();
    const opener = new PoolMessageOpener(pool as unknown as Pool);
    const count = 40_000;
    const series = Array.from({ length: count }, (_, i) => ({
      labels: labelList({ __name__: 'cpu', service_name: `service ${i}` }),
      profiles: [Uint8Array.of(i)],
    }));
    const message = { body: pushProto(series), codec: 'proto', encoding: 'identity' } as const;

    const { value, turns } = await countingTurns(opener.open(message, bounds, signal));

    equal(value.length, count);
    deepEqual(
      [value[count - 1]?.service, value[count - 1]?.profile],
      [`service ${count - 1}`, Uint8Array.of(count - 1)],
    );
    ok(pool.copiedBytes < 1000, `${pool.copiedBytes} bytes of objects`);
    ok(turns >= (3 * count) / 1024, `${turns} turns`);
  });

  test('likewise a push whose labels cannot be', async () => {
    const pool = new CrossingPool();
    const opener = new PoolMessageOpener(pool as unknown as Pool);
    const series = Array.from({ length: 3000 }, () => ({
      labels: labelList({ __name__: 'x'.repeat(3000) }),
      profiles: [Uint8Array.of(1)],
    }));
    const message = { body: pushProto(series), codec: 'proto', encoding: 'identity' } as const;

    const { value, turns } = await countingTurns(opener.open(message, bounds, signal));

    ok(value.every(({ labelFault }) => labelFault?.details['reason'] === 'label_value_too_long'));
    ok(pool.copiedBytes < 1000, `${pool.copiedBytes} bytes of objects`);
    ok(turns > 3000 / 1024, `${turns} turns`);
  });

  test('likewise OTLP of very many resources', async () => {
    const pool = new CrossingPool();
    const opener = new PoolMessageOpener(pool as unknown as Pool);
    const { resourceProfiles, ...rest } = otlpMessage([{ samples: [{ stack: 'a', values: [1] }] }]);
    const resources = Array.from({ length: 8000 }, (_, i) => ({
      ...resourceProfiles[0],
      resource: { attributes: attributeList({ 'service.name': `service ${i}` }) },
    }));
    const body = otlpProto({ ...rest, resourceProfiles: resources });

    const opening = opener.openOtlp({ body, codec: 'proto', encoding: 'identity' }, [], bounds, signal);
    const { value, turns } = await countingTurns(opening);

    equal(value.profiles.length, 8000);
    equal(value.profiles[7999]?.service, 'service 7999');
    ok(pool.copiedBytes < 1000, `${pool.copiedBytes} bytes of objects`);
    ok(turns >= (9 * 8000) / 1024, `${turns} turns`);
  });

  test('has all that is opened wait in the lane for it, apart from queries', async () => {
    const lanes: string[] = [];
    const run = async (_name: string, _task: unknown, { lane }: TaskOptions): Promise<never> => {
      lanes.push(lane);
      throw new Error('full');
    };
    const opener = new PoolMessageOpener({ run } as unknown as Pool);
    const message = { body: new Uint8Array(1), codec: 'proto', encoding: 'gzip' } as const;

    await rejects(opener.open(message, bounds, signal));
    await rejects(opener.openUpload(message as never, bounds, signal));
    await rejects(opener.openOtlp(message, [], bounds, signal));

    deepEqual(lanes, ['open', 'open', 'open']);
  });
});

import { deepEqual } from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import type { WorkerOptions } from '#src/workers/pool.ts';

/** A thread of the pool that tells what a script posts that it runs. */
async function calledIn(source: string): Promise<unknown> {
  const own: WorkerOptions = {
    headBytesMax: 1 << 20,
    taskBytesMax: 1 << 20,
    hashSecrets: [1n, 2n, 3n],
    sliceMs: 0, // A step is a slice.
  };
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), { workerData: [{}, own] });
  try {
    const [message] = await once(worker, 'message');
    return message;
  } finally {
    await worker.terminate();
  }
}

describe('a thread whose heap came to take more than it keeps', () => {
  test('gives back when no task is suspended, not between two slices, nor with what comes between', async () => {
    const worker = new URL('../../../src/workers/worker.ts', import.meta.url).href;

    const called = await calledIn(`
      import { parentPort } from 'node:worker_threads';
      let collections = 0;
      globalThis.gc = () => void collections++;
      const { resume, warmUp, writeAnswer } = await import(${JSON.stringify(worker)});
      const called = [];
      // How a call came back, and how many collections there were until then.
      const note = (name, reply) => called.push([name, 'suspended' in reply, collections]);
      const large = new ArrayBuffer(256 << 20); // More than KEPT_HEAP_BYTES_MAX. Nobody writes to it.
      note('begin', writeAnswer({ kind: 'names', codec: 'json', names: undefined, shown: 'all', gzip: false }));
      note('other', warmUp());
      note('resume', resume());
      parentPort.postMessage({ called, kept: large.byteLength });
    `);

    const expected = [
      ['begin', true, 0],
      ['other', false, 0],
      ['resume', false, 1],
    ];
    deepEqual(called, { called: expected, kept: 256 << 20 });
  });
});

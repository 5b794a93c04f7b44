import { deepEqual, equal, notEqual, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { KernelInstance } from '#src/kernels/instance.ts';
import type { IngestBatch, SealReply } from '#src/workers/ingest-messages.ts';
import { ThreadHead } from '#src/workers/thread-head.ts';
import { INGEST_NOW_MS, ingestItem, openLimits } from '../../fixtures/ingest.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { pprof } from '../../fixtures/pprof-builder.ts';

function setUp(keptBytesMax = Number.POSITIVE_INFINITY) {
  const made: KernelInstance[] = [];
  const newKernels = (): KernelInstance => {
    const kernels = testKernels();
    made.push(kernels);
    return kernels;
  };
  const head = new ThreadHead({ threadId: 3, newKernels, keptBytesMax });
  return { head, made };
}

function batchOf(...services: readonly string[]): IngestBatch {
  const items = services.map((service) =>
    ingestItem(pprof({ samples: [{ stack: `main;${service}`, v: [1] }] }), {
      service,
      labels: [
        { name: '__name__', value: 'process_cpu' },
        { name: 'service_name', value: service },
      ],
    }),
  );
  return { items, limits: [openLimits], nowMs: INGEST_NOW_MS };
}

/** Makes the last kernel of a profile trap, when its stacktraces are in the symbol space already. */
function breakKernels(kernels: KernelInstance | undefined): void {
  const appendSamples = (): never => {
    throw new WebAssembly.RuntimeError('unreachable');
  };
  Object.assign(kernels as KernelInstance, { exports: { ...kernels?.exports, appendSamples } });
}

function servicesOf({ parts }: SealReply): string[] {
  return parts.flatMap(({ datasets }) => datasets.map(({ service }) => service));
}

describe('ThreadHead', () => {
  test('seals what the batches of a window brought, under the id that they were answered with', () => {
    const { head } = setUp();

    const first = head.ingest(batchOf('a', 'b'));
    const second = head.ingest(batchOf('c'));
    const sealed = head.seal();

    deepEqual([first.headId, second.headId], [sealed.headId, sealed.headId]);
    deepEqual(servicesOf(sealed), ['a', 'b', 'c']);
    notEqual(head.ingest(batchOf('d')).headId, sealed.headId);
  });

  test('drops the head and the kernels when a batch traps', () => {
    const { head, made } = setUp();
    const before = head.ingest(batchOf('before'));
    breakKernels(made[0]);

    throws(() => head.ingest(batchOf('poison')), WebAssembly.RuntimeError);
    const after = head.ingest(batchOf('after'));
    const sealed = head.seal();

    equal(made.length, 2);
    deepEqual(servicesOf(sealed), ['after']);
    equal(sealed.headId, after.headId);
    notEqual(sealed.headId, before.headId);
  });

  test('keeps the head when a profile is refused', () => {
    const { head, made } = setUp();
    const before = head.ingest(batchOf('before'));

    const { outcomes } = head.ingest({ ...batchOf(), items: [ingestItem(Buffer.from('no profile'))] });
    const sealed = head.seal();

    equal(outcomes[0]?.kind, 'refused');
    equal(sealed.headId, before.headId);
    deepEqual(servicesOf(sealed), ['before']);
    equal(made.length, 1);
  });

  test('starts with new kernels when they took more than what is kept', () => {
    const { head, made } = setUp(1);
    head.ingest(batchOf('a'));

    deepEqual(servicesOf(head.seal()), ['a']);

    equal(made.length, 2);
    head.ingest(batchOf('b'));
    deepEqual(servicesOf(head.seal()), ['b']);
  });
});

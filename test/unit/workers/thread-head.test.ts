import { deepEqual, equal, match, notEqual, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { PlainProfile } from '#src/domain/pprof/plain-profile.ts';
import type { KernelInstance } from '#src/kernels/instance.ts';
import type { IngestBatch, IngestItem, IngestOutcome, IngestReply, SealReply } from '#src/workers/ingest-messages.ts';
import { ThreadHead } from '#src/workers/thread-head.ts';
import { buffersOf } from '#src/workers/transfer.ts';
import { functionsOfOneFile, labelledSamples, mappingsOfEmptyBuildIds } from '../../fixtures/amplified-pprof.ts';
import { INGEST_NOW_MS, ingestItem, openLimits } from '../../fixtures/ingest.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { labelList } from '../../fixtures/labels.ts';
import { encodePprof, pprof } from '../../fixtures/pprof-builder.ts';

function setUp(keptBytesMax = Number.POSITIVE_INFINITY, headBytesMax?: number) {
  const made: KernelInstance[] = [];
  const newKernels = (): KernelInstance => {
    const kernels = testKernels(headBytesMax === undefined ? {} : { headBytesMax });
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

function countsOf({ outcomes, later }: IngestReply): number[] {
  return [outcomes.length, later.length];
}

/** A field that no profile has, of so many bytes. */
function unknownField(bytes: number): Buffer {
  const length = Buffer.of((bytes & 127) | 128, ((bytes >> 7) & 127) | 128, ((bytes >> 14) & 127) | 128, bytes >> 21);
  return Buffer.concat([Buffer.of(0xf2, 0x01), length, Buffer.alloc(bytes)]);
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

  describe('a head that is full', () => {
    /** Of stacktraces that nobody else has. */
    const wide = (number: number, stacks: number): Uint8Array =>
      pprof({ samples: Array.from({ length: stacks }, (_, i) => ({ stack: `main;f${number}.${i}`, v: [1] })) });
    const batch = (...profiles: readonly Uint8Array[]): IngestBatch => ({
      items: profiles.map((profile) => ingestItem(new Uint8Array(profile), {})),
      ...{ limits: [openLimits], nowMs: INGEST_NOW_MS },
    });

    test('gives back what finds no room, and what is behind it, untried', () => {
      const { head } = setUp(undefined, 1 << 20);
      const profiles = [wide(0, 1500), wide(1, 1500), wide(2, 1500), wide(3, 10)];

      const first = head.ingest(batch(...profiles));
      const again = head.ingest(batch(...first.later));
      const outcomes = [...first.outcomes];
      let rest = again.later;
      for (let window = 1; rest.length > 0 && window < 3; window++) {
        head.seal();
        const next = head.ingest(batch(...rest));
        outcomes.push(...next.outcomes);
        rest = next.later;
      }

      deepEqual([first.headFull, again.headFull], [true, true]);
      deepEqual(
        first.later.map((bytes) => Buffer.from(bytes).toString('hex')),
        profiles.slice(first.outcomes.length).map((bytes) => Buffer.from(bytes).toString('hex')),
      );
      deepEqual(countsOf(again), [0, first.later.length]);
      deepEqual(
        outcomes.map(({ kind }) => kind),
        profiles.map(() => 'stored'),
      );
    });

    test('refuses by name what a whole head has no room for, and what is left of that takes no room', () => {
      const { head } = setUp(undefined, 1 << 20);
      const huge = wide(0, 30_000);

      const first = head.ingest(batch(wide(1, 1000), huge, wide(2, 2000)));
      head.seal();
      const next = head.ingest(batch(...first.later));

      deepEqual([countsOf(first), first.headFull], [[1, 2], true]);
      deepEqual([countsOf(next), next.headFull], [[2, 0], false]);
      const [refused, stored] = next.outcomes;
      match(refused?.kind === 'refused' ? refused.error.message : '', /: limit 1048576 bytes/);
      equal(stored?.kind, 'stored');
    });
  });

  describe('a batch that is larger than its profiles say', () => {
    const item = (text: Uint8Array) => ingestItem(text, {});
    const plain = pprof({ samples: [{ stack: 'main', v: [1] }] });
    /** Its last member, which is empty, speaks for all of it. */
    const lying = (text: Uint8Array): Buffer => Buffer.concat([gzipSync(text), gzipSync(new Uint8Array(0))]);
    const batch = (...profiles: Uint8Array[]): IngestBatch => {
      // Owned, as they come to a thread.
      const items = profiles.map((bytes) => item(new Uint8Array(bytes)));
      return { items, limits: [openLimits], nowMs: INGEST_NOW_MS };
    };
    const large = (bytes: number): Buffer => Buffer.concat([plain, unknownField(bytes)]);

    test('ends when they came to the bytes of a batch, and the others come back as they were', () => {
      const { head } = setUp();
      const reply = head.ingest(batch(...Array.from({ length: 16 }, () => lying(large(3 << 19)))));

      deepEqual(
        reply.outcomes.map(({ kind }) => kind),
        ['stored', 'stored', 'stored'],
      );
      equal(reply.later.length, 13);
      for (const bytes of reply.later) deepEqual(Buffer.from(bytes), lying(large(3 << 19)));
      deepEqual(
        buffersOf(reply),
        reply.later.map(({ buffer }) => buffer),
      );
    });

    test('tries one at least, and gives none back that it has time for', () => {
      const { head } = setUp();

      deepEqual(countsOf(head.ingest(batch(lying(large(9 << 19)), plain))), [1, 1]);
      deepEqual(countsOf(head.ingest(batch(...Array.from({ length: 16 }, () => plain)))), [16, 0]);
      deepEqual(countsOf(head.ingest(batch())), [0, 0]);
    });

    test('counts what failed before anybody knew how large it is', () => {
      const { head } = setUp();
      const broken = gzipSync(new Uint8Array(3 << 20));
      broken.fill(0xff, broken.length - 8);
      const small = Buffer.from([0xff, 0xff]);

      deepEqual(countsOf(head.ingest(batch(broken, broken, broken, plain))), [2, 2]);
      deepEqual(countsOf(head.ingest(batch(...Array.from({ length: 16 }, () => small)))), [16, 0]);
    });
  });

  describe('a batch of profiles that stand for more than their bytes', () => {
    const spy = { ingest: { spyName: 'pyspy', fromNanos: 0n, displayNames: undefined } };
    const version = { labels: labelList({ __name__: 'x', service_name: 's', service_git_ref: 'r'.repeat(2000) }) };
    const own = { labelsPerSample: 1, own: 'values', text: (i: number) => `${i}` } as const;
    const cases: readonly (readonly [string, PlainProfile, Partial<IngestItem>, IngestOutcome['kind'], number])[] = [
      ['names with files in front', functionsOfOneFile(200, 10_000), spy, 'stored', 1],
      ['too many of these', functionsOfOneFile(2000, 10_000), spy, 'refused', 1],
      ['the same names as they are', functionsOfOneFile(200, 10_000), {}, 'stored', 16],
      ['build ids with a version', mappingsOfEmptyBuildIds(3000), version, 'stored', 1],
      ['the same build ids without', mappingsOfEmptyBuildIds(3000), {}, 'stored', 16],
      ['long labels', labelledSamples({ ...own, samples: 3000, shared: 'k'.repeat(1000) }), {}, 'stored', 1],
      ['few labels', labelledSamples({ ...own, samples: 300, shared: 'k' }), {}, 'stored', 16],
    ];
    for (const [what, profile, overrides, kind, taken] of cases) {
      test(`takes ${taken} at a time where it has ${what}`, () => {
        const { head } = setUp();
        const bytes = encodePprof(profile);
        const items = Array.from({ length: 16 }, () => ingestItem(new Uint8Array(bytes), overrides));

        const { outcomes, later } = head.ingest({ items, limits: [openLimits], nowMs: INGEST_NOW_MS });

        deepEqual([outcomes[0]?.kind, outcomes.length, later.length], [kind, taken, 16 - taken]);
      });
    }
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

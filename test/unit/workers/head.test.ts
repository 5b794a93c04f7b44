import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ProfileLimits } from '#src/domain/pprof/ingest-options.ts';
import type { KernelInstance } from '#src/kernels/instance.ts';
import { Head } from '#src/workers/head.ts';
import type { IngestItem, IngestOutcome } from '#src/workers/ingest-messages.ts';
import { ingestProfile } from '#src/workers/ingest-profile.ts';
import { canonicalHead } from '../../fixtures/canonical.ts';
import { encodedAndDecoded } from '../../fixtures/encoded-head.ts';
import { INGEST_NOW_MS, ingestItem, openLimits, plainResult } from '../../fixtures/ingest.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { labelList } from '../../fixtures/labels.ts';
import { pprof } from '../../fixtures/pprof-builder.ts';
import { Random } from '../../fixtures/random.ts';
import { randomDescription } from '../../fixtures/random-profile.ts';

function add(
  kernels: KernelInstance,
  head: Head,
  profile: Uint8Array,
  limits: Partial<ProfileLimits> = {},
  item: Partial<IngestItem> = {},
): IngestOutcome {
  return ingestProfile(kernels, head, ingestItem(profile, item), { ...openLimits, ...limits }, INGEST_NOW_MS);
}

const small = pprof({ samples: [{ stack: 'main;work', v: [3], labels: { span_id: '0102030405060708' } }] });
const other = pprof({
  samples: [
    { stack: 'main;work;more', v: [5] },
    { stack: 'gc', v: [1] },
  ],
});

/** Stacktraces that share nothing, so that its symbols take much more room than its bytes. */
function wide(stacks: number): Uint8Array {
  return pprof({ samples: Array.from({ length: stacks }, (_, i) => ({ stack: `m${i};f${i}`, v: [1] })) });
}

function resultOf(...profiles: readonly Uint8Array[]): string[] {
  return profiles.flatMap((profile) => [...plainResult(profile)]).sort();
}

describe('Head', () => {
  test('encodes what it was given, and a reader finds it again', (t) => {
    const seed = Number(process.env['SEED'] ?? 11);
    t.diagnostic(`seed ${seed}`);
    const random = new Random(seed);
    const kernels = testKernels();
    const head = new Head(kernels);
    const profiles = Array.from({ length: 40 }, () => pprof(randomDescription(random)));

    const stored = profiles.filter((profile) => add(kernels, head, profile).kind === 'stored');

    ok(stored.length > 10);
    const expected = resultOf(...stored);
    deepEqual(canonicalHead(head.take()), expected);
    deepEqual(canonicalHead(encodedAndDecoded(head.take())), expected);
  });

  test('gives tenants and services in byte order, each tenant its own symbols', () => {
    const kernels = testKernels();
    const head = new Head(kernels);
    for (const [tenant, service] of [
      ['b', 'z'],
      ['a', 'y'],
      ['b', 'x'],
      ['a', 'y'],
    ]) {
      const labels = labelList({ __name__: 'process_cpu', service_name: service });
      add(kernels, head, tenant === 'a' ? small : other, {}, { tenant, service, labels });
    }

    const tenants = head.take();

    deepEqual(
      tenants.map(({ tenant, datasets }) => [tenant, datasets.map(({ service }) => service)]),
      [
        ['a', ['y']],
        ['b', ['x', 'z']],
      ],
    );
    const texts = tenants.map(({ symbols }) => Buffer.from(symbols.strings.bytes).toString());
    equal(texts[0].includes('more'), false);
    ok(texts[1].includes('more'));
  });

  test('orders rows by series, then time, and the samples and spans with them', () => {
    const kernels = testKernels();
    const head = new Head(kernels);
    const at = (timeNanos: bigint, span: string): Uint8Array =>
      pprof({
        timeNanos,
        samples: ['a', 'b'].map((series) => ({ stack: `main;${series}`, v: [1], labels: { series, span_id: span } })),
      });
    for (const time of [30n, 10n, 20n]) add(kernels, head, at(time, `000000000000000${time / 10n}`));

    const [{ columns }] = head.take()[0].datasets;

    deepEqual([...columns.profiles.series], [0, 0, 0, 1, 1, 1]);
    deepEqual([...columns.profiles.timeNanos], [10n, 20n, 30n, 10n, 20n, 30n]);
    deepEqual(
      [...columns.spans.spanId].map((id) => id >> 56n),
      [1n, 2n, 3n, 1n, 2n, 3n],
    );
    deepEqual([...columns.spans.sample], [0, 1, 2, 3, 4, 5]);
  });

  test('has nothing to encode when nothing was stored', () => {
    const kernels = testKernels();
    const head = new Head(kernels);

    add(kernels, head, pprof({ samples: [{ stack: 'main', v: [0] }] }));
    add(kernels, head, Uint8Array.of(1, 2, 3));

    deepEqual(head.take(), []);
  });
});

describe('ingestProfile, when an arena is full', () => {
  test('refuses a profile that takes too much scratch by name, and takes the next one', () => {
    const kernels = testKernels({ scratchBytesMax: 1 << 20 });
    const head = new Head(kernels);
    add(kernels, head, small);

    const outcome = add(kernels, head, wide(20_000), { maxProfileSizeBytes: 16 << 20 });

    equal(outcome.kind, 'refused');
    match(outcome.kind === 'refused' ? outcome.error.message : '', /1048576 bytes \(scratchBytesMax\)/);
    equal(add(kernels, head, other).kind, 'stored');
    deepEqual(canonicalHead(encodedAndDecoded(head.take())), resultOf(small, other));
  });

  test('sets a size limit by the scratch arena when the tenant has none', () => {
    const kernels = testKernels({ scratchBytesMax: 1 << 20 });

    const outcome = add(kernels, new Head(kernels), wide(20_000));

    match(outcome.kind === 'refused' ? outcome.error.message : '', /max_profile_size_bytes|scratchBytesMax/);
  });

  test('says so when the head has no room, and keeps whole what it has', () => {
    const kernels = testKernels({ headBytesMax: 1 << 20 });
    const head = new Head(kernels);
    add(kernels, head, small);

    deepEqual(add(kernels, head, wide(20_000)), { kind: 'head-full' });

    // It needs no room: its symbols are there already.
    equal(add(kernels, head, small).kind, 'stored');
    deepEqual(canonicalHead(encodedAndDecoded(head.take())), resultOf(small, small));
  });

  test('takes profile after profile until the head is full, and every one of them is there', () => {
    const kernels = testKernels({ headBytesMax: 1 << 20 });
    const head = new Head(kernels);
    const stored: Uint8Array[] = [];
    let outcome: IngestOutcome = { kind: 'head-full' };
    for (let i = 0; i < 10_000; i++) {
      const profile = pprof({ samples: Array.from({ length: 20 }, (_, s) => ({ stack: `f${i};g${s}`, v: [i + s] })) });
      outcome = add(kernels, head, profile);
      if (outcome.kind === 'stored') stored.push(profile);
      else break;
    }

    deepEqual(outcome, { kind: 'head-full' });
    ok(stored.length > 20, `only ${stored.length} found room`);
    ok(head.usedBytes <= 1 << 20);
    deepEqual(canonicalHead(encodedAndDecoded(head.take())), resultOf(...stored));
  });

  test('is as good as new with the next head', () => {
    const kernels = testKernels({ headBytesMax: 1 << 20 });
    add(kernels, new Head(kernels), wide(20_000));

    const head = new Head(kernels);

    equal(add(kernels, head, other).kind, 'stored');
    deepEqual(canonicalHead(head.take()), resultOf(other));
  });

  test('refuses by name what does not fit into an empty head either', () => {
    const kernels = testKernels({ headBytesMax: 1 << 20 });

    const outcome = add(kernels, new Head(kernels), wide(20_000));

    equal(outcome.kind, 'refused');
    match(outcome.kind === 'refused' ? outcome.error.message : '', /headBytesMax/);
  });
});

import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { compressOnce } from '#src/domain/block/chunk-writer.ts';
import { encodePart } from '#src/domain/block/part-writer.ts';
import type { ProfileLimits } from '#src/domain/pprof/ingest-options.ts';
import type { KernelInstance } from '#src/kernels/instance.ts';
import { encodeHead } from '#src/workers/encode-head.ts';
import { Head } from '#src/workers/head.ts';
import type { HeadFull, IngestItem, IngestOutcome } from '#src/workers/ingest-messages.ts';
import { ingestProfile } from '#src/workers/ingest-profile.ts';
import { canonicalHead } from '../../fixtures/canonical.ts';
import { encodedAndDecoded } from '../../fixtures/encoded-head.ts';
import { INGEST_NOW_MS, ingestItem, openLimits, plainResult } from '../../fixtures/ingest.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { labelList } from '../../fixtures/labels.ts';
import { pprof } from '../../fixtures/pprof-builder.ts';
import { Random } from '../../fixtures/random.ts';
import { randomDescription } from '../../fixtures/random-profile.ts';
import { takenHead } from '../../fixtures/taken-head.ts';

function add(
  kernels: KernelInstance,
  head: Head,
  profile: Uint8Array,
  limits: Partial<ProfileLimits> = {},
  item: Partial<IngestItem> = {},
): HeadFull | IngestOutcome {
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
    deepEqual(canonicalHead(takenHead(kernels, head)), expected);
    deepEqual(canonicalHead(encodedAndDecoded(takenHead(kernels, head))), expected);
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

    const tenants = takenHead(kernels, head);

    deepEqual(
      tenants.map(({ tenant, datasets }) => [tenant, datasets.map(({ service }) => service)]),
      [
        ['a', ['y']],
        ['b', ['x', 'z']],
      ],
    );
    const texts = tenants.map(({ symbols }) => Buffer.from(symbols.names.bytes).toString());
    equal(texts[0].includes('more'), false);
    ok(texts[1].includes('more'));
  });

  test('orders profiles by series, then time, and leaves samples and spans in their runs', () => {
    const kernels = testKernels();
    const head = new Head(kernels);
    const at = (timeNanos: bigint, span: string): Uint8Array =>
      pprof({
        timeNanos,
        samples: ['a', 'b'].map((series) => ({ stack: `main;${series}`, v: [1], labels: { series, span_id: span } })),
      });
    for (const time of [30n, 10n, 20n]) add(kernels, head, at(time, `000000000000000${time / 10n}`));

    const [{ columns }] = takenHead(kernels, head)[0].datasets;

    const { pushes, profiles, families } = columns;
    deepEqual([...pushes.timeNanos], [30n, 10n, 20n]);
    deepEqual([...profiles.series], [0, 0, 0, 1, 1, 1]);
    deepEqual([...profiles.push], [1, 2, 0, 1, 2, 0]);
    // Runs and their samples stay as they came: two of each push.
    const [{ sampleOffsets, spans }] = families;
    deepEqual([...profiles.run], [2, 4, 0, 3, 5, 1]);
    deepEqual([...sampleOffsets], [0, 1, 2, 3, 4, 5, 6]);
    deepEqual(
      [...spans.spanId].map((id) => id >> 56n),
      [3n, 3n, 1n, 1n, 2n, 2n],
    );
    deepEqual([...spans.sample], [0, 1, 2, 3, 4, 5]);
  });

  test('makes of a head the bytes that the plain writer makes', () => {
    const random = new Random(12);
    const kernels = testKernels();
    const head = new Head(kernels);
    for (let i = 0; i < 30; i++) add(kernels, head, pprof(randomDescription(random)), {}, { tenant: `t${i % 2}` });

    const plain = takenHead(kernels, head).map((tenant) => encodePart(tenant));

    deepEqual(encodeHead(kernels, head, compressOnce), plain);
  });

  test('has nothing to encode when nothing was stored', () => {
    const kernels = testKernels();
    const head = new Head(kernels);

    add(kernels, head, pprof({ samples: [{ stack: 'main', v: [0] }] }));
    add(kernels, head, Uint8Array.of(1, 2, 3));

    deepEqual(takenHead(kernels, head), []);
  });
});

/** As many series as samples, because each has a label value of its own. */
function labelled(seriesCount: number, text = 'v'): Uint8Array {
  const samples = Array.from({ length: seriesCount }, (_, i) => ({
    stack: 'main',
    v: [1],
    labels: { request: `${text}${i}` },
  }));
  return pprof({ samples });
}

describe('Head, what is in the JavaScript heap', () => {
  test('counts series, their labels and profile rows', () => {
    const kernels = testKernels();
    const head = new Head(kernels);
    const heapBytes = (): number => head.usedBytes - (kernels.exports.headUsed() >>> 0);
    equal(heapBytes(), 0);

    add(kernels, head, labelled(1000));
    const first = heapBytes();
    add(kernels, head, labelled(1000));
    const again = heapBytes() - first;
    add(kernels, head, labelled(1000, 'x'.repeat(1000)));
    const long = heapBytes() - first - again;

    ok(first > 1000 * 300 && first < 1000 * 1000, `${first} bytes for 1000 series`);
    ok(again > 1000 * 70 && again < first / 3, `${again} bytes for 1000 rows of known series`);
    ok(long > first + 1_900_000, `${long} bytes for long label values`);
  });

  test('is full when they have no room, and keeps whole what it has', () => {
    const kernels = testKernels({ headBytesMax: 1 << 20 });
    const head = new Head(kernels);
    const outcomes: string[] = [];
    for (let i = 0; i < 100 && outcomes.at(-1) !== 'head-full'; i++) {
      outcomes.push(add(kernels, head, labelled(100, `${i}.`)).kind);
    }

    equal(outcomes.at(-1), 'head-full');
    ok(outcomes.length > 5, `${outcomes.length - 1} profiles found room`);
    ok(head.usedBytes > (1 << 20) / 2 && head.usedBytes <= 1 << 20, `${head.usedBytes} bytes`);
    const rows = takenHead(kernels, head).flatMap(({ datasets }) =>
      datasets.map((one) => one.columns.profiles.series.length),
    );
    deepEqual(rows, [100 * (outcomes.length - 1)]);
  });

  test('refuses a profile of too many series by the name of the limit', () => {
    const kernels = testKernels({
      headBytesMax: 1 << 20,
      flags: { scratch: 'pool.task-bytes-max', head: 'pool.head-bytes-max' },
    });

    const outcome = add(kernels, new Head(kernels), labelled(10_000));

    // Sent again, it would be refused again, and its siblings stored once more.
    equal(outcome.kind === 'refused' && outcome.error.code, 'invalid-argument');
    match(
      outcome.kind === 'refused' ? outcome.error.message : '',
      /^the profile needs more memory than --pool\.head-bytes-max: limit 1048576 bytes \(1 MiB\), actual at least \d+ bytes/,
    );
  });
});

describe('ingestProfile, when an arena is full', () => {
  test('refuses a profile that takes too much scratch by name, and takes the next one', () => {
    const kernels = testKernels({ scratchBytesMax: 1 << 20 });
    const head = new Head(kernels);
    add(kernels, head, small);

    const outcome = add(kernels, head, wide(20_000), { maxProfileSizeBytes: 16 << 20 });

    equal(outcome.kind === 'refused' && outcome.error.code, 'invalid-argument');
    match(
      outcome.kind === 'refused' ? outcome.error.message : '',
      /more memory than scratchBytesMax: limit 1048576 bytes/,
    );
    equal(add(kernels, head, other).kind, 'stored');
    deepEqual(canonicalHead(encodedAndDecoded(takenHead(kernels, head))), resultOf(small, other));
  });

  test('sets a size limit by the scratch arena when the tenant has none', () => {
    const kernels = testKernels({ scratchBytesMax: 1 << 20 });

    const outcome = add(kernels, new Head(kernels), wide(20_000));

    const words =
      /larger than a thread has room for \(1\/6 of --pool\.task-bytes-max\): limit 174762 bytes \(170.67 KiB\), actual 1\d+ bytes/;
    match(outcome.kind === 'refused' ? outcome.error.message : '', words);
  });

  test('says so when the head has no room, and keeps whole what it has', () => {
    const kernels = testKernels({ headBytesMax: 1 << 20 });
    const head = new Head(kernels);
    add(kernels, head, small);

    equal(add(kernels, head, wide(20_000)).kind, 'head-full');

    // It needs no room: its symbols are there already.
    equal(add(kernels, head, small).kind, 'stored');
    deepEqual(canonicalHead(encodedAndDecoded(takenHead(kernels, head))), resultOf(small, small));
  });

  test('takes profile after profile until the head is full, and every one of them is there', () => {
    const kernels = testKernels({ headBytesMax: 1 << 20 });
    const head = new Head(kernels);
    const stored: Uint8Array[] = [];
    let outcome: HeadFull | IngestOutcome | undefined;
    for (let i = 0; i < 10_000; i++) {
      const profile = pprof({ samples: Array.from({ length: 20 }, (_, s) => ({ stack: `f${i};g${s}`, v: [i + s] })) });
      outcome = add(kernels, head, profile);
      if (outcome.kind === 'stored') stored.push(profile);
      else break;
    }

    equal(outcome?.kind, 'head-full');
    ok(stored.length > 20, `only ${stored.length} found room`);
    ok(head.usedBytes <= 1 << 20);
    deepEqual(canonicalHead(encodedAndDecoded(takenHead(kernels, head))), resultOf(...stored));
  });

  test('is as good as new with the next head', () => {
    const kernels = testKernels({ headBytesMax: 1 << 20 });
    add(kernels, new Head(kernels), wide(20_000));

    const head = new Head(kernels);

    equal(add(kernels, head, other).kind, 'stored');
    deepEqual(canonicalHead(takenHead(kernels, head)), resultOf(other));
  });

  test('refuses by name what does not fit into an empty head either', () => {
    const kernels = testKernels({ headBytesMax: 1 << 20 });

    const outcome = add(kernels, new Head(kernels), wide(20_000));

    equal(outcome.kind, 'refused');
    match(outcome.kind === 'refused' ? outcome.error.message : '', /headBytesMax/);
  });
});

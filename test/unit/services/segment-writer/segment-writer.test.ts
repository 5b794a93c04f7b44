import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { serialize } from 'node:v8';
import { StoreError } from '#src/domain/errors.ts';
import type { Label } from '#src/domain/model/labels.ts';
import { requestLabels } from '#src/domain/series/request-labels.ts';
import { metrics } from '#src/platform/metrics.ts';
import type { ProfileOutcome, RoutedProfile } from '#src/services/distributor/ports.ts';
import { FLUSHES_MAX, SegmentWriter, type SegmentWriterOptions } from '#src/services/segment-writer/segment-writer.ts';
import { FakeClock } from '../../../fixtures/fake-clock.ts';
import {
  FakeHeadThreads,
  fakeProfile,
  type HeadFaults,
  noHeadFaults,
  numbersIn,
} from '../../../fixtures/fake-head-threads.ts';
import {
  FakeBlockRegistry,
  FakeObjectWriter,
  noStorageFaults,
  type StorageFaults,
} from '../../../fixtures/fake-segment-storage.ts';
import { openLimits } from '../../../fixtures/ingest.ts';
import { labelList } from '../../../fixtures/labels.ts';
import { defaultProfileLimits } from '../../../fixtures/limits.ts';
import { Random } from '../../../fixtures/random.ts';
import { silentLog } from '../../../fixtures/silent-log.ts';

const signal = new AbortController().signal;

const options: SegmentWriterOptions = {
  segmentDurationMs: 100,
  segmentBytesMax: 1 << 20,
  headBytesMax: 1 << 20,
  waitingBytesMax: 1 << 20,
  uploadTimeoutMs: 10_000,
  metadataUpdateTimeoutMs: 500,
};

function setUp(
  {
    putFaults = noStorageFaults,
    ...headOptions
  }: {
    profilesMax?: number;
    triedMax?: number;
    faults?: HeadFaults;
    putFaults?: StorageFaults;
  } = {},
  changed: Partial<SegmentWriterOptions> = {},
) {
  const clock = new FakeClock();
  const random = new Random(1);
  const heads = new FakeHeadThreads(clock, random, { threads: 1, ...headOptions });
  const objects = new FakeObjectWriter({ clock, random, faults: putFaults });
  const registry = new FakeBlockRegistry(objects, { clock, random });
  let ids = 0;
  const writer = new SegmentWriter(
    { ...options, ...changed },
    {
      ...{ clock, objects, registry, heads, log: silentLog },
      newBlockId: () => `01J00000000000000000${String(++ids).padStart(6, '0')}`,
      newProfileId: () => new Uint8Array(16),
    },
  );
  return { clock, heads, objects, registry, writer };
}

const labelsWithoutLimits = { ...openLimits, maxLabelValueLength: 0 };
const shop = labelList({ __name__: 'process_cpu', service_name: 'shop' });

function routed(profile: Uint8Array, labels: readonly Label[] = shop): RoutedProfile {
  return { tenant: 't', ...requestLabels(labels, labelsWithoutLimits), profile, ingest: undefined, limits: openLimits };
}

function summaryOf(outcome: ProfileOutcome): string {
  if (outcome.kind !== 'failed') return outcome.kind;
  return outcome.error instanceof StoreError ? outcome.error.code : String(outcome.error);
}

describe('SegmentWriter', () => {
  test('answers every profile of a push on its own', async () => {
    const { clock, writer } = setUp();
    const kinds = ['stored', 'stored', 'refused', 'dropped'] as const;

    const write = writer.write(
      kinds.map((kind, i) => routed(fakeProfile(i, kind))),
      signal,
    );
    await clock.turn(1000);

    deepEqual((await write).map(summaryOf), [...kinds]);
  });

  test('says and counts which profiles are gone with their thread', async (t) => {
    const { clock, writer } = setUp({ faults: { ...noHeadFaults, diesQuietly: 1 } });
    const warn = t.mock.method(silentLog, 'warn');
    const lost = async (): Promise<number> =>
      Number(/^kiln_segment_writer_lost_profiles_total (\d+)$/m.exec(await metrics.metrics())?.[1]);
    const before = await lost();

    const write = writer.write([routed(fakeProfile(0)), routed(fakeProfile(1))], signal);
    await clock.turn(1000);

    deepEqual((await write).map(summaryOf), ['unavailable', 'unavailable']);
    deepEqual(
      warn.mock.calls.map((call) => call.arguments),
      [['a head was lost', { profiles: 2 }]],
    );
    equal((await lost()) - before, 2);
  });

  test('what finds no room in the head of a window goes first in the next ones', async () => {
    const { clock, heads, objects, writer } = setUp({ profilesMax: 2 });

    const write = writer.write(
      Array.from({ length: 5 }, (_, i) => routed(fakeProfile(i))),
      signal,
    );
    await clock.turn(1000);

    deepEqual(
      (await write).map(summaryOf),
      Array.from({ length: 5 }, () => 'stored'),
    );
    deepEqual(heads.calls, ['ingest 0', 'seal 0', 'ingest 0', 'seal 0', 'ingest 0', 'seal 0']);
    deepEqual([...objects.objects.values()].map(numbersIn), [[0, 1], [2, 3], [4]]);
    match(await metrics.metrics(), /^kiln_segment_writer_waiting_bytes 0$/m);
  });

  test('counts labels among the bytes that wait, and refuses above the bound', async () => {
    const { clock, writer } = setUp();
    const labels = [...shop, { name: 'a', value: 'x'.repeat(options.waitingBytesMax / 2) }];

    const first = writer.write([routed(fakeProfile(1), labels)], signal);
    await rejects(writer.write([routed(fakeProfile(2), labels)], signal), {
      code: 'unavailable',
      message: /--ingest-buffer-bytes-max: limit 1048576 bytes \(1 MiB\), actual \d+ bytes/,
    });
    await clock.turn(1000);

    deepEqual((await first).map(summaryOf), ['stored']);
    match(await metrics.metrics(), /^kiln_segment_writer_waiting_bytes 0$/m);
  });

  test('a batch has no more labels than bytes of profiles, and those of one series once', async () => {
    const { clock, heads, writer } = setUp({}, { waitingBytesMax: 64 << 20 });
    const labels = [...shop, { name: 'a', value: 'x'.repeat(1 << 20) }];

    const write = writer.write(
      Array.from({ length: 8 }, (_, i) => routed(fakeProfile(i), labels)),
      signal,
    );
    await clock.turn(1000);
    await write;

    deepEqual(
      heads.batches.map(({ items }) => items.length),
      [3, 3, 2],
    );
    // As it goes to a thread: the list once, and beside it only what names the service.
    for (const batch of heads.batches) ok(serialize(batch).length < 1.1 * (1 << 20));
  });

  test('takes no labels along that are at fault', async () => {
    const { clock, heads, writer } = setUp();
    const wide = Array.from({ length: 31 }, (_, i) => ({ name: `l${i}`, value: 'v' }));
    const profile = { ...routed(fakeProfile(1)), ...requestLabels(wide, defaultProfileLimits) };

    const write = writer.write([profile], signal);
    await clock.turn(1000);
    await write;

    const item = heads.batches[0]?.items[0];
    deepEqual(item?.labels, []);
    equal(item?.labelFault?.details['reason'], 'max_label_names_per_series');
  });

  test('says when all profiles of a push were taken, before they are durable', async () => {
    const { clock, writer } = setUp({ putFaults: { ...noStorageFaults, hangs: 1 } });
    let taken = 0;

    const write = writer.write(
      Array.from({ length: 40 }, (_, i) => routed(fakeProfile(i))),
      signal,
      () => taken++,
    );
    equal(taken, 0);
    await clock.turn(1);

    equal(taken, 1);
    await clock.turn(10 * options.uploadTimeoutMs);
    deepEqual(new Set((await write).map(summaryOf)), new Set(['unavailable']));
    equal(taken, 1);
  });

  test('gives what a thread did not come to another batch, first and in order', async () => {
    const { clock, heads, writer } = setUp({ triedMax: 3 });
    let taken = 0;
    const writeOf = (first: number, count: number): Promise<ProfileOutcome[]> => {
      const profiles = Array.from({ length: count }, (_, i) => routed(fakeProfile(first + i)));
      return writer.write(profiles, signal, () => taken++);
    };

    const writes = [writeOf(0, 5), writeOf(5, 15)];
    await clock.turn(1000);

    const tried = heads.batches.flatMap(({ items }) => items.slice(0, 3)).map(({ profile }) => numberOf(profile));
    deepEqual(
      tried,
      Array.from({ length: 20 }, (_, i) => i),
    );
    deepEqual(
      heads.batches.map(({ items }) => items.length),
      [16, 16, 14, 11, 8, 5, 2],
    );
    for (const outcome of (await Promise.all(writes)).flat()) equal(summaryOf(outcome), 'stored');
    equal(taken, 2);
    match(await metrics.metrics(), /^kiln_segment_writer_waiting_bytes 0$/m);
  });

  test('a profile that comes back is taken once', async () => {
    const { clock, heads, writer } = setUp({ triedMax: 3 });
    const ingest = heads.ingest.bind(heads);
    let taken = 0;
    const takenBefore: number[] = [];
    heads.ingest = (...batch) => {
      takenBefore.push(taken);
      return ingest(...batch);
    };

    const write = writer.write(
      Array.from({ length: 20 }, (_, i) => fakeStored(i)),
      signal,
      () => taken++,
    );
    await clock.turn(1000);
    await write;

    // 16, then the other 13 and three more, then the last one is among them.
    deepEqual(takenBefore, [0, 0, 1, 1, 1, 1, 1]);
  });

  test('tries nothing again whose client left meanwhile', async () => {
    const { clock, heads, writer } = setUp({ triedMax: 1 });
    const leaving = new AbortController();
    const ingest = heads.ingest.bind(heads);
    heads.ingest = (...batch) => {
      leaving.abort();
      return ingest(...batch);
    };

    const write = writer.write([1, 2].map(fakeStored), leaving.signal);
    await clock.turn(1000);

    deepEqual((await write).map(summaryOf), ['stored', 'aborted']);
    match(await metrics.metrics(), /^kiln_segment_writer_waiting_bytes 0$/m);
  });

  test('tells a client that left so, and only it', async () => {
    const { clock, writer } = setUp();

    const left = writer.write([routed(fakeProfile(1))], AbortSignal.abort());
    const stayed = writer.write([routed(fakeProfile(2))], signal);
    await clock.turn(1000);

    deepEqual((await left).map(summaryOf), ['aborted']);
    deepEqual((await stayed).map(summaryOf), ['stored']);
  });

  test('has so many segments on their way and no more; the current one grows', async () => {
    const { clock, heads, objects, writer } = setUp({ putFaults: { ...noStorageFaults, hangs: 1 } });

    const writes: Promise<ProfileOutcome[]>[] = [];
    for (let window = 0; window < 4 * FLUSHES_MAX; window++) {
      writes.push(writer.write([routed(fakeProfile(window))], signal));
      await clock.turn(options.segmentDurationMs);
    }

    equal(objects.running, FLUSHES_MAX);
    equal(heads.calls.filter((call) => call === 'seal 0').length, FLUSHES_MAX);
    equal(await flushesNow(), FLUSHES_MAX);
    await clock.turn(10 * options.uploadTimeoutMs);
    deepEqual(
      (await Promise.all(writes)).flat().map(summaryOf),
      writes.map(() => 'unavailable'),
    );
    equal(heads.calls.filter((call) => call === 'seal 0').length, FLUSHES_MAX + 1);
    equal(await flushesNow(), 0);
  });
});

function fakeStored(number: number): RoutedProfile {
  return routed(fakeProfile(number));
}

function numberOf(profile: Uint8Array): number {
  return (JSON.parse(Buffer.from(profile).toString()) as { number: number }).number;
}

async function flushesNow(): Promise<number> {
  return Number(/^kiln_segment_writer_flushes (\d+)/m.exec(await metrics.metrics())?.[1]);
}

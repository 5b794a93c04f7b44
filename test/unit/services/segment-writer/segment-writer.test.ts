import { deepEqual, equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { StoreError } from '#src/domain/errors.ts';
import { metrics } from '#src/platform/metrics.ts';
import type { ProfileOutcome, RoutedProfile } from '#src/services/distributor/ports.ts';
import { FLUSHES_MAX, SegmentWriter, type SegmentWriterOptions } from '#src/services/segment-writer/segment-writer.ts';
import { FakeClock } from '../../../fixtures/fake-clock.ts';
import { FakeHeadThreads, fakeProfile } from '../../../fixtures/fake-head-threads.ts';
import {
  FakeBlockRegistry,
  FakeObjectWriter,
  noStorageFaults,
  type StorageFaults,
} from '../../../fixtures/fake-segment-storage.ts';
import { openLimits } from '../../../fixtures/ingest.ts';
import { labelList } from '../../../fixtures/labels.ts';
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

function setUp({
  putFaults = noStorageFaults,
  ...headOptions
}: {
  profilesMax?: number;
  putFaults?: StorageFaults;
} = {}) {
  const clock = new FakeClock();
  const random = new Random(1);
  const heads = new FakeHeadThreads(clock, random, { threads: 1, ...headOptions });
  const objects = new FakeObjectWriter({ clock, random, faults: putFaults });
  const registry = new FakeBlockRegistry(objects, { clock, random });
  let ids = 0;
  const writer = new SegmentWriter(options, {
    ...{ clock, objects, registry, heads, log: silentLog },
    newBlockId: () => `01J00000000000000000${String(++ids).padStart(6, '0')}`,
    newProfileId: () => new Uint8Array(16),
  });
  return { clock, heads, objects, registry, writer };
}

function routed(profile: Uint8Array): RoutedProfile {
  const labels = labelList({ __name__: 'process_cpu', service_name: 'shop' });
  return { tenant: 't', service: 'shop', labels, profile, ingest: undefined, limits: openLimits };
}

function summaryOf(outcome: ProfileOutcome): string {
  if (outcome.kind !== 'failed') return outcome.kind;
  return outcome.error instanceof StoreError ? outcome.error.code : String(outcome.error);
}

describe('SegmentWriter', () => {
  test('answers every profile of a push on its own', async () => {
    const { clock, writer } = setUp({ profilesMax: 1 });
    const kinds = ['stored', 'stored', 'refused', 'dropped'] as const;

    const write = writer.write(
      kinds.map((kind, i) => routed(fakeProfile(i, kind))),
      signal,
    );
    await clock.turn(1000);

    deepEqual((await write).map(summaryOf), ['stored', 'unavailable', 'refused', 'dropped']);
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

async function flushesNow(): Promise<number> {
  return Number(/^kiln_segment_writer_flushes (\d+)/m.exec(await metrics.metrics())?.[1]);
}

import { deepEqual } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { StoreError } from '#src/domain/errors.ts';
import type { ProfileOutcome, RoutedProfile } from '#src/services/distributor/ports.ts';
import { SegmentWriter, type SegmentWriterOptions } from '#src/services/segment-writer/segment-writer.ts';
import { FakeClock } from '../../../fixtures/fake-clock.ts';
import { FakeHeadThreads, fakeProfile } from '../../../fixtures/fake-head-threads.ts';
import { FakeBlockRegistry, FakeObjectWriter } from '../../../fixtures/fake-segment-storage.ts';
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
  uploadTimeoutMs: 1000,
  metadataUpdateTimeoutMs: 500,
};

function setUp(headOptions: { profilesMax?: number } = {}) {
  const clock = new FakeClock();
  const random = new Random(1);
  const heads = new FakeHeadThreads(clock, random, { threads: 1, ...headOptions });
  const objects = new FakeObjectWriter({ clock, random });
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
});

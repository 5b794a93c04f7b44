// What a real process takes when it is sent more than it can hold, beside what its flags add up to: ARCHITECTURE.md,
// "Bounds".

import { equal, match, ok } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { Reply } from '../fixtures/kiln-client.ts';
import { pprof } from '../fixtures/pprof-builder.ts';
import { pushProto } from '../fixtures/push-message.ts';
import { kilnOfSuite } from '../fixtures/suite-kiln.ts';

const MIB = 1 << 20;
const LABELS = { __name__: 'process_cpu', service_name: 'memory' };

/** Small ones, so that a process without bounds would be far beyond them. */
const bounds = { ingestBuffer: 16 * MIB, head: 16 * MIB, task: 48 * MIB, segment: 8 * MIB, queries: 32 * MIB };

/** Node, code, and what the operating system keeps for a process that does nothing. */
const BASE_BYTES = 160 * MIB;

/** One thread; the segment that collects, and four on their way. */
const BUDGET_BYTES =
  BASE_BYTES + bounds.ingestBuffer + bounds.head + 3 * bounds.task + 5 * bounds.segment + bounds.queries;

describe('memory of a process', () => {
  const kiln = kilnOfSuite(
    [
      '--pool.threads=1',
      `--pool.head-bytes-max=${bounds.head}`,
      `--pool.task-bytes-max=${bounds.task}`,
      `--ingest-buffer-bytes-max=${bounds.ingestBuffer}`,
      `--segment-writer.segment-bytes-max=${bounds.segment}`,
      `--query-backend.memory-bytes-max=${bounds.queries}`,
      `--query-backend.result-bytes-max=${bounds.queries / 2}`,
      '--query-backend.cache-bytes-max=0',
      '--distributor.ingestion-rate-limit-mb=0',
      '--distributor.ingestion-body-limit-mb=0',
      '--validation.max-profile-size-bytes=0',
    ],
    'anonymous',
  );

  const push = (profile: Uint8Array): Promise<Reply> => {
    const labels = Object.entries(LABELS).map(([name, value]) => ({ name, value }));
    const headers = { 'content-type': 'application/proto' };
    return kiln.client.post('/push.v1.PusherService/Push', pushProto([{ labels, profiles: [profile] }]), headers);
  };
  const pushInflating = (body: Uint8Array): Promise<Reply> => {
    const headers = { 'content-type': 'application/proto', 'content-encoding': 'gzip' };
    return kiln.client.post('/push.v1.PusherService/Push', body, headers);
  };
  const withinBudget = (): void => {
    const status = readFileSync(`/proc/${kiln.pid}/status`, 'utf8');
    const peakBytes = Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
    ok(peakBytes <= BUDGET_BYTES, `${peakBytes >> 20} of ${BUDGET_BYTES >> 20} MiB`);
  };

  test('profiles of 256 MiB are refused by the name of the limit, whatever they declare', async () => {
    const honest = gzipSync(Buffer.alloc(256 * MIB));
    const liar = Buffer.from(honest);
    liar.writeUInt32LE(1000, liar.length - 4);

    const replies = await Promise.all([honest, liar, honest, liar].map(push));

    for (const reply of replies) {
      equal(reply.status, 400);
      match(reply.body.toString(), /1\/6 of --pool\.task-bytes-max\): limit 8388608 bytes/);
    }
    withinBudget();
  });

  test('a message that inflates to 250 MiB is refused by the name of the limit', async () => {
    const labels = [{ name: 'a', value: 'A'.repeat(250 * MIB) }];
    const body = gzipSync(pushProto([{ labels, profiles: [new Uint8Array(1)] }]), { level: 1 });

    const replies = await Promise.all([body, body, body].map(pushInflating));

    for (const reply of replies) {
      equal(reply.status, 429);
      match(reply.body.toString(), /1\/4 of --pool\.task-bytes-max\): limit 12582912 bytes/);
    }
    withinBudget();
  });

  test('OTLP that inflates to 250 MiB, or whose tables would be as large, is refused by the name of the limit', async () => {
    const post = (body: Uint8Array, encoding: object = {}): Promise<Reply> =>
      kiln.client.post('/v1development/profiles', body, { 'content-type': 'application/x-protobuf', ...encoding });
    const bomb = gzipSync(Buffer.alloc(250 * MIB), { level: 1 });
    // Empty mappings of two bytes, which are rows of 36.
    const mappings = Buffer.alloc(8 * MIB, Buffer.of(0x0a, 0));
    const tables = Buffer.concat([Buffer.of(0x12, 0x80, 0x80, 0x80, 0x04), mappings]);

    const bombs = await Promise.all([bomb, bomb, bomb].map((body) => post(body, { 'content-encoding': 'gzip' })));
    const large: Reply[] = [];
    for (let i = 0; i < 3; i++) large.push(await post(tables));

    for (const reply of bombs) {
      equal(reply.status, 413);
      match(reply.body.toString(), /1\/4 of --pool\.task-bytes-max\): limit 12582912 bytes/);
    }
    for (const reply of large) {
      equal(reply.status, 400);
      match(reply.body.toString(), /more than 25165824 bytes of memory for its tables/);
    }
    withinBudget();
  });

  test('messages that inflate to what a task has memory for are taken apart or refused', async () => {
    const profiles = Array.from({ length: 1000 }, () => new Uint8Array(11 << 10));
    const labels = Object.entries(LABELS).map(([name, value]) => ({ name, value }));
    const body = gzipSync(pushProto([{ labels, profiles }]));

    const replies = await Promise.all(Array.from({ length: 64 }, () => pushInflating(body)));

    for (const { status } of replies) ok(status === 400 || status === 503, String(status));
    withinBudget();
  });

  test('a thousand profiles at once are queued or refused', async () => {
    const samples = Array.from({ length: 1000 }, (_, i) => ({
      stack: `main;handler${i % 50};function ${i}`,
      v: [i + 1],
    }));
    const profile = pprof({ samples });

    const replies = await Promise.all(Array.from({ length: 1000 }, () => push(profile)));

    const statuses = new Map<number, number>();
    for (const { status } of replies) statuses.set(status, (statuses.get(status) ?? 0) + 1);
    equal((statuses.get(200) ?? 0) + (statuses.get(503) ?? 0), 1000, JSON.stringify([...statuses]));
    ok((statuses.get(200) ?? 0) > 0);
    withinBudget();
  });
});

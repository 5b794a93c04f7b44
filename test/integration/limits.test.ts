import { deepEqual, equal, match } from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { status as Status } from '@grpc/grpc-js';
import { type Reply, redated } from '../fixtures/kiln-client.ts';
import { otlpMessage, otlpProto } from '../fixtures/otlp-message.ts';
import { pprof } from '../fixtures/pprof-builder.ts';
import { pushProto } from '../fixtures/push-message.ts';
import { kilnOfSuite } from '../fixtures/suite-kiln.ts';
import { call, clientOf, EXPORT, PUSH } from './grpc-fixture.ts';

// The limits of a tenant as a client meets them, on every way in: the status, the code, and a message that names the
// limit, its value and what was sent.

const RATE =
  /push rate limit exceeded: --distributor.ingestion-rate-limit-mb lets through 100 MiB a second, --distributor.ingestion-burst-size-mb 2097 bytes at once, and a profile and its labels of \d+ bytes/;
const WINDOW =
  /the profile of 2\d{3}-.* is outside of the ingestion window: it is (older than --validation.reject-older-than: limit 1h, actual 1h\d+m|newer than --validation.reject-newer-than: limit 10m, actual 1[01]m)/;
const NAMES =
  /the series has more labels than --validation.max-label-names-per-series: limit 30, actual \d+; series \{/;

/** Names of functions that make a profile larger than the burst, in whatever format. */
const manyFrames = Array.from({ length: 300 }, (_, i) => `function_${i}`);
const manyLabels = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`label_${i}`, 'x']));
const tags = encodeURIComponent(
  `app{${Object.entries(manyLabels)
    .map(([name, value]) => `${name}=${value}`)
    .join()}}`,
);

type Sent = { readonly frames?: readonly string[]; readonly labels?: Record<string, string>; readonly timeMs?: number };
type Way = {
  readonly send: (sent: Sent, t: TestContext) => Promise<Refused>;
  /** Status and code of what is wrong with a profile, and of one that comes too fast. */
  readonly bad: unknown[];
  readonly fast: unknown[];
};
type Refused = { readonly status: number; readonly code?: string; readonly message: string };

describe('limits of a tenant', () => {
  const kiln = kilnOfSuite([
    '--distributor.ingestion-rate-limit-mb=100',
    '--distributor.ingestion-burst-size-mb=0.002',
  ]);

  const profileOf = ({ frames = ['main'], timeMs = Date.now() }: Sent): Uint8Array =>
    redated(pprof({ samples: [{ stack: frames, v: [1] }] }), timeMs);
  const pushOf = (sent: Sent): Uint8Array => {
    const labels = { __name__: 'process_cpu', service_name: 's', ...sent.labels };
    const pairs = Object.entries(labels).map(([name, value]) => ({ name, value }));
    return pushProto([{ labels: pairs, profiles: [profileOf(sent)] }]);
  };
  const otlpOf = ({ frames = ['main'], labels = {}, timeMs = Date.now() }: Sent): Uint8Array => {
    const samples = [{ stack: frames.join(';'), values: [1] }];
    return otlpProto(otlpMessage([{ timeNanos: BigInt(timeMs) * 1_000_000n, samples }], labels));
  };
  const coded = ({ status, body }: Reply): Refused => ({ status, ...JSON.parse(body.toString()) });
  const onGrpc = async (t: TestContext, path: string, message: Uint8Array): Promise<Refused> => {
    const { code, message: text } = await call(
      clientOf(t, { port: Number(new URL(kiln.urls.grpcUrl).port) }),
      path,
      message,
    );
    return { status: code, message: text };
  };

  const ways: Record<string, Way> = {
    'Push over Connect': {
      send: async (sent) => coded(await kiln.client.post(PUSH, pushOf(sent), { 'content-type': 'application/proto' })),
      bad: [400, 'invalid_argument'],
      fast: [429, 'resource_exhausted'],
    },
    'Push over gRPC': {
      send: (sent, t) => onGrpc(t, PUSH, pushOf(sent)),
      bad: [Status.INVALID_ARGUMENT, undefined],
      fast: [Status.RESOURCE_EXHAUSTED, undefined],
    },
    '/ingest with pprof': {
      send: async (sent) =>
        coded(await kiln.client.ingest(sent.labels ? decodeURIComponent(tags) : 'app', profileOf(sent))),
      bad: [422, 'unknown'],
      fast: [429, 'resource_exhausted'],
    },
    '/ingest with text': {
      send: async ({ frames = ['main'], labels, timeMs = Date.now() }) =>
        coded(await kiln.client.post(`/ingest?name=${labels ? tags : 'app'}&from=${timeMs}`, `${frames.join(';')} 1`)),
      bad: [400, 'invalid_argument'],
      fast: [429, 'resource_exhausted'],
    },
    'OTLP over HTTP': {
      send: async (sent) => {
        const headers = { 'content-type': 'application/x-protobuf' };
        const { status, body } = await kiln.client.post('/v1development/profiles', otlpOf(sent), headers);
        return { status, message: body.toString() };
      },
      bad: [400, undefined],
      fast: [429, undefined],
    },
    'OTLP over gRPC': {
      send: (sent, t) => onGrpc(t, EXPORT, otlpOf(sent)),
      bad: [Status.INVALID_ARGUMENT, undefined],
      fast: [Status.RESOURCE_EXHAUSTED, undefined],
    },
  };

  for (const [way, { send, bad, fast }] of Object.entries(ways)) {
    for (const [what, sent, answer, words] of [
      ['comes too fast', { frames: manyFrames }, fast, RATE],
      ['is too old', { timeMs: Date.now() - 3_700_000 }, bad, WINDOW],
      ['is of the future', { timeMs: Date.now() + 700_000 }, bad, WINDOW],
      ['has too many labels', { labels: manyLabels }, bad, NAMES],
    ] as const) {
      test(`${way}: a profile that ${what}`, async (t) => {
        const { status, code, message } = await send(sent, t);

        deepEqual([status, code], answer, message);
        match(message, words);
      });
    }
  }

  test('what is within all of them is stored', async () => {
    equal((await kiln.client.ingest('fits', profileOf({}))).status, 200);
  });
});

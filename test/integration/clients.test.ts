import { deepEqual, equal } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { capturedRequests, replay } from '../fixtures/captured-request.ts';
import { KilnClient } from '../fixtures/kiln-client.ts';
import { kilnOfSuite } from '../fixtures/suite-kiln.ts';

// What SDKs and tools sent, byte by byte, and the totals that a Pyroscope server returned for all of it: forms of Go with
// deltas and display names, bare pprofs of Node, pushes of Python and Rust, uploads of profilecli in four protocols.

type Totals = Record<string, Record<string, { levels: number; nodes: number; total: number }>>;

const data = new URL('../data/', import.meta.url);
const totals = JSON.parse(readFileSync(new URL('corpus-totals.json', data), 'utf8')) as Totals;
const requests = capturedRequests(fileURLToPath(new URL('requests/', data)));

/** They were recorded long ago. */
const PAST_MS = 20 * 365 * 86_400_000;

/** The totals are of one upload; the others are of other tenants. */
const ONE_UPLOAD = 'profilecli-upload-connect';

describe('requests of clients', () => {
  const kiln = kilnOfSuite([
    '--auth.multitenancy-enabled=true',
    '--distributor.ingestion-rate-limit-mb=0',
    '--validation.reject-older-than=0',
    '--querier.max-query-length=0',
    '--querier.max-query-lookback=0',
  ]);

  for (const request of requests) {
    test(`${request.name} is taken`, async () => {
      const isOther = request.name.startsWith('profilecli') && request.name !== ONE_UPLOAD;

      const { status, answer } = await replay(request, kiln.urls, isOther ? request.name : 'clients');

      equal(status, 200, answer);
    });
  }

  const comesBack = async (client: KilnClient, service: string): Promise<void> => {
    const expected = totals[service] ?? {};
    for (const [profileType, reference] of Object.entries(expected)) {
      const { total, levels, nodes } = await client.flamegraph(service, profileType);
      deepEqual({ total, levels, nodes }, { ...reference, total: BigInt(reference.total) }, profileType);
    }
  };

  for (const service of Object.keys(totals).filter((name) => name.startsWith('example.'))) {
    test(`all of ${service} comes back`, async () => {
      const client = new KilnClient(kiln.urls.url, 'clients', PAST_MS);

      deepEqual(await client.profileTypes(service), Object.keys(totals[service] ?? {}).sort());
      await comesBack(client, service);
    });
  }

  for (const { name } of requests.filter((request) => /^profilecli-upload-(connect-token|grpc)/.test(request.name))) {
    test(`${name} comes back as the upload in Connect does`, async () => {
      await comesBack(new KilnClient(kiln.urls.url, name, PAST_MS), 'example.upload');
    });
  }
});

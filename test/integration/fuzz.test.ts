import { deepEqual, equal, ok } from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { KilnProcess } from '../../scripts/kiln-process.ts';
import { runSeed } from '../fixtures/random.ts';
import { DECODERS } from '../fuzz/decoders.ts';
import { fuzzHttp } from '../fuzz/fuzz-http.ts';
import { fuzzInline } from '../fuzz/fuzz-inline.ts';
import { type FuzzReport, reportText } from '../fuzz/fuzz-report.ts';
import { InlineServer } from '../fuzz/inline-server.ts';
import { MemoryPlateau } from '../fuzz/memory-plateau.ts';
import { OWN_GROWTH_MAX, ownMemory } from '../fuzz/own-memory.ts';
import { PayloadClient } from '../fuzz/payload-client.ts';

// Every decoder with bytes that no client sends: test/fuzz/README.md. A million of them, what they cost, and one of them
// again: scripts/fuzz.ts.

const PAYLOADS = 10_000;
const HTTP_PAYLOADS = 100;
const SAMPLES = 10;
const seed = runSeed();

test(`whatever is sent is accepted, or refused by name (seed ${seed})`, async (t) => {
  const server = new InlineServer();
  const report: FuzzReport = {};
  const memory = new MemoryPlateau(OWN_GROWTH_MAX);

  // The payload that needs most may come late, and the allocator keeps what it needed. All of them once more need no more
  // than that, unless something is lost.
  for (let run = 0; run < 2 && (run === 0 || memory.growth().length > 0); run++) {
    for (let sample = 0; sample < SAMPLES; sample++) {
      const [first, end] = [sample, sample + 1].map((part) => (part * PAYLOADS) / SAMPLES);
      await fuzzInline(server, { seed, first, end }, report);
      memory.add(ownMemory(server.heads.memory));
    }
  }

  t.diagnostic(reportText(report));
  deepEqual(memory.growth(), [], memory.text());
  // A test of nothing but refusals, or of some decoders alone, would look just as green.
  deepEqual(Object.keys(report).sort(), DECODERS.map(({ name }) => name).sort());
  for (const [decoder, { accepted, refused }] of Object.entries(report)) {
    ok(accepted > 0 && refused > 0, `${decoder}: ${accepted} accepted, ${refused} refused`);
  }
});

test(`a server outlives whatever is sent (seed ${seed})`, async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'kiln-fuzz-'));
  const kiln = new KilnProcess();
  try {
    const urls = await kiln.start([`--data-dir=${dataDir}`, '--auth.multitenancy-enabled=true']);
    const client = new PayloadClient(urls);

    const report = await fuzzHttp(client, { seed, first: 0, end: HTTP_PAYLOADS });

    equal((await fetch(`${urls.url}/ready`)).status, 200);
    client.close();
    await kiln.stop();
    ok(!kiln.logTail().includes('because of a bug'), kiln.logTail());
    const counts = Object.values(report);
    ok(counts.some(({ accepted }) => accepted > 0) && counts.some(({ refused }) => refused > 0));
  } finally {
    kiln.kill();
    await rm(dataDir, { recursive: true });
  }
});

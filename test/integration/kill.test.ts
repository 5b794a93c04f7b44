import { equal, ok } from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { KilnProcess } from '../../scripts/kiln-process.ts';
import { KilnClient } from '../fixtures/kiln-client.ts';
import { pprof } from '../fixtures/pprof-builder.ts';
import { Random } from '../fixtures/random.ts';

const CPU = 'process_cpu:cpu:nanoseconds:cpu:nanoseconds';
const KILLS = 10;
const PUSHERS = 8;
/** Pushes answered before a process is killed: enough for a few segments. */
const ANSWERED_PER_LIFE = 60;

/** Sums of what was answered and of what was only sent, per service. A push that got no answer may be there or not. */
class Ledger {
  readonly answered = new Map<string, bigint>();
  readonly unanswered = new Map<string, bigint>();
  inFlight = 0;
  count = 0;

  add(to: Map<string, bigint>, service: string, value: bigint): void {
    to.set(service, (to.get(service) ?? 0n) + value);
  }
}

test('kill -9 under load, ten times: every answered push is there after a restart, and at once before', async (t) => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
  const random = new Random(seed);
  const dataDir = await mkdtemp(join(tmpdir(), 'kiln-kill-'));
  const timeouts = ['upload', 'metadata-update'].map((what) => `--segment-writer.${what}-timeout=60s`);
  // A disk that others use is no fault of a push.
  const flags = [`--data-dir=${dataDir}`, ...timeouts];
  const ledger = new Ledger();
  t.diagnostic(`seed ${seed}`);
  t.after(() => rm(dataDir, { recursive: true }));

  for (let life = 0; life < KILLS; life++) {
    const kiln = new KilnProcess();
    const { url } = await kiln.start(flags);
    const client = new KilnClient(url);
    await checkAll(client, ledger);
    await loadAndKill(kiln, client, ledger, random);
  }

  const kiln = new KilnProcess();
  const { url } = await kiln.start(flags);
  await checkAll(new KilnClient(url), ledger);
  await kiln.stop();
  t.diagnostic(`${ledger.count} pushes answered, ${ledger.unanswered.size} services with pushes cut off`);
  ok(ledger.unanswered.size > 0, 'nothing was in flight at any kill: the test shows nothing');
});

/** Every service has at least what was answered, and at most what was sent. */
async function checkAll(client: KilnClient, ledger: Ledger): Promise<void> {
  for (const [service, answered] of ledger.answered) {
    const total = await client.total(service, CPU);
    const sent = answered + (ledger.unanswered.get(service) ?? 0n);
    ok(total >= answered && total <= sent, `${service}: ${answered} answered, ${sent} sent, ${total} found`);
  }
}

/** Pushes from several clients until enough are answered, then kills the process in the middle of it. */
async function loadAndKill(kiln: KilnProcess, client: KilnClient, ledger: Ledger, random: Random): Promise<void> {
  const killAt = ledger.count + ANSWERED_PER_LIFE + random.int(0, PUSHERS);
  let killed = false;
  const pusher = async (): Promise<void> => {
    while (!killed) {
      const service = `svc-${random.int(0, 11)}`;
      const value = BigInt(random.int(1, 1_000_000));
      const profile = pprof({ samples: [{ stack: `main;f${random.int(0, 9)}`, v: [value] }] });
      try {
        const { status, body } = await client.push({ __name__: 'process_cpu', service_name: service }, profile);
        equal(status, 200, body.toString());
        ledger.add(ledger.answered, service, value);
        ledger.count++;
      } catch (error) {
        // The connection broke: the process was killed before it answered.
        if (!(error instanceof TypeError)) throw error;
        ledger.add(ledger.unanswered, service, value);
      }
      if (ledger.count >= killAt && !killed) {
        killed = true;
        kiln.kill();
      }
    }
  };
  // One of them looks, too: what was answered is found by the very next query.
  const looker = async (): Promise<void> => {
    const profile = pprof({ samples: [{ stack: 'main;look', v: [7] }] });
    await client.push({ __name__: 'process_cpu', service_name: 'looked-for' }, profile);
    ledger.add(ledger.answered, 'looked-for', 7n);
    equal(await client.total('looked-for', CPU), ledger.answered.get('looked-for'));
  };
  await looker();
  await Promise.all(Array.from({ length: PUSHERS }, pusher));
}

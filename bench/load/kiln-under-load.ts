import { readdirSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KilnProcess } from '../../scripts/kiln-process.ts';
import { cpuSecondsOf, peakRssBytesOf } from './process-usage.ts';

/** A real Kiln with a data folder of its own. */
export type KilnUnderLoad = {
  readonly url: string;
  readonly grpcUrl: string;
  readonly pid: number;
  cpuSeconds(): number;
  peakRssBytes(): number;
  /** How late the main loop ran, p99 since the last call. @units seconds */
  eventLoopDelay(): Promise<number>;
  /** What `/metrics` says. */
  metrics(): Promise<string>;
  stored(): { objects: number; bytes: number };
  stop(): Promise<void>;
};

/** Limits that a load of real profiles from one tenant would run into. */
const LIMITS_OFF = ['--validation.max-profile-stacktrace-samples=0'];

export async function startKiln(flags: readonly string[] = []): Promise<KilnUnderLoad> {
  const dataDir = await mkdtemp(join(tmpdir(), 'kiln-bench-'));
  const kiln = new KilnProcess();
  const { url, grpcUrl } = await kiln.start([`--data-dir=${dataDir}`, ...LIMITS_OFF, ...flags]);
  const pid = kiln.pid as number; // It has just answered.
  const metrics = async (): Promise<string> => (await fetch(`${url}/metrics`)).text();
  return {
    url,
    grpcUrl,
    pid,
    cpuSeconds: () => cpuSecondsOf(pid),
    peakRssBytes: () => peakRssBytesOf(pid),
    metrics,
    eventLoopDelay: async () => {
      const text = await metrics();
      return Number(/^kiln_event_loop_delay_seconds\{quantile="0.99"\} (\S+)$/m.exec(text)?.[1]);
    },
    stored: () => storedIn(join(dataDir, 'bucket')),
    stop: async () => {
      await kiln.stop();
      await rm(dataDir, { recursive: true });
    },
  };
}

function storedIn(bucket: string): { objects: number; bytes: number } {
  const sizes = readdirSync(bucket, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name === 'block.bin')
    .map((entry) => statSync(join(entry.parentPath, entry.name)).size);
  return { objects: sizes.length, bytes: sizes.reduce((sum, size) => sum + size, 0) };
}

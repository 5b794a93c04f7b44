import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const ROOT = join(import.meta.dirname, '..');

const READY_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 20_000;
const LOG_TAIL_LINES = 60;

/** Kiln as `npm start` runs it, on free ports of the loopback. */
export class KilnProcess {
  #child: ChildProcess | undefined;
  #log = '';

  /** Resolves when `/ready` says so. @throws Error when it ends before, or takes too long */
  async start(flags: readonly string[]): Promise<{ url: string; grpcUrl: string }> {
    const [httpPort, grpcPort] = await freePorts(2);
    const args = [
      ...startArguments(),
      '--server.http-listen-address=127.0.0.1',
      `--server.http-listen-port=${httpPort}`,
      '--server.grpc-listen-address=127.0.0.1',
      `--server.grpc-listen-port=${grpcPort}`,
      '--server.otlp-grpc-listen-port=0',
      ...flags,
    ];
    const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    killWithThisProcess(child);
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => this.#remember(text));
    }

    const url = `http://127.0.0.1:${httpPort}`;
    const untilMs = Date.now() + READY_TIMEOUT_MS;
    while (!(await isReady(url))) {
      this.#assertRuns();
      if (Date.now() > untilMs) throw new Error(`the server was not ready within ${READY_TIMEOUT_MS / 1000} s`);
      await sleep(50);
    }
    return { url, grpcUrl: `http://127.0.0.1:${grpcPort}` };
  }

  /** @throws Error when the server had died before, does not stop in time, or stops with a failure */
  async stop(): Promise<void> {
    const child = this.#assertRuns();
    const closed = once(child, 'close', { signal: AbortSignal.timeout(STOP_TIMEOUT_MS) });
    child.kill('SIGTERM');
    try {
      await closed;
    } catch {
      throw new Error(`the server did not stop within ${STOP_TIMEOUT_MS / 1000} s of SIGTERM`);
    }
    if (child.exitCode !== 0)
      throw new Error(`the server stopped with ${child.signalCode ?? `code ${child.exitCode}`}`);
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  kill(): void {
    this.#child?.kill('SIGKILL');
  }

  logTail(): string {
    return this.#log.split('\n').slice(-LOG_TAIL_LINES).join('\n');
  }

  #remember(text: string): void {
    this.#log = (this.#log + text).slice(-1_000_000);
  }

  #assertRuns(): ChildProcess {
    const child = this.#child!;
    if (child.exitCode === null && child.signalCode === null) return child;
    throw new Error(`the server ended by itself with ${child.signalCode ?? `code ${child.exitCode}`}`);
  }
}

/** What the script `start` of package.json gives Node: flags, then the program. */
function startArguments(): string[] {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: { start: string } };
  return scripts.start.replace('exec scripts/node ', '').split(' ');
}

const running = new Set<ChildProcess>();

/** Whatever ends this process must not leave a server behind; a signal alone would not run the handler of 'exit'. */
function killWithThisProcess(child: ChildProcess): void {
  if (running.size === 0 && process.listenerCount('exit', killRunning) === 0) {
    process.on('exit', killRunning);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  }
  running.add(child);
  child.once('close', () => running.delete(child));
}

function killRunning(): void {
  for (const child of running) child.kill('SIGKILL');
}

async function isReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/ready`, { signal: AbortSignal.timeout(1000) });
    return response.ok;
  } catch {
    return false;
  }
}

/** Held all at once, so that they differ, and let go: another process could take one before the server does. */
async function freePorts(count: number): Promise<number[]> {
  const holders = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(holders.map((holder) => once(holder, 'listening')));
  const ports = holders.map((holder) => (holder.address() as AddressInfo).port);
  await Promise.all(holders.map((holder) => new Promise((resolve) => holder.close(resolve))));
  return ports;
}

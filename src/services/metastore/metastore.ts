import { Gauge } from 'prom-client';
import type { BlockMeta } from '#src/domain/block/block-meta.ts';
import { StoreError } from '#src/domain/errors.ts';
import type { Labels } from '#src/domain/model/labels.ts';
import type { Bytes, DurationMs } from '#src/domain/model/units.ts';
import { type MatchLimits, MatchMeter } from '#src/domain/series/match-meter.ts';
import { abortErrorOf } from '#src/platform/abort-error.ts';
import type { Clock } from '#src/platform/clock.ts';
import type { Log } from '#src/platform/log.ts';
import { metrics } from '#src/platform/metrics.ts';
import type { MetadataQuery, MetadataReader } from '#src/services/query-frontend/ports.ts';
import type { BlockRegistry } from '#src/services/segment-writer/ports.ts';
import { checkBlock } from './block-check.ts';
import { encodeAddBlock } from './command.ts';
import type { CommandLog, StateChange, StateStore } from './ports.ts';
import { StateMachine } from './state-machine.ts';

export type MetastoreDeps = {
  readonly clock: Clock;
  readonly log: Log;
  readonly commandLog: CommandLog;
  readonly state: StateStore;
  /** How much of the state may wait for the disk. Above it blocks are refused: a stalled disk must not fill memory. */
  readonly statePendingBytesMax?: Bytes;
};

/** More than an hour of two blocks a second from ten writers. */
const STATE_PENDING_BYTES_MAX: Bytes = 64 << 20;

/**
 * How often the rows of the state are written. Nobody waits for it: what is in the log is durable. A start replays
 * what was not written, so the interval bounds that, and the length of the log.
 */
const STATE_WRITE_INTERVAL_MS: DurationMs = 1_000;

/** Answers are built in slices of this many blocks, about 5 ms each, so that sockets and heartbeats get their turns. */
const BLOCKS_PER_TURN = 1_000;

/**
 * What a query may spend here, on the main loop, on expressions: 1 ms to compile them, 5 ms for one value and 5 ms for
 * all. Threads look at what was read in any case, so what is not decided here is decided there.
 */
const MATCH_LIMITS: MatchLimits = { compiledCostMax: 256, stepsMax: 10_000, timeMsMax: 5 };

/** What a change costs in memory besides its bytes. */
const CHANGE_OVERHEAD_BYTES: Bytes = 200;

const statePendingBytes = new Gauge({
  name: 'kiln_metastore_state_pending_bytes',
  help: 'Changes of the state that are in the log, but not yet in the rows on disk.',
  registers: [metrics],
});

/**
 * The index of all blocks, kept by a log of commands.
 *
 *     addBlock ▸ check ▸ command ▸ log, durable ▸ state machine, visible ▸ answer
 *                                                       └▸ rows on disk, now and then ▸ log is cut
 *
 * With one voter, what is in its log is agreed upon, and what was answered was applied before. So a query that begins
 * after an answer sees the block, without asking anybody.
 */
export class Metastore implements BlockRegistry, MetadataReader {
  readonly #deps: MetastoreDeps;
  readonly #machine: StateMachine;
  readonly #closing = new AbortController();
  readonly #commits = new Set<Promise<void>>();
  #pending: StateChange[] = [];
  #pendingBytes: Bytes = 0;
  #damage: unknown;

  /**
   * Reads the rows, then replays the end of the log.
   *
   * @throws StoreError 'corrupted' when state and log do not fit each other or are damaged, 'unimplemented' when a
   *         later version wrote the log
   */
  static open(deps: MetastoreDeps): Metastore {
    const { commandLog, state, log } = deps;
    checkFit(commandLog, state);
    const metastore = new Metastore(deps);
    const machine = metastore.#machine;
    machine.restore(state.applied, state.rows());
    if (machine.applied < commandLog.lastIndex) {
      const unread = commandLog.read(machine.applied + 1, commandLog.lastIndex);
      for (const { logIndex, command } of unread) metastore.#apply(logIndex, command);
    }
    const replayed = machine.applied - state.applied;
    log.info('metastore opened', { blocks: machine.index.blockCount, applied: machine.applied, replayed });
    return metastore;
  }

  private constructor(deps: MetastoreDeps) {
    this.#deps = deps;
    this.#machine = new StateMachine();
  }

  /**
   * Until `close`, writes the state's rows and cuts the log behind them. Returns when nothing is left on its way.
   *
   * @throws StoreError when the disk failed; the metastore accepts nothing more, and the process should start again
   */
  async run(): Promise<void> {
    const failed = this.#deps.commandLog.failed.then((error) => {
      throw error;
    });
    try {
      await Promise.race([this.#writeStateUntilClosed(), failed]);
    } catch (error) {
      this.#stop(error);
      throw error;
    }
  }

  close(): void {
    this.#closing.abort();
  }

  async addBlock(meta: BlockMeta, signal: AbortSignal): Promise<void> {
    this.#refuseIfStopped();
    checkBlock(meta);
    if (this.#machine.index.has(meta.id)) return;
    this.#refuseIfStateLags();

    // Once it is on its way it may land, whether or not anybody still waits: a second attempt is harmless.
    const commit = this.#commit(encodeAddBlock(meta));
    this.#commits.add(commit);
    const forget = (): void => void this.#commits.delete(commit);
    commit.then(forget, forget);
    try {
      await orAborted(commit, signal);
    } catch (error) {
      if (!(error instanceof StoreError) || error.code !== 'deadline-exceeded') throw error;
      // As with a put: this deadline is the segment-writer's, not a client's, and who pushes may try again.
      throw new StoreError('unavailable', 'the metastore did not answer in time', {}, { cause: error });
    }
  }

  async queryMetadata(query: MetadataQuery, signal: AbortSignal): Promise<BlockMeta[]> {
    checkQuery(query);
    const { index } = this.#machine;
    const found = index.findBlocks({ ...query, meter: this.#newMeter() });
    const blocks: BlockMeta[] = [];
    for (const block of found) {
      if (blocks.length % BLOCKS_PER_TURN === 0) {
        if (blocks.length > 0) await new Promise((resolve) => setImmediate(resolve));
        if (signal.aborted) throw abortedBy(signal);
      }
      blocks.push(index.blockMetaOf(block));
    }
    return blocks;
  }

  async queryLabels(
    query: MetadataQuery & { readonly labelNames: readonly string[] },
    signal: AbortSignal,
  ): Promise<Labels[]> {
    checkQuery(query);
    if (signal.aborted) throw abortedBy(signal);
    return this.#machine.index.findLabels({ ...query, meter: this.#newMeter() }, query.labelNames);
  }

  #newMeter(): MatchMeter {
    return new MatchMeter(MATCH_LIMITS, () => this.#deps.clock.now());
  }

  async #commit(command: Uint8Array): Promise<void> {
    const logIndex = await this.#deps.commandLog.append([command]);
    try {
      this.#apply(logIndex, command);
    } catch (error) {
      // What is in memory may be half changed. Nothing may be built on it, least of all rows.
      this.#stop(error);
      throw error;
    }
  }

  #stop(cause: unknown): void {
    this.#damage ??= cause;
    this.#closing.abort();
  }

  #apply(logIndex: number, command: Uint8Array): void {
    const { changes } = this.#machine.apply(logIndex, command);
    for (const change of changes) this.#pending.push(change);
    this.#setPending(this.#pendingBytes + bytesOf(changes));
  }

  async #writeStateUntilClosed(): Promise<void> {
    const { clock } = this.#deps;
    while (!this.#closing.signal.aborted) {
      await clock.sleep(STATE_WRITE_INTERVAL_MS, this.#closing.signal);
      await this.#writeState();
    }
    await Promise.allSettled(this.#commits);
    await this.#writeState();
  }

  /** Writes what was applied so far, in one transaction with the index of the last of it, then cuts the log there. */
  async #writeState(): Promise<void> {
    if (this.#damage !== undefined) throw this.#damage;
    const { applied } = this.#machine;
    const { state, commandLog } = this.#deps;
    if (applied > state.applied) {
      const changes = this.#pending;
      this.#pending = [];
      await state.write(applied, changes);
      this.#setPending(this.#pendingBytes - bytesOf(changes));
    }
    if (commandLog.baseIndex < applied) await commandLog.compact(applied);
  }

  #setPending(bytes: Bytes): void {
    this.#pendingBytes = bytes;
    statePendingBytes.set(bytes);
  }

  #refuseIfStopped(): void {
    if (this.#damage !== undefined) throw new StoreError('unavailable', 'metastore: stopped after a failure');
    if (this.#closing.signal.aborted) throw new StoreError('aborted', 'metastore is closing');
  }

  #refuseIfStateLags(): void {
    const limitBytes = this.#deps.statePendingBytesMax ?? STATE_PENDING_BYTES_MAX;
    const pendingBytes = this.#pendingBytes;
    if (pendingBytes < limitBytes) return;
    throw new StoreError('unavailable', 'metastore: too much of the state waits for the disk', {
      pendingBytes,
      limitBytes,
    });
  }
}

/** @throws StoreError 'corrupted' when one of the two is older than the other allows */
function checkFit(commandLog: CommandLog, state: StateStore): void {
  const { applied } = state;
  const { baseIndex, lastIndex } = commandLog;
  const remedy = 'Restore the whole metastore directory from one copy, or move it away to start with an empty one';
  const facts = { applied, baseIndex, lastIndex };
  if (applied < baseIndex) {
    throw new StoreError('corrupted', `metastore: the state ends before the log begins. ${remedy}`, facts);
  }
  if (applied > lastIndex) {
    throw new StoreError('corrupted', `metastore: the log has lost entries that the state has. ${remedy}`, facts);
  }
}

function checkQuery({ tenants, startMs, endMs }: MetadataQuery): void {
  if (tenants.length === 0) throw new StoreError('invalid-argument', 'metadata query: no tenant');
  if (startMs <= endMs) return;
  throw new StoreError('invalid-argument', 'metadata query: the range ends before it starts', { startMs, endMs });
}

function bytesOf(changes: readonly StateChange[]): Bytes {
  return changes.reduce((sum, { key, value }) => sum + key.length + (value?.length ?? 0) + CHANGE_OVERHEAD_BYTES, 0);
}

/** What the promise says, or a failure as soon as the caller gives up. */
function orAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => reject(abortedBy(signal));
    signal.addEventListener('abort', giveUp, { once: true });
    if (signal.aborted) giveUp();
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp));
  });
}

function abortedBy(signal: AbortSignal): StoreError {
  return abortErrorOf(signal, 'waiting for the metastore');
}

import { Piscina } from 'piscina';
import { Counter, Gauge, Histogram } from 'prom-client';
import { fromWire, StoreError, type WireError } from '#src/domain/errors.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import { abortErrorOf } from '#src/platform/abort-error.ts';
import { metrics } from '#src/platform/metrics.ts';
import type { Tasks } from './worker.ts';

/** Who waits for a thread: what an agent sends goes before what a person asks, and both before upkeep. */
export type Lane = 'ingest' | 'query';

export type PoolOptions = {
  readonly threads: number;
  /** Tasks that may wait, per lane. Above it `run` refuses, so that a flood never becomes a heap. */
  readonly queueTasksMax: number;
  /** Memory of a thread for the head of one window. */
  readonly headBytesMax: Bytes;
  /** Memory of one task, beside the head. */
  readonly taskBytesMax: Bytes;
  /** Three random numbers of 64 bits for each thread's hash tables. */
  readonly hashSecrets: () => readonly [bigint, bigint, bigint];
};

/** What a thread is told once, when it starts. */
export type WorkerOptions = Pick<PoolOptions, 'headBytesMax' | 'taskBytesMax'> & {
  readonly hashSecrets: readonly [bigint, bigint, bigint];
};

export type TaskOptions = {
  readonly lane: Lane;
  /** The thread that must run it; any other one will do when it is left out. */
  readonly thread?: number;
  readonly transfer?: readonly ArrayBuffer[];
  readonly signal?: AbortSignal;
  /** Taken even when the lane is full, because refusing it would leave a thread in a state that its caller gave up. */
  readonly always?: true;
};

/** After so many ingest tasks in a row a waiting query gets its turn, so that a busy writer can still be looked at. */
const INGEST_RUN_MAX = 4;

/**
 * The most that each arena of a thread held since its kernels were last replaced. `head` is bounded by `headBytesMax`; the
 * others, for what a batch, a query and its answer take, by `taskBytesMax`.
 */
export type ThreadMemory = Readonly<Record<'head' | 'ingest' | 'query' | 'answer', Bytes>>;

/** What a task answers over the thread boundary, where errors lose their class. */
export type TaskReply<T> = ({ readonly value: T } | { readonly failure: WireError }) & {
  readonly memory: ThreadMemory;
};

type Waiting = {
  readonly name: keyof Tasks & string;
  readonly input: unknown;
  readonly options: TaskOptions;
  readonly sinceMs: number;
  resolve(value: unknown): void;
  reject(error: unknown): void;
};

type Thread = {
  readonly index: number;
  readonly piscina: Piscina;
  readonly ingest: Waiting[];
  busy: boolean;
  ingestRun: number;
};

const queueGauge = new Gauge({
  name: 'kiln_pool_queue_tasks',
  help: 'Tasks that wait for a thread.',
  labelNames: ['lane'],
  registers: [metrics],
});
const refusedCounter = new Counter({
  name: 'kiln_pool_refused_tasks_total',
  help: 'Tasks refused because their lane was full.',
  labelNames: ['lane'],
  registers: [metrics],
});
const taskSeconds = new Histogram({
  name: 'kiln_pool_task_seconds',
  help: 'Time from handing a task to a thread to its answer.',
  labelNames: ['task'],
  buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3],
  registers: [metrics],
});
const waitSeconds = new Histogram({
  name: 'kiln_pool_wait_seconds',
  help: 'Time a task waited for a thread.',
  labelNames: ['lane'],
  buckets: [0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3],
  registers: [metrics],
});

const memoryGauge = new Gauge({
  name: 'kiln_pool_thread_memory_bytes',
  help: 'Memory that the kernels of a thread take, by arena: the most it held since the kernels were last replaced.',
  labelNames: ['thread', 'arena'],
  registers: [metrics],
});

/**
 * Threads that compute, with a queue per lane in front of them.
 *
 * Heads live in threads, so who runs a task matters: each thread is a Piscina of one, and the choice is made here.
 * A running task cannot be interrupted; tasks are therefore short, and what is longer comes in slices.
 *
 * @invariant tasks with the same `thread` and lane run in the order in which they were given
 */
export class Pool {
  readonly threadCount: number;
  readonly #options: PoolOptions;
  readonly #threads: Thread[];
  readonly #shared: Record<Lane, Waiting[]> = { ingest: [], query: [] };
  readonly #waiting: Record<Lane, number> = { ingest: 0, query: 0 };
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.threadCount = options.threads;
    this.#threads = Array.from({ length: options.threads }, (_, index) => ({
      index,
      piscina: new Piscina({
        filename: new URL('./worker.ts', import.meta.url).href,
        minThreads: 1,
        maxThreads: 1,
        workerData: {
          headBytesMax: options.headBytesMax,
          taskBytesMax: options.taskBytesMax,
          hashSecrets: options.hashSecrets(),
        } satisfies WorkerOptions,
      }),
      ingest: [],
      busy: false,
      ingestRun: 0,
    }));
  }

  /** Resolves when every thread has compiled what it runs, so that the first push does not pay for it. */
  async warmUp(): Promise<void> {
    await Promise.all(this.#threads.map((_, thread) => this.run('warmUp', undefined, { lane: 'ingest', thread })));
  }

  /**
   * Runs a task.
   *
   * @throws StoreError 'unavailable' when the lane is full, the pool is closed or the thread died; 'aborted' and others,
   *         as the signal says, when it aborted before the task started; otherwise what the task threw
   */
  run<Name extends keyof Tasks & string>(
    name: Name,
    input: Parameters<Tasks[Name]>[0],
    options: TaskOptions,
  ): Promise<ReturnType<Tasks[Name]>> {
    const { lane } = options;
    if (this.#closed) return Promise.reject(new StoreError('unavailable', 'the thread pool is closed'));
    if (this.#waiting[lane] >= this.#options.queueTasksMax && !options.always) {
      refusedCounter.inc({ lane });
      return Promise.reject(
        new StoreError('unavailable', `the ${lane} lane of the thread pool is full (pool.queue-max)`, {
          limit: this.#options.queueTasksMax,
          actual: this.#waiting[lane],
        }),
      );
    }
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        name,
        input,
        options,
        sinceMs: performance.now(),
        resolve: resolve as (value: unknown) => void,
        reject,
      };
      this.#queueOf(options).push(waiting);
      this.#count(lane, 1);
      this.#dispatch();
    });
  }

  /** Lets running tasks end and stops the threads. Waiting ones fail with 'unavailable'. */
  async close(): Promise<void> {
    this.#closed = true;
    const queues = [...Object.values(this.#shared), ...this.#threads.map((thread) => thread.ingest)];
    for (const queue of queues) {
      for (const waiting of queue.splice(0)) {
        this.#count(waiting.options.lane, -1);
        waiting.reject(new StoreError('unavailable', 'the thread pool is closed'));
      }
    }
    await Promise.all(this.#threads.map((thread) => thread.piscina.close()));
  }

  #queueOf(options: TaskOptions): Waiting[] {
    // Only heads have a home, and only ingest tasks touch them.
    return options.thread === undefined ? this.#shared[options.lane] : this.#threads[options.thread].ingest;
  }

  #dispatch(): void {
    for (const thread of this.#threads) {
      while (!thread.busy) {
        const waiting = this.#next(thread);
        if (waiting === undefined) break;
        this.#count(waiting.options.lane, -1);
        const { signal } = waiting.options;
        if (signal?.aborted) {
          waiting.reject(abortErrorOf(signal, 'waiting for a pool thread'));
          continue;
        }
        void this.#execute(thread, waiting);
      }
    }
  }

  #next(thread: Thread): Waiting | undefined {
    const turnOfQueries = thread.ingestRun >= INGEST_RUN_MAX && this.#shared.query.length > 0;
    if (!turnOfQueries) {
      const ingest = thread.ingest.shift() ?? this.#shared.ingest.shift();
      if (ingest !== undefined) {
        thread.ingestRun++;
        return ingest;
      }
    }
    thread.ingestRun = 0;
    return this.#shared.query.shift();
  }

  async #execute(thread: Thread, waiting: Waiting): Promise<void> {
    thread.busy = true;
    const startMs = performance.now();
    waitSeconds.observe({ lane: waiting.options.lane }, (startMs - waiting.sinceMs) / 1000);
    try {
      const reply: TaskReply<unknown> = await thread.piscina.run(waiting.input, {
        name: waiting.name,
        ...(waiting.options.transfer ? { transferList: [...waiting.options.transfer] } : {}),
      });
      for (const [arena, bytes] of Object.entries(reply.memory))
        memoryGauge.set({ thread: thread.index, arena }, bytes);
      if ('failure' in reply) waiting.reject(fromWire(reply.failure));
      else waiting.resolve(reply.value);
    } catch (error) {
      // The task threw what is not a StoreError, or its thread died. Either is a bug; the process lives on.
      waiting.reject(
        new StoreError(
          'unavailable',
          `a pool thread failed in ${waiting.name}`,
          { task: waiting.name },
          { cause: error },
        ),
      );
    } finally {
      taskSeconds.observe({ task: waiting.name }, (performance.now() - startMs) / 1000);
      thread.busy = false;
      this.#dispatch();
    }
  }

  #count(lane: Lane, change: number): void {
    this.#waiting[lane] += change;
    queueGauge.set({ lane }, this.#waiting[lane]);
  }
}

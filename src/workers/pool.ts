import { Piscina } from 'piscina';
import { Counter, Gauge, Histogram } from 'prom-client';
import { fromWire, StoreError, type WireError } from '#src/domain/errors.ts';
import { durationText } from '#src/domain/model/amount-text.ts';
import { LimitFlag } from '#src/domain/model/limit-flags.ts';
import type { Bytes, DurationMs } from '#src/domain/model/units.ts';
import { abortErrorOf } from '#src/platform/abort-error.ts';
import { metrics } from '#src/platform/metrics.ts';
import type { ThreadHeap } from './heap-watch.ts';
import type { Tasks } from './worker.ts';

/**
 * Who waits for a thread: profiles that are ready go first. Messages that must be opened before anybody knows their
 * profiles, and what a person asks, come in slices and take turns.
 */
export type Lane = 'ingest' | 'open' | 'query';

/** Whose tasks come in slices. */
type SlicedLane = Exclude<Lane, 'ingest'>;

export type PoolOptions = {
  readonly threads: number;
  /** Tasks that may wait, for ingest and for queries. Above it `run` refuses, so that a flood never becomes a heap. */
  readonly queueTasksMax: number;
  /** The same of messages to open. More: each is a request that the servers took, and bodies have a bound of their own. */
  readonly openQueueTasksMax: number;
  /** How long one of them may wait. Whoever gave up meanwhile sends it again, and it would be stored twice. */
  readonly openWaitMsMax: DurationMs;
  /** Memory of a thread for the head of one window. */
  readonly headBytesMax: Bytes;
  /** Memory of one task, beside the head. */
  readonly taskBytesMax: Bytes;
  /** Three random numbers of 64 bits for each thread's hash tables. */
  readonly hashSecrets: () => readonly [bigint, bigint, bigint];
  /** After so long a task of another lane lets ingest tasks go first. */
  readonly sliceMs?: DurationMs;
  /** Of a clock that only goes forward. Default: that of the process. */
  readonly nowMs?: () => DurationMs;
  /** Is told why a thread failed in a task, or died with it: a bug, though who asked hears 'unavailable'. */
  readonly onBug?: (error: unknown, task: string) => void;
};

/** What a thread is told once, when it starts. */
export type WorkerOptions = Pick<PoolOptions, 'headBytesMax' | 'taskBytesMax'> & {
  readonly hashSecrets: readonly [bigint, bigint, bigint];
  readonly sliceMs: DurationMs;
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

/** After so many ingest tasks in a row another lane gets its turn, so that a busy writer can still be looked at. */
const INGEST_RUN_MAX = 4;

/** A hop costs about 0.1 ms, so slices of this length cost less than a hundredth, and a batch of profiles takes as long. */
const SLICE_MS: DurationMs = 30;

/**
 * What a thread allocates in JavaScript lives for a batch, and its kernels have the rest. By default a heap takes twice as
 * much as soon as one large batch survived a collection, and never gives it back: 22 MB more after half an hour.
 */
const YOUNG_GENERATION_MB = 24;

/**
 * The most that each arena of a thread held since its kernels were last replaced. `head` is bounded by `headBytesMax`; the
 * others, for what a batch, a query and its answer take, by `taskBytesMax`.
 */
export type ThreadMemory = Readonly<Record<'head' | 'ingest' | 'query' | 'answer', Bytes>>;

/** What a task answers over the thread boundary, where errors lose their class. */
export type TaskReply<T> = ({ readonly value: T } | { readonly failure: WireError } | { readonly suspended: true }) & {
  readonly memory: ThreadMemory;
  /** Now and then. */
  readonly heap?: ThreadHeap | undefined;
};

/** What a thread is asked to do: a task, or something about the one that it suspended. */
type Call = keyof Tasks | 'resume' | 'drop';

type Waiting = {
  readonly name: keyof Tasks;
  readonly input: unknown;
  readonly options: TaskOptions;
  readonly sinceMs: number;
  sliceCount: number;
  runMs: DurationMs;
  resolve(value: unknown): void;
  reject(error: unknown): void;
};

type Thread = {
  readonly index: number;
  readonly piscina: Piscina;
  readonly ingest: Waiting[];
  busy: boolean;
  ingestRun: number;
  /** A task between two slices. It holds the kernels for queries, so no other one begins on this thread. */
  suspended: Waiting | undefined;
  /** Whose turn it is next, if both have something. */
  slicedTurn: SlicedLane;
};

const queueGauge = new Gauge({
  name: 'kiln_pool_queue_tasks',
  help: 'Tasks that wait for a thread.',
  labelNames: ['lane'],
  registers: [metrics],
});
const refusedCounter = new Counter({
  name: 'kiln_pool_refused_tasks_total',
  help: 'Tasks refused because their lane was full, or because they waited too long.',
  labelNames: ['lane'],
  registers: [metrics],
});
const taskSeconds = new Histogram({
  name: 'kiln_pool_task_seconds',
  help: 'Time from handing a task to a thread to its answer, all slices together, without what went first between them.',
  labelNames: ['task'],
  buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3],
  registers: [metrics],
});
const sliceSeconds = new Histogram({
  name: 'kiln_pool_slice_seconds',
  help: 'Time for which a thread could do nothing else: from handing a task or its next slice to it to the answer.',
  labelNames: ['task'],
  buckets: [0.001, 0.003, 0.01, 0.02, 0.03, 0.04, 0.05, 0.07, 0.1, 0.3, 1],
  registers: [metrics],
});
const taskSlices = new Histogram({
  name: 'kiln_pool_task_slices',
  help: 'Slices in which a task ran.',
  labelNames: ['task'],
  buckets: [1, 2, 4, 8, 16, 32, 64, 128],
  registers: [metrics],
});
const suspendedGauge = new Gauge({
  name: 'kiln_pool_suspended_tasks',
  help: 'Tasks between two slices, at most one per thread.',
  registers: [metrics],
});
const waitSeconds = new Histogram({
  name: 'kiln_pool_wait_seconds',
  help: 'Time a task waited for a thread.',
  labelNames: ['lane'],
  buckets: [0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3],
  registers: [metrics],
});

const failedCounter = new Counter({
  name: 'kiln_pool_failed_tasks_total',
  help: 'Tasks that ended with a bug, or with the death of their thread.',
  labelNames: ['task'],
  registers: [metrics],
});

const memoryGauge = new Gauge({
  name: 'kiln_pool_thread_memory_bytes',
  help: 'Memory that the kernels of a thread take, by arena: the most it held since the kernels were last replaced.',
  labelNames: ['thread', 'arena'],
  registers: [metrics],
});

const heapGauge = new Gauge({
  name: 'kiln_pool_thread_heap_bytes',
  help: 'Memory of a thread beside its kernels: the total heap of JavaScript, what of it is used, and external buffers.',
  labelNames: ['thread', 'part'],
  registers: [metrics],
});

/**
 * Threads that compute, with a queue per lane in front of them.
 *
 * Heads live in threads, so who runs a task matters: each thread is a Piscina of one, and the choice is made here.
 * A running task cannot be interrupted; tasks are therefore short, and what is longer comes in slices: the thread keeps
 * a task of another lane that is not done after `SLICE_MS`, and goes on with it when waiting ingest tasks had their turns.
 *
 * @invariant tasks with the same `thread` and lane run in the order in which they were given
 */
export class Pool {
  readonly threadCount: number;
  readonly #options: PoolOptions;
  readonly #threads: Thread[];
  readonly #shared: Record<Lane, Waiting[]> = { ingest: [], open: [], query: [] };
  readonly #waiting: Record<Lane, number> = { ingest: 0, open: 0, query: 0 };
  readonly #nowMs: () => DurationMs;
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? (() => performance.now());
    this.threadCount = options.threads;
    this.#threads = Array.from({ length: options.threads }, (_, index) => ({
      index,
      piscina: new Piscina({
        filename: new URL('./worker.ts', import.meta.url).href,
        minThreads: 1,
        maxThreads: 1,
        resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
        workerData: {
          headBytesMax: options.headBytesMax,
          taskBytesMax: options.taskBytesMax,
          hashSecrets: options.hashSecrets(),
          sliceMs: options.sliceMs ?? SLICE_MS,
        } satisfies WorkerOptions,
      }),
      ingest: [],
      busy: false,
      ingestRun: 0,
      suspended: undefined,
      slicedTurn: 'query',
    }));
  }

  /** Resolves when every thread has compiled what it runs, so that the first push does not pay for it. */
  async warmUp(): Promise<void> {
    await Promise.all(this.#threads.map((_, thread) => this.run('warmUp', undefined, { lane: 'ingest', thread })));
  }

  /**
   * Runs a task.
   *
   * @throws StoreError 'unavailable' when the lane is full, it waited too long, the pool is closed or the thread died; 'aborted' and others,
   *         as the signal says, when it aborted before the task started or between two of its slices; otherwise what
   *         the task threw
   */
  run<Name extends keyof Tasks>(
    name: Name,
    input: Parameters<Tasks[Name]>[0],
    options: TaskOptions,
  ): Promise<ReturnType<Tasks[Name]>> {
    const { lane } = options;
    if (this.#closed) return Promise.reject(closedError());
    const { limit, flag } = this.#boundOf(lane);
    if (this.#waiting[lane] >= limit && !options.always) {
      refusedCounter.inc({ lane });
      const actual = this.#waiting[lane];
      const message = `the ${lane} lane of the thread pool is full, --${flag}: limit ${limit} tasks, actual ${actual}`;
      return Promise.reject(new StoreError('unavailable', message, { limit, actual }));
    }
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        name,
        input,
        options,
        sinceMs: this.#nowMs(),
        sliceCount: 0,
        runMs: 0,
        resolve: resolve as (value: unknown) => void,
        reject,
      };
      this.#queueOf(options).push(waiting);
      this.#count(lane, 1);
      this.#dispatch();
    });
  }

  /** Lets what runs end and stops the threads. Tasks that wait, for their first slice or another, fail with 'unavailable'. */
  async close(): Promise<void> {
    this.#closed = true;
    const queues = [...Object.values(this.#shared), ...this.#threads.map((thread) => thread.ingest)];
    for (const queue of queues) {
      for (const waiting of queue.splice(0)) {
        this.#count(waiting.options.lane, -1);
        waiting.reject(closedError());
      }
    }
    for (const thread of this.#threads) this.#takeSuspended(thread)?.reject(closedError());
    await Promise.all(this.#threads.map((thread) => thread.piscina.close()));
  }

  #boundOf(lane: Lane): { readonly limit: number; readonly flag: string } {
    const { queueTasksMax, openQueueTasksMax } = this.#options;
    if (lane === 'open') return { limit: openQueueTasksMax, flag: LimitFlag.openQueue };
    return { limit: queueTasksMax, flag: LimitFlag.queue };
  }

  #queueOf(options: TaskOptions): Waiting[] {
    // Only heads have a home, and only ingest tasks touch them.
    return options.thread === undefined ? this.#shared[options.lane] : this.#threads[options.thread].ingest;
  }

  #dispatch(): void {
    for (const thread of this.#threads) {
      while (!thread.busy) {
        const next = this.#next(thread);
        if (next === undefined) break;
        if (next === thread.suspended) this.#goOn(thread, next);
        else this.#begin(thread, next);
      }
    }
  }

  #next(thread: Thread): Waiting | undefined {
    const { open, query } = this.#shared;
    const slicedWaits = thread.suspended !== undefined || open.length > 0 || query.length > 0;
    if (thread.ingestRun < INGEST_RUN_MAX || !slicedWaits) {
      const ingest = thread.ingest.shift() ?? this.#shared.ingest.shift();
      if (ingest !== undefined) {
        thread.ingestRun++;
        return ingest;
      }
    }
    thread.ingestRun = 0;
    return thread.suspended ?? this.#nextSliced(thread);
  }

  /** However many messages are to be opened, a query waits for one on each thread, and the other way round. */
  #nextSliced(thread: Thread): Waiting | undefined {
    const other = thread.slicedTurn === 'query' ? 'open' : 'query';
    const lane = this.#shared[thread.slicedTurn].length > 0 ? thread.slicedTurn : other;
    thread.slicedTurn = lane === 'query' ? 'open' : 'query';
    return this.#shared[lane].shift();
  }

  #begin(thread: Thread, waiting: Waiting): void {
    const { lane, signal } = waiting.options;
    this.#count(lane, -1);
    if (signal?.aborted) {
      waiting.reject(abortErrorOf(signal, 'waiting for a pool thread'));
      return;
    }
    const waitedMs = this.#nowMs() - waiting.sinceMs;
    if (lane === 'open' && waitedMs > this.#options.openWaitMsMax) {
      refusedCounter.inc({ lane });
      waiting.reject(waitedTooLong(waitedMs, this.#options.openWaitMsMax));
      return;
    }
    waitSeconds.observe({ lane }, waitedMs / 1000);
    void this.#execute(thread, waiting, waiting.name);
  }

  /** Whoever left is not waited for any longer, but the thread must still let go of what it holds for them. */
  #goOn(thread: Thread, suspended: Waiting): void {
    this.#takeSuspended(thread);
    const { signal } = suspended.options;
    if (signal?.aborted) suspended.reject(abortErrorOf(signal, `between two slices of ${suspended.name}`));
    void this.#execute(thread, suspended, signal?.aborted ? 'drop' : 'resume');
  }

  async #execute(thread: Thread, task: Waiting, call: Call): Promise<void> {
    thread.busy = true;
    const startMs = performance.now();
    const { transfer = [] } = task.options;
    const isFirst = call === task.name;
    try {
      const reply: TaskReply<unknown> = await thread.piscina.run(isFirst ? task.input : undefined, {
        name: call,
        ...(isFirst && transfer.length > 0 ? { transferList: [...transfer] } : {}),
      });
      observe(thread.index, reply);
      if ('suspended' in reply) this.#suspend(thread, task);
      else if ('failure' in reply) task.reject(fromWire(reply.failure));
      else task.resolve(reply.value);
    } catch (error) {
      // The task threw what is not a StoreError, or its thread died. Either is a bug; the process lives on.
      failedCounter.inc({ task: task.name });
      this.#options.onBug?.(error, task.name);
      task.reject(
        new StoreError('unavailable', `a pool thread failed in ${task.name}`, { task: task.name }, { cause: error }),
      );
    } finally {
      const sliceMs = performance.now() - startMs;
      sliceSeconds.observe({ task: task.name }, sliceMs / 1000);
      task.sliceCount++;
      task.runMs += sliceMs;
      if (thread.suspended !== task) {
        taskSeconds.observe({ task: task.name }, task.runMs / 1000);
        taskSlices.observe({ task: task.name }, task.sliceCount);
      }
      thread.busy = false;
      this.#dispatch();
    }
  }

  #suspend(thread: Thread, task: Waiting): void {
    if (this.#closed) {
      task.reject(closedError());
      return;
    }
    thread.suspended = task;
    suspendedGauge.inc();
  }

  #takeSuspended(thread: Thread): Waiting | undefined {
    const { suspended } = thread;
    if (suspended !== undefined) suspendedGauge.dec();
    thread.suspended = undefined;
    return suspended;
  }

  #count(lane: Lane, change: number): void {
    this.#waiting[lane] += change;
    queueGauge.set({ lane }, this.#waiting[lane]);
  }
}

function observe(thread: number, { memory, heap }: TaskReply<unknown>): void {
  for (const [arena, bytes] of Object.entries(memory)) memoryGauge.set({ thread, arena }, bytes);
  if (heap === undefined) return;
  for (const [part, bytes] of Object.entries(heap)) heapGauge.set({ thread, part }, bytes);
}

function waitedTooLong(actualMs: DurationMs, limitMs: DurationMs): StoreError {
  const message =
    `the message waited for a pool thread longer than --${LimitFlag.openWait}: limit ${durationText(limitMs)}, ` +
    `actual ${durationText(Math.floor(actualMs))}`;
  return new StoreError('unavailable', message, { limitMs, actualMs });
}

function closedError(): StoreError {
  return new StoreError('unavailable', 'the thread pool is closed');
}

import { getHeapStatistics } from 'node:v8';
import { threadId, workerData } from 'node:worker_threads';
import { StoreError, toWire } from '#src/domain/errors.ts';
import type { HashSecret } from '#src/domain/model/hash-secret.ts';
import { LimitFlag } from '#src/domain/model/limit-flags.ts';
import type { Steps } from '#src/domain/model/steps.ts';
import type { Matcher } from '#src/domain/series/matcher.ts';
import type { Decompress } from '#src/kernels/arena-pages.ts';
import { type HashSecrets, KernelInstance } from '#src/kernels/instance.ts';
import { checkExpressions as check } from './check-expressions.ts';
import { HeapWatch, type ThreadHeap } from './heap-watch.ts';
import { Inflater } from './inflater.ts';
import type { IngestBatch, IngestReply, SealReply } from './ingest-messages.ts';
import { type OpenedMessage, type OpenMessageTask, openMessage as openPushMessage } from './open-message.ts';
import { type OpenedOtlp, type OpenOtlpTask, openOtlp as openOtlpSteps } from './open-otlp.ts';
import { type OpenUploadTask, openUpload as openUploadSteps } from './open-upload.ts';
import type { Opening } from './opening.ts';
import { type PlanReadsTask, planReads as planReadsOf, type ReadsPlan } from './plan-reads.ts';
import type { TaskReply, ThreadMemory, WorkerOptions } from './pool.ts';
import type { Answer, AnswerTask, NodeAnswer, NodeTask } from './query-messages.ts';
import { runQueryNode } from './query-node.ts';
import { SlicedTask } from './sliced-task.ts';
import { ThreadHead } from './thread-head.ts';
import { buffersOf, discard, transferring } from './transfer.ts';
import { writeAnswer as writeAnswerBytes } from './write-answer.ts';
import { ZstdDecompressor } from './zstd-decompressor.ts';

/** The tasks of the pool, by name, as the main thread sees them. */
export type Tasks = {
  warmUp(input: undefined): undefined;
  ingestBatch(batch: IngestBatch): IngestReply;
  sealHead(input: undefined): SealReply;
  openMessage(task: OpenMessageTask): OpenedMessage;
  openUpload(task: OpenUploadTask): OpenedMessage;
  openOtlp(task: OpenOtlpTask): OpenedOtlp;
  checkExpressions(matchers: readonly Matcher[]): undefined;
  planReads(task: PlanReadsTask): ReadsPlan;
  queryNode(task: NodeTask): NodeAnswer;
  writeAnswer(task: AnswerTask): Answer;
};

const { headBytesMax, taskBytesMax, hashSecrets, sliceMs } = options();

/** For tables that are no kernels'. */
const secret = secretOf(hashSecrets);

/**
 * An instance that came to take more is replaced when nothing in it is needed any more, because its memory never
 * shrinks. Twelve kinds of profile at 25 MB/s take 60 MiB, a flame graph of a million nodes 100 MiB.
 */
const KEPT_BYTES_MAX = 128 << 20;

/** The same for JavaScript. A flame graph of a million nodes takes 30 MiB of objects, and 130 MiB of buffers. */
const KEPT_HEAP_BYTES_MAX = 192 << 20;

// Two instances, because a head lives through many tasks, and the answer of a query must not find it in its way.
const head = new ThreadHead({
  threadId,
  newKernels: newIngestKernels,
  keptBytesMax: KEPT_BYTES_MAX,
  inflater: Inflater.create(),
});
let queryKernels = newQueryKernels();
/** The inflater is not that of the head, which may inflate other things between two slices. */
const opening: Opening = { taskBytesMax, inflater: Inflater.create() };
const slicedTask = new SlicedTask({ sliceMs, nowMs: () => performance.now() });
const heapWatch = new HeapWatch({
  read: readHeap,
  nowMs: () => performance.now(),
  keptBytesMax: KEPT_HEAP_BYTES_MAX,
  // Only there when Node was started with --expose-gc, as `npm start` does.
  giveBack: () => globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' }),
});
const decompressor = new ZstdDecompressor();
const decompress: Decompress = (frame, target, origin) => decompressor.decompressInto(frame, target, origin);

export function warmUp(): TaskReply<undefined> {
  return task(() => undefined);
}

/** Decodes profiles into the head of this thread. */
export function ingestBatch(batch: IngestBatch): TaskReply<IngestReply> {
  return task(() => head.ingest(batch));
}

/** Encodes the head of this thread and begins a new one. */
export function sealHead(): TaskReply<SealReply> {
  return task(() => head.seal());
}

export function openMessage(input: OpenMessageTask): TaskReply<OpenedMessage> {
  return slice(() => slicedTask.start(openMessageSteps(input)));
}

export function openUpload(input: OpenUploadTask): TaskReply<OpenedMessage> {
  return slice(() => slicedTask.start(openUploadSteps(input, secret, opening)));
}

export function openOtlp(input: OpenOtlpTask): TaskReply<OpenedOtlp> {
  return slice(() => slicedTask.start(openOtlpSteps(input, opening)));
}

export function checkExpressions(matchers: readonly Matcher[]): TaskReply<undefined> {
  return task(() => check(matchers));
}

export function planReads(input: PlanReadsTask): TaskReply<ReadsPlan> {
  return slice(() => slicedTask.start(withQueryKernels((kernels) => planReadsOf(kernels, input, decompress))));
}

export function queryNode(input: NodeTask): TaskReply<NodeAnswer> {
  return slice(() => slicedTask.start(queryNodeSteps(input)));
}

export function writeAnswer(input: AnswerTask): TaskReply<Answer> {
  return slice(() => slicedTask.start(writeAnswerBytes(input, secret)));
}

/** Runs the next slice of the task that this thread suspended. */
export function resume(): TaskReply<unknown> {
  return slice(() => slicedTask.resume());
}

/** Gives up the task that this thread suspended. */
export function drop(): TaskReply<undefined> {
  return task(() => {
    slicedTask.drop();
    return undefined;
  });
}

function* openMessageSteps(input: OpenMessageTask): Steps<OpenedMessage> {
  const opened = yield* openPushMessage(input, opening);
  discard(input.body);
  return opened;
}

function* queryNodeSteps(input: NodeTask): Steps<NodeAnswer> {
  const answer = yield* withQueryKernels((kernels) => runQueryNode(kernels, input, decompress));
  for (const { fetched } of input.reads) for (const { bytes } of fetched) discard(bytes);
  return answer;
}

/** Kernels that trapped, or that met an outlier, are replaced: their memory holds anything, or too much. */
function* withQueryKernels<T>(work: (kernels: KernelInstance) => Steps<T>): Steps<T> {
  let broken = false;
  try {
    return yield* queryKernels.guardSteps(work(queryKernels));
  } catch (error) {
    broken = !(error instanceof StoreError);
    throw error;
  } finally {
    if (broken || queryKernels.peakBytes > KEPT_BYTES_MAX) queryKernels = newQueryKernels();
  }
}

/** Errors travel as data, because their class does not survive the way. What is not a StoreError is a bug and does. */
function task<T>(work: () => T): TaskReply<T> {
  return slice(() => ({ done: true, value: work() }));
}

function slice<T>(work: () => IteratorResult<undefined, T>): TaskReply<T> {
  try {
    const { done, value } = work();
    if (!done) return { suspended: true, ...state(false) };
    return transferring({ value, ...state(!slicedTask.suspended) }, buffersOf(value));
  } catch (error) {
    if (error instanceof StoreError) return { failure: toWire(error), ...state(!slicedTask.suspended) };
    throw error;
  }
}

/** What comes with every answer. */
function state(idle: boolean): { memory: ThreadMemory; heap: ThreadHeap | undefined } {
  return { memory: memory(), heap: heapWatch.look(idle) };
}

function memory(): ThreadMemory {
  const query = queryKernels.memory;
  return {
    head: head.memory.headBytes,
    ingest: head.memory.scratchBytes,
    query: query.scratchBytes,
    answer: query.headBytes,
  };
}

function readHeap(): ThreadHeap {
  const { total_heap_size, used_heap_size, external_memory } = getHeapStatistics();
  // V8 counts the addresses of kernels, where their second arena begins behind the limit of the first.
  const kernelBytes = head.addressBytes + queryKernels.addressBytes;
  return { total: total_heap_size, used: used_heap_size, external: Math.max(0, external_memory - kernelBytes) };
}

function newIngestKernels(): KernelInstance {
  const flags = { scratch: LimitFlag.taskBytes, head: LimitFlag.headBytes };
  return new KernelInstance({ scratchBytesMax: taskBytesMax, headBytesMax, flags }, hashSecrets);
}

/** What an answer takes belongs to the task as well. */
function newQueryKernels(): KernelInstance {
  const flags = { scratch: LimitFlag.taskBytes, head: LimitFlag.taskBytes };
  const limits = { scratchBytesMax: taskBytesMax, headBytesMax: taskBytesMax, flags, fullCode: 'too-large' } as const;
  return new KernelInstance(limits, hashSecrets);
}

function secretOf([first]: HashSecrets): HashSecret {
  return [Number(BigInt.asIntN(32, first)), Number(BigInt.asIntN(32, first >> 32n))];
}

function options(): WorkerOptions {
  // Piscina hands its own data over as well, as a pair.
  const own: unknown = Array.isArray(workerData) ? workerData[1] : workerData;
  return own as WorkerOptions;
}

import { threadId, workerData } from 'node:worker_threads';
import { segmentZstdLevel } from '#src/domain/block/chunk-writer.ts';
import { StoreError, toWire } from '#src/domain/errors.ts';
import { KernelInstance } from '#src/kernels/instance.ts';
import { encodeHead } from './encode-head.ts';
import { Head } from './head.ts';
import { Inflater } from './inflater.ts';
import type { IngestBatch, IngestReply, SealReply } from './ingest-messages.ts';
import { ingestProfile } from './ingest-profile.ts';
import { type OpenedMessage, type OpenMessageTask, openMessage as openPushMessage } from './open-message.ts';
import type { TaskReply, WorkerOptions } from './pool.ts';
import type { Answer, AnswerTask, NodeReport, NodeTask } from './query-messages.ts';
import { runQueryNode } from './query-node.ts';
import { buffersOf, transferring } from './transfer.ts';
import { writeAnswer as writeAnswerBytes } from './write-answer.ts';
import { ZstdCompressor } from './zstd-compressor.ts';

/** The tasks of the pool, by name, as the main thread sees them. */
export type Tasks = {
  warmUp(input: undefined): undefined;
  ingestBatch(batch: IngestBatch): IngestReply;
  sealHead(input: undefined): SealReply;
  openMessage(task: OpenMessageTask): OpenedMessage;
  queryNode(task: NodeTask): NodeReport;
  writeAnswer(task: AnswerTask): Answer;
};

const { headBytesMax, taskBytesMax, hashSecrets } = options();

/**
 * An instance that came to take more is replaced when nothing in it is needed any more, because its memory never
 * shrinks. Twelve kinds of profile at 25 MB/s take 60 MiB, a flame graph of a million nodes 100 MiB.
 */
const KEPT_BYTES_MAX = 128 << 20;

const inflater = Inflater.create();
const compressor = new ZstdCompressor(segmentZstdLevel);

// Two instances, because a head lives through many tasks, and the answer of a query must not find it in its way.
let ingestKernels = newIngestKernels();
let queryKernels = newQueryKernels();
let head = new Head(ingestKernels);

export function warmUp(): TaskReply<undefined> {
  return task(() => undefined);
}

/** Decodes profiles into the head of this thread. */
export function ingestBatch({ items, limits, nowMs }: IngestBatch): TaskReply<IngestReply> {
  return task(() => ({
    threadId,
    outcomes: items.map((item) => ingestProfile(ingestKernels, head, item, limits[item.limits], nowMs, inflater)),
    headBytes: head.usedBytes,
  }));
}

/** Encodes the head of this thread and begins a new one. */
export function sealHead(): TaskReply<SealReply> {
  return task(() => {
    try {
      return { threadId, parts: encodeHead(ingestKernels, head, (raw) => compressor.compress(raw)) };
    } finally {
      // Whatever happened, its profiles are answered for: as stored, or as failed with this task.
      if (ingestKernels.peakBytes > KEPT_BYTES_MAX) ingestKernels = newIngestKernels();
      head = new Head(ingestKernels);
    }
  });
}

export function openMessage(input: OpenMessageTask): TaskReply<OpenedMessage> {
  return task(() => openPushMessage(input));
}

export function queryNode(input: NodeTask): TaskReply<NodeReport> {
  return task(() => {
    try {
      return queryKernels.guard(() => runQueryNode(queryKernels, input));
    } finally {
      if (queryKernels.peakBytes > KEPT_BYTES_MAX) queryKernels = newQueryKernels();
    }
  });
}

export function writeAnswer(input: AnswerTask): TaskReply<Answer> {
  return task(() => writeAnswerBytes(input));
}

/** Errors travel as data, because their class does not survive the way. What is not a StoreError is a bug and does. */
function task<T>(work: () => T): TaskReply<T> {
  try {
    const reply = { value: work() };
    return transferring(reply, buffersOf(reply));
  } catch (error) {
    if (error instanceof StoreError) return { failure: toWire(error) };
    throw error;
  }
}

function newIngestKernels(): KernelInstance {
  const flags = { scratch: 'pool.task-bytes-max', head: 'pool.head-bytes-max' };
  return new KernelInstance({ scratchBytesMax: taskBytesMax, headBytesMax, flags }, hashSecrets);
}

/** What an answer takes belongs to the task as well. */
function newQueryKernels(): KernelInstance {
  const flags = { scratch: 'pool.task-bytes-max', head: 'pool.task-bytes-max' };
  return new KernelInstance({ scratchBytesMax: taskBytesMax, headBytesMax: taskBytesMax, flags }, hashSecrets);
}

function options(): WorkerOptions {
  // Piscina hands its own data over as well, as a pair.
  const own: unknown = Array.isArray(workerData) ? workerData[1] : workerData;
  return own as WorkerOptions;
}

import { LimitFlag } from '#src/domain/model/limit-flags.ts';
import type { Bytes, DurationMs } from '#src/domain/model/units.ts';
import { bytes, duration, integer } from './kinds.ts';
import type { Section } from './section.ts';

export type PoolConfig = {
  /** Threads that decode, encode and compute. The main loop is one more, mostly idle thread. */
  readonly threads: number;
  /** Tasks that may wait in the lanes of ingest and of queries, each. Above it a request is answered 503. */
  readonly queueMax: number;
  /**
   * The same of messages that must be opened: OTLP, uploads, compressed pushes. By default as many as the servers of
   * HTTP and gRPC take requests, so that none is refused here that they took.
   */
  readonly openQueueMax: number;
  /**
   * How long such a message may wait before it is answered 503. Without it, a server that cannot keep up would open only
   * messages whose senders are about to give up, store them, and be sent them again.
   */
  readonly openWaitMsMax: DurationMs;
  /**
   * Memory that a thread keeps for the symbols, stacks, series and columns of one window. A window that reaches it is flushed
   * early. A thread has one, which it encodes itself between two windows. At most half of `taskBytesMax`, because what a
   * window took must be encoded, read and merged with that.
   */
  readonly headBytesMax: Bytes;
  /**
   * Memory that one task may use beside the head: inflated profiles, merge tables. A profile that needs more is
   * refused with the name of this limit, a query fails with it.
   */
  readonly taskBytesMax: Bytes;
};

export const poolSection: Section<PoolConfig> = {
  title: 'Thread pool',
  defaults: {
    threads: 0,
    queueMax: 256,
    openQueueMax: 16_384,
    openWaitMsMax: 3000,
    headBytesMax: 64 << 20,
    taskBytesMax: 256 << 20,
  },
  knobs: {
    threads: {
      flag: 'pool.threads',
      kind: integer(0, 256),
      meaning: 'Threads that decode, encode and compute; 0 is one per core.',
      defaultNote: 'one per core',
    },
    queueMax: {
      flag: LimitFlag.queue,
      kind: integer(1, 65_536),
      meaning: 'Tasks that may wait in the lanes of ingest and of queries, each.',
    },
    openQueueMax: {
      flag: LimitFlag.openQueue,
      kind: integer(1, 65_536),
      meaning: 'Messages that may wait to be opened: OTLP, uploads, compressed pushes.',
    },
    openWaitMsMax: {
      flag: LimitFlag.openWait,
      kind: duration(1, 3_600_000),
      meaning: 'How long such a message may wait for a thread; then it is 503.',
    },
    headBytesMax: {
      flag: LimitFlag.headBytes,
      kind: bytes(1 << 20, 2 ** 30),
      meaning: 'Memory of a thread for one window of profiles, at most half of pool.task-bytes-max.',
    },
    taskBytesMax: {
      flag: LimitFlag.taskBytes,
      kind: bytes(2 << 20, 2 ** 30),
      meaning: 'Memory that one task may use beside it.',
    },
  },
  check({ headBytesMax, taskBytesMax }, refuse) {
    if (headBytesMax > taskBytesMax / 2) {
      refuse('headBytesMax', `${headBytesMax} is more than half of --pool.task-bytes-max=${taskBytesMax}`);
    }
  },
};

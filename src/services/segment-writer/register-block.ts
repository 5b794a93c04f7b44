import { Counter } from 'prom-client';
import type { BlockMeta } from '#src/domain/block/block-meta.ts';
import { type ErrorCode, StoreError } from '#src/domain/errors.ts';
import type { DurationMs } from '#src/domain/model/units.ts';
import type { Clock } from '#src/platform/clock.ts';
import { metrics } from '#src/platform/metrics.ts';
import type { BlockRegistry } from './ports.ts';

/** With the pauses between them these outlast a restart of the metastore's connection, not an outage. */
export const REGISTER_ATTEMPTS_MAX = 5;
/** Before the second attempt; doubles with each one. */
const FIRST_PAUSE_MS: DurationMs = 50;

/** After these nobody knows whether the block is registered. Everything else says that it is not. */
const INDEFINITE: ReadonlySet<ErrorCode> = new Set(['unavailable', 'deadline-exceeded', 'aborted']);

const retriesCounter = new Counter({
  name: 'kiln_segment_writer_register_retries_total',
  help: 'Times a segment was registered again because it was not known whether it had been.',
  registers: [metrics],
});

export type RegisterOptions = {
  readonly registry: BlockRegistry;
  readonly clock: Clock;
  /** Of one attempt. */
  readonly timeoutMs: DurationMs;
};

/**
 * Registers a block, and asks again as long as the answer leaves open whether that was done: a client that is told
 * otherwise sends its profiles once more, and then they count twice. To register twice is harmless.
 *
 * @throws StoreError the refusal, if there was one; 'unavailable' or 'deadline-exceeded' when the last attempt left it
 *         open as well
 * @cost   at most `REGISTER_ATTEMPTS_MAX` timeouts, and 750 ms of pauses
 */
export async function registerBlock(meta: BlockMeta, { registry, clock, timeoutMs }: RegisterOptions): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await registry.addBlock(meta, clock.deadline(timeoutMs));
    } catch (error) {
      if (!(error instanceof StoreError) || !INDEFINITE.has(error.code)) throw error;
      if (attempt === REGISTER_ATTEMPTS_MAX) throw leftOpen(meta, error);
    }
    retriesCounter.inc();
    await clock.sleep(FIRST_PAUSE_MS * 2 ** (attempt - 1));
  }
}

/** 'aborted' would say that the client left. */
function leftOpen({ id }: BlockMeta, cause: StoreError): StoreError {
  return new StoreError(
    cause.code === 'deadline-exceeded' ? 'deadline-exceeded' : 'unavailable',
    `the metastore did not say whether the segment is registered, in ${REGISTER_ATTEMPTS_MAX} attempts`,
    { blockId: id, attempts: REGISTER_ATTEMPTS_MAX },
    { cause },
  );
}

import type { AttributeRule } from '#src/domain/otlp/attribute-rules.ts';
import type { ConversionBounds, Upload } from '#src/domain/upload/upload.ts';
import { nextTurn } from '#src/platform/next-turn.ts';
import { type OpenedMessage, profilesInSteps } from '#src/workers/open-message.ts';
import type { Pool } from '#src/workers/pool.ts';
import { ownedBytes } from '#src/workers/transfer.ts';
import type { MessageBounds, MessageOpener, OpenedProfile, OtlpMessage, OtlpProfiles, PushMessage } from './ports.ts';

/** Opens push messages and uploads in a thread of the pool. */
export class PoolMessageOpener implements MessageOpener {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /**
   * In a lane of its own, whose tasks come in slices: ingest tasks go first, and a thread has one such task at a time.
   * That is no wait without end. The lane is first in, first out, it takes turns with that of queries, every task of both
   * is bounded, as are those that wait (`pool.open-queue-max`, `pool.queue-max`), and one of its slices follows on every
   * few ingest tasks.
   */
  async open(message: PushMessage, bounds: MessageBounds, signal: AbortSignal): Promise<readonly OpenedProfile[]> {
    const body = ownedBytes(message.body);
    const options = { lane: 'open', transfer: [body.buffer], signal } as const;
    return listed(await this.#pool.run('openMessage', { ...message, body, ...bounds }, options));
  }

  /** In the same lane. */
  async openUpload(upload: Upload, bounds: ConversionBounds, signal: AbortSignal): Promise<readonly OpenedProfile[]> {
    const body = ownedBytes(upload.body);
    const jfrLabels = upload.jfrLabels && ownedBytes(upload.jfrLabels);
    const transfer = jfrLabels === undefined ? [body.buffer] : [body.buffer, jfrLabels.buffer];
    const task = { upload: { ...upload, body, jfrLabels }, bounds };
    return listed(await this.#pool.run('openUpload', task, { lane: 'open', transfer, signal }));
  }

  /** In the same lane. */
  async openOtlp(
    message: OtlpMessage,
    rules: readonly AttributeRule[],
    bounds: ConversionBounds,
    signal: AbortSignal,
  ): Promise<OtlpProfiles> {
    const body = ownedBytes(message.body);
    const task = { ...message, body, rules, bounds };
    const { opened, ...rest } = await this.#pool.run('openOtlp', task, {
      lane: 'open',
      transfer: [body.buffer],
      signal,
    });
    return { profiles: await listed(opened), ...rest };
  }
}

/** Others get a turn after each step. */
async function listed(opened: OpenedMessage): Promise<OpenedProfile[]> {
  const steps = profilesInSteps(opened);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    await nextTurn();
  }
}

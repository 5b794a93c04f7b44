import type { Pool } from '#src/workers/pool.ts';
import { ownedBytes } from '#src/workers/transfer.ts';
import type { MessageBounds, MessageOpener, OpenedProfile, PushMessage } from './ports.ts';

/** Opens push messages in a thread of the pool. */
export class PoolMessageOpener implements MessageOpener {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async open(message: PushMessage, bounds: MessageBounds, signal: AbortSignal): Promise<readonly OpenedProfile[]> {
    const body = ownedBytes(message.body);
    const options = { lane: 'ingest', transfer: [body.buffer], signal } as const;
    const { profiles } = await this.#pool.run('openMessage', { ...message, body, ...bounds }, options);
    return profiles;
  }
}

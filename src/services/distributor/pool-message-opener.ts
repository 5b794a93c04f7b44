import type { Bytes } from '#src/domain/model/units.ts';
import type { Pool } from '#src/workers/pool.ts';
import { ownedBytes } from '#src/workers/transfer.ts';
import type { MessageOpener, PushedProfile, PushMessage } from './ports.ts';

/** Opens push messages in a thread of the pool. */
export class PoolMessageOpener implements MessageOpener {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async open(message: PushMessage, maxBytes: Bytes, signal: AbortSignal): Promise<PushedProfile[]> {
    const body = ownedBytes(message.body);
    const options = { lane: 'ingest', transfer: [body.buffer], signal } as const;
    const { profiles } = await this.#pool.run('openMessage', { ...message, body, maxBytes }, options);
    return profiles.map((profile) => ({ ...profile, ingest: undefined }));
  }
}

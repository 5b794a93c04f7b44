import { nextTurn } from '#src/platform/next-turn.ts';
import { profilesOf } from '#src/workers/open-message.ts';
import type { Pool } from '#src/workers/pool.ts';
import { ownedBytes } from '#src/workers/transfer.ts';
import type { MessageBounds, MessageOpener, OpenedProfile, PushMessage } from './ports.ts';

/** After so many, others get a turn: about a millisecond. */
const SLICE_PROFILES = 4096;

/** Opens push messages in a thread of the pool. */
export class PoolMessageOpener implements MessageOpener {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async open(message: PushMessage, bounds: MessageBounds, signal: AbortSignal): Promise<readonly OpenedProfile[]> {
    const body = ownedBytes(message.body);
    const options = { lane: 'ingest', transfer: [body.buffer], signal } as const;
    const opened = await this.#pool.run('openMessage', { ...message, body, ...bounds }, options);
    const profiles: OpenedProfile[] = [];
    for (const profile of profilesOf(opened)) {
      if (profiles.push(profile) % SLICE_PROFILES === 0) await nextTurn();
    }
    return profiles;
  }
}

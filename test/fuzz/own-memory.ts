import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { ArenaMemory } from '#src/kernels/instance.ts';
import type { MemorySample } from './memory-plateau.ts';

/** Of `ownMemory`: code that is compiled late, and what the allocator of the system keeps for the next time. */
export const OWN_GROWTH_MAX: MemorySample = { heap: 16 << 20, resident: 96 << 20 };

/**
 * What this process holds after a collection: objects and buffers, and what the system gave it. Without the arenas of its
 * kernels: they are as large as the largest payload needed, whenever it comes, so `InlineHeads` looks whether they are
 * within their bounds, and whether a new window begins as small as the first.
 *
 * @cost a full collection, twice
 */
export function ownMemory({ headBytes, scratchBytes }: ArenaMemory): MemorySample {
  collectGarbage();
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
  return { heap: heapUsed + arrayBuffers, resident: rss - headBytes - scratchBytes };
}

let gc: (() => void) | undefined;

/** Twice, because what the first one finalizes is only free after the second. */
function collectGarbage(): void {
  if (gc === undefined) {
    setFlagsFromString('--expose-gc');
    gc = runInNewContext('gc') as () => void;
  }
  gc();
  gc();
}

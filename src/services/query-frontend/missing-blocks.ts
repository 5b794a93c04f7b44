import { Counter } from 'prom-client';
import type { DurationMs, UnixMs } from '#src/domain/model/units.ts';
import type { Clock } from '#src/platform/clock.ts';
import type { Log } from '#src/platform/log.ts';
import { metrics } from '#src/platform/metrics.ts';

/** A page that asks every few seconds would say the same each time. */
const WARNING_INTERVAL_MS: DurationMs = 10_000;

/** Ids in a line. */
const IDS_MAX = 10;

const partialAnswers = new Counter({
  name: 'kiln_query_frontend_partial_answers_total',
  help: 'Answers without the data of objects that are gone.',
  registers: [metrics],
});

/** Warns of blocks that the metastore names and whose objects are gone, once in a while. */
export class MissingBlocks {
  readonly #deps: { readonly clock: Clock; readonly log: Log };
  #quietUntilMs: UnixMs = 0;
  #unsaid = 0;

  constructor(deps: { readonly clock: Clock; readonly log: Log }) {
    this.#deps = deps;
  }

  /** @param ids  of the blocks that one answer is without */
  report(ids: readonly string[]): void {
    partialAnswers.inc();
    const { clock, log } = this.#deps;
    const nowMs = clock.now();
    if (nowMs < this.#quietUntilMs) {
      this.#unsaid++;
      return;
    }
    log.warn('an answer misses objects that the metastore names', {
      blocks: ids.slice(0, IDS_MAX),
      missingObjects: ids.length,
      answersBefore: this.#unsaid,
    });
    this.#quietUntilMs = nowMs + WARNING_INTERVAL_MS;
    this.#unsaid = 0;
  }
}

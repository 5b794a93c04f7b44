import type { DurationMs } from '#src/domain/model/units.ts';
import { checkAnswer, type Verdict } from './check-answer.ts';
import { payloadOf } from './decoders.ts';
import { decoderReport, type FuzzReport } from './fuzz-report.ts';
import type { InlineServer } from './inline-server.ts';
import type { Decoder, Payload } from './payload.ts';

export type FuzzOptions = {
  readonly seed: number;
  /** The payloads: `first`, `first + step` and so on, below `end`. */
  readonly first: number;
  readonly end: number;
  readonly step?: number;
  readonly decoders?: readonly Decoder[];
  /** CPU time of one task. Default: any. */
  readonly taskMsMax?: DurationMs;
  /** Is told of a failure, and the run goes on. Default: throws it. */
  readonly onFailure?: (failure: FuzzFailure) => void;
};

/** A payload that was neither accepted nor refused by name, or took too long. */
export class FuzzFailure extends Error {
  readonly payload: Payload;
  readonly number: number;

  constructor(payload: Payload, number: number, cause: unknown) {
    const what = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
    super(`payload ${number} (${payload.decoder}): ${what}`, { cause });
    this.payload = payload;
    this.number = number;
  }
}

/** After so many payloads the head is encoded and read, and a new one begins. */
const WINDOW_PAYLOADS = 1000;

/** Gives payloads to a server in this process. @throws FuzzFailure unless somebody else is told of it */
export async function fuzzInline(
  server: InlineServer,
  options: FuzzOptions,
  report: FuzzReport = {},
): Promise<FuzzReport> {
  const { seed, first, end, step = 1, decoders, taskMsMax = Number.POSITIVE_INFINITY } = options;
  const { onFailure = rethrow } = options;
  let sinceSeal = 0;
  for (let number = first; number < end; number += step) {
    const payload = payloadOf(seed, number, decoders);
    try {
      await answerOne(server, payload, number, taskMsMax, report);
      if (++sinceSeal < WINDOW_PAYLOADS && number + step < end) continue;
      sinceSeal = 0;
      server.heads.seal();
    } catch (error) {
      onFailure(error instanceof FuzzFailure ? error : new FuzzFailure(payload, number, error));
    }
  }
  return report;
}

function rethrow(failure: FuzzFailure): void {
  throw failure;
}

/** @throws FuzzFailure, whatever it was */
export async function answerOne(
  server: InlineServer,
  payload: Payload,
  number: number,
  taskMsMax: DurationMs,
  report: FuzzReport,
): Promise<void> {
  const sums = decoderReport(report, payload.decoder);
  let verdict = await verdictOf(server, payload, number);
  let { slowest, slowestStepMs } = server.meter.take();
  if (slowest.ms > taskMsMax) {
    // Once more: a collection of garbage, or of others on this machine, may have come in between.
    verdict = await verdictOf(server, payload, number);
    ({ slowest, slowestStepMs } = server.meter.take());
  }
  sums[verdict]++;
  sums.bytes += payload.body.length;
  sums.slowestStepMs = Math.max(sums.slowestStepMs, slowestStepMs);
  if (slowest.ms > sums.slowestMs) {
    Object.assign(sums, { slowestMs: slowest.ms, slowestTask: slowest.name, slowestNumber: number });
  }
  if (slowest.ms > taskMsMax) {
    const took = `${slowest.ms.toFixed(0)} ms of CPU, in steps of ${slowestStepMs.toFixed(0)} ms at most`;
    throw new FuzzFailure(payload, number, `the task ${slowest.name} takes ${took}; the limit is ${taskMsMax} ms`);
  }
}

async function verdictOf(server: InlineServer, payload: Payload, number: number): Promise<Verdict> {
  try {
    return checkAnswer(await server.answer(payload));
  } catch (error) {
    throw new FuzzFailure(payload, number, error);
  }
}

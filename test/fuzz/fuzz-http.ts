import { checkAnswer } from './check-answer.ts';
import { payloadOf } from './decoders.ts';
import { FuzzFailure, type FuzzOptions } from './fuzz-inline.ts';
import { decoderReport, type FuzzReport } from './fuzz-report.ts';
import type { Payload } from './payload.ts';
import type { PayloadClient } from './payload-client.ts';

/** Requests at once. A push waits for its segment, so that one after the other takes all day. */
const CONCURRENCY = 32;

/**
 * Sends payloads to a server.
 *
 * @param options  of a few hundred payloads: all of them are in memory
 * @throws FuzzFailure unless somebody else is told of it
 */
export async function fuzzHttp(
  client: PayloadClient,
  { seed, first, end, step = 1, decoders, onFailure }: Omit<FuzzOptions, 'taskMsMax'>,
  report: FuzzReport = {},
): Promise<FuzzReport> {
  // All of them before the first is sent: a server ends connections on which nothing comes while they are made.
  const payloads: (readonly [number: number, payload: Payload])[] = [];
  for (let number = first; number < end; number += step) payloads.push([number, payloadOf(seed, number, decoders)]);
  const left = payloads.values();
  const worker = async (): Promise<void> => {
    for (const [number, payload] of left) {
      const sums = decoderReport(report, payload.decoder);
      try {
        sums[checkAnswer(await client.answer(payload))]++;
        sums.bytes += payload.body.length;
      } catch (error) {
        const failure = new FuzzFailure(payload, number, error);
        if (onFailure === undefined) throw failure;
        onFailure(failure);
      }
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
  return report;
}

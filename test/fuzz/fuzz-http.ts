import { checkAnswer } from './check-answer.ts';
import { payloadOf } from './decoders.ts';
import { FuzzFailure, type FuzzOptions } from './fuzz-inline.ts';
import { decoderReport, type FuzzReport } from './fuzz-report.ts';
import type { PayloadClient } from './payload-client.ts';

/** Requests at once. A push waits for its segment, so that one after the other takes all day. */
const CONCURRENCY = 32;

/** Sends payloads to a server. @throws FuzzFailure unless somebody else is told of it */
export async function fuzzHttp(
  client: PayloadClient,
  { seed, first, end, step = 1, decoders, onFailure }: Omit<FuzzOptions, 'taskMsMax'>,
  report: FuzzReport = {},
): Promise<FuzzReport> {
  let next = first;
  const worker = async (): Promise<void> => {
    while (next < end) {
      const number = next;
      next += step;
      const payload = payloadOf(seed, number, decoders);
      const sums = decoderReport(report, payload.decoder);
      try {
        sums[checkAnswer(payload, await client.answer(payload))]++;
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

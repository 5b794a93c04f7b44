import type { Bytes, DurationMs } from '#src/domain/model/units.ts';

/** What the HTTP server must know of the configuration, and its own constants, which tests make smaller. */
export type HttpConfig = {
  /** Off: one tenant, and the tenant header is ignored. */
  readonly multitenancyEnabled: boolean;
  /** Of one body. 0: no limit of its own. */
  readonly ingestionBodyBytesMax: Bytes;
} & HttpConstants;

export type HttpConstants = {
  /** Of a query message, compressed or not. Such messages are decoded on the main loop. */
  readonly queryMessageBytesMax: Bytes;
  /** Requests that are not answered yet. Above it new ones are answered 503. */
  readonly requestsMax: number;
  /** How long a turn of the event loop may take in which there are more requests than connections. */
  readonly requestsTurnMs: DurationMs;
  /** Chunks of one body that arrive before the event loop turns. Above it the connection is ended. */
  readonly chunksPerTurnMax: number;
  /** After so long without a chunk the answer to a refused chunked body does not wait for its end any more. */
  readonly lingerIdleMs: DurationMs;
  /** Answers that clients have not read yet. Above it new queries are answered 503. */
  readonly answerBytesMax: Bytes;
  /** How long a body may wait for room before it is refused. */
  readonly roomTimeoutMs: DurationMs;
  /** From the headers to the end of the body. */
  readonly bodyTimeoutMs: DurationMs;
  /** How long nothing of a body may come while the server closes. */
  readonly closingBodyIdleTimeoutMs: DurationMs;
};

export const httpConstants: HttpConstants = {
  // A thousand profile ids are 40 KB. The main loop decodes this much JSON in 3 ms, and the worst of it in 15.
  queryMessageBytesMax: 256 << 10,
  // A push waits for its segment, half a second or so: 8192 of them are what 16,000 pushes a second leave open.
  requestsMax: 8192,
  requestsTurnMs: 500,
  // A tenth of a second of the smallest. The library reads 512 KiB at once, which as chunks of 240 bytes, the smallest
  // that compressors write, are 2,200; who sends more than that at once outruns the server seven times in a row.
  chunksPerTurnMax: 16_384,
  // A packet that was lost twice comes within a second.
  lingerIdleMs: 1_000,
  answerBytesMax: 512 << 20,
  roomTimeoutMs: 5_000,
  // Pyroscope's read timeout of a process that has a query-frontend.
  bodyTimeoutMs: 60_000,
  // A packet that was lost twice comes within a second. Who sends nothing for two has gone, and must not hold a stop.
  closingBodyIdleTimeoutMs: 2_000,
};

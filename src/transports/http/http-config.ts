import type { DurationMs } from '#src/domain/model/units.ts';
import { type TransportConfig, type TransportConstants, transportConstants } from './transport-config.ts';

/** What the HTTP server must know of the configuration, and its own constants, which tests make smaller. */
export type HttpConfig = TransportConfig & HttpConstants;

export type HttpConstants = TransportConstants & {
  /** Requests that are not answered yet. Above it new ones are answered 503. */
  readonly requestsMax: number;
  /** How long a turn of the event loop may take in which there are more requests than connections. */
  readonly requestsTurnMs: DurationMs;
  /** Chunks of one body that arrive before the event loop turns. Above it the connection is ended. */
  readonly chunksPerTurnMax: number;
  /** After so long without a chunk the answer to a refused chunked body does not wait for its end any more. */
  readonly lingerIdleMs: DurationMs;
};

export const httpConstants: HttpConstants = {
  ...transportConstants,
  // A push waits for its segment, half a second or so: 8192 of them are what 16,000 pushes a second leave open.
  requestsMax: 8192,
  requestsTurnMs: 500,
  // A tenth of a second of the smallest. The library reads 512 KiB at once, which as chunks of 240 bytes, the smallest
  // that compressors write, are 2,200; who sends more than that at once outruns the server seven times in a row.
  chunksPerTurnMax: 16_384,
  // A packet that was lost twice comes within a second.
  lingerIdleMs: 1_000,
};

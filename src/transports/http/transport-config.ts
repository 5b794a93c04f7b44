import type { Bytes, DurationMs } from '#src/domain/model/units.ts';

/** What the servers have in common, whatever protocol they speak: of the configuration, and constants that tests make smaller. */
export type TransportConfig = {
  /** Off: one tenant, and who names a tenant is not listened to. */
  readonly multitenancyEnabled: boolean;
  /** Of one body, or message of a push. 0: no limit of its own. */
  readonly ingestionBodyBytesMax: Bytes;
  /** What a thread can open of a message of OTLP, and how that is called. More is refused at the door. */
  readonly openable: { readonly bytes: Bytes; readonly name: string };
} & TransportConstants;

export type TransportConstants = {
  /** Of a query message, compressed or not. Such messages are decoded on the main loop. */
  readonly queryMessageBytesMax: Bytes;
  /** Answers that clients have not read yet, those of all servers together. Above it new queries are refused. */
  readonly answerBytesMax: Bytes;
  /** How long a body may wait for room before it is refused. */
  readonly roomTimeoutMs: DurationMs;
  /** From the headers to the end of the body. */
  readonly bodyTimeoutMs: DurationMs;
  /** How long nothing of a body may come while the server closes. */
  readonly closingBodyIdleTimeoutMs: DurationMs;
};

export const transportConstants: TransportConstants = {
  // A thousand profile ids are 40 KB. The main loop decodes this much JSON in 3 ms, and the worst of it in 15.
  queryMessageBytesMax: 256 << 10,
  answerBytesMax: 512 << 20,
  roomTimeoutMs: 5_000,
  // Pyroscope's read timeout of a process that has a query-frontend.
  bodyTimeoutMs: 60_000,
  // A packet that was lost twice comes within a second. Who sends nothing for two has gone, and must not hold a stop.
  closingBodyIdleTimeoutMs: 2_000,
};

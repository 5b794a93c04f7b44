import type { Bytes, DurationMs } from '#src/domain/model/units.ts';
import {
  type TransportConfig,
  type TransportConstants,
  transportConstants,
} from '#src/transports/http/transport-config.ts';

/** What the gRPC server must know of the configuration, and its own constants, which tests make smaller. */
export type GrpcConfig = TransportConfig & GrpcConstants;

export type GrpcConstants = TransportConstants & {
  /** Of a message of a call that lasts. */
  readonly streamMessageBytesMax: Bytes;
  /** Of a message of OTLP. */
  readonly otlpMessageBytesMax: Bytes;
  /** Calls that are not answered yet. Above it new ones are refused with `unavailable`. */
  readonly callsMax: number;
  /** Those of them that last: reflection, and watchers of the health. */
  readonly streamingCallsMax: number;
  /** Calls that are open at once on a connection. Clients let more of them wait. */
  readonly callsPerConnectionMax: number;
  /** How long a turn of the event loop may take in which there are more. Then the connection is ended. */
  readonly callsTurnMs: DurationMs;
  /** Above it connections are not accepted. */
  readonly connectionsMax: number;
  /** What a client may send of one message before it is asked for more. */
  readonly windowBytes: Bytes;
  /** The same of all messages on a connection together. */
  readonly connectionWindowBytes: Bytes;
  /** Frames of messages that arrive on a connection before the event loop turns. Above it the connection is ended. */
  readonly framesPerTurnMax: number;
  /** How long a client that is answered may go on sending. */
  readonly lingerMs: DurationMs;
  /**
   * How often connections are looked after. One on which nothing came meanwhile is asked for a sign of life, and ended
   * when it gives none until the next time; so is an answer of which nothing was taken.
   */
  readonly keepAliveMs: DurationMs;
};

export const grpcConstants: GrpcConstants = {
  ...transportConstants,
  // The names of things.
  streamMessageBytesMax: 16 << 10,
  // Pyroscope's.
  otlpMessageBytesMax: 100 << 20,
  callsMax: 8192,
  streamingCallsMax: 256,
  // A push waits for its segment, half a second or so: a gateway that sends 2000 pushes a second needs no second one.
  callsPerConnectionMax: 1000,
  callsTurnMs: 500,
  connectionsMax: 8192,
  // A push of 4 MiB on a path of 20 ms takes a third of a second.
  windowBytes: 256 << 10,
  connectionWindowBytes: 1 << 20,
  framesPerTurnMax: 16_384,
  lingerMs: 1_000,
  // Balancers forget connections on which nothing comes for a minute or more.
  keepAliveMs: 30_000,
};

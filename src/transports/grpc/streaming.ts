import { StoreError } from '#src/domain/errors.ts';
import type { BodyLimit } from '#src/transports/http/body.ts';
import { failureOf } from '#src/transports/http/errors.ts';
import { frameHeader, grpcEncodingOf, grpcTimeoutOf } from '#src/transports/http/grpc-wire.ts';
import { limitDuration, openMessage, type RpcHost } from '#src/transports/http/rpc.ts';
import type { GrpcCall } from './call.ts';
import { MessageReader } from './message-reader.ts';
import { failureTrailers, headersOf, OK_TRAILERS } from './status.ts';
import { failCall } from './unary.ts';

/** What a method with more than one message sees of its call. */
export type MessageStream = {
  readonly signal: AbortSignal;
  /** @returns undefined after the last one. @throws StoreError as `MessageReader.next` does */
  read(): Promise<Uint8Array | undefined>;
  /** Resolves when the client has taken it, or the signal aborts. */
  write(message: Uint8Array): Promise<void>;
};

/** A method with more than one message in some direction. It is of no tenant. */
export type StreamingMethod = {
  readonly limit: BodyLimit;
  /** The call ends when this does. @throws StoreError what is the status then */
  readonly serve: (stream: MessageStream) => Promise<void>;
};

/** Serves a call of any number of messages. Answers are not compressed. */
export async function serveStreaming(
  call: GrpcCall,
  method: StreamingMethod,
  contentType: string,
  host: RpcHost & { readonly onBug: (error: unknown) => void },
): Promise<void> {
  let finished: AbortController | undefined;
  try {
    const timeoutMs = grpcTimeoutOf(call.header('grpc-timeout'));
    const encoding = grpcEncodingOf(call.header('grpc-encoding'));
    const messages = new MessageReader(call, encoding, method.limit, host.metrics);
    finished = limitDuration(call, timeoutMs, host.clock);
    call.begin(headersOf(contentType));
    await method.serve({
      signal: call.signal,
      async read() {
        const message = await messages.next();
        return message && (await openMessage(message, method.limit, host)).bytes;
      },
      write: (message) => call.write(Buffer.concat([frameHeader(0, message.length), message])),
    });
    call.finish('ok', OK_TRAILERS);
  } catch (error) {
    if (!(error instanceof StoreError)) host.onBug(error);
    if (call.answering) {
      const failure = failureOf(error);
      call.finish(failure.code, failureTrailers(failure));
    } else failCall(call, contentType, error);
  } finally {
    finished?.abort();
  }
}

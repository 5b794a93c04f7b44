import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { DurationMs } from '#src/domain/model/units.ts';
import { type Failure, grpcStatusOf } from '#src/transports/http/errors.ts';

const RETRY_INFO_URL = 'type.googleapis.com/google.rpc.RetryInfo';

/** The message stands in `Grpc-Message` as well, and all headers together must stay below 8 KiB. */
const MESSAGE_LENGTH_MAX = 512;

/**
 * What `grpc-status-details-bin` says: a `google.rpc.Status` with a `RetryInfo`, in base64. OTLP takes
 * RESOURCE_EXHAUSTED for a loss without one, and sends the profiles again with one.
 *
 * @source google/rpc/status.proto, google/rpc/error_details.proto; the OTLP specification, "OTLP/gRPC Throttling"
 */
export function retryDetails({ code, message }: Failure, afterMs: DurationMs): string {
  const writer = new BinaryWriter().tag(1, WireType.Varint).int32(grpcStatusOf(code));
  writer.tag(2, WireType.LengthDelimited).string(message.slice(0, MESSAGE_LENGTH_MAX));
  writer.tag(3, WireType.LengthDelimited).fork();
  writer.tag(1, WireType.LengthDelimited).string(RETRY_INFO_URL);
  writer.tag(2, WireType.LengthDelimited).fork();
  writer.tag(1, WireType.LengthDelimited).fork();
  writer.tag(1, WireType.Varint).int64(Math.floor(afterMs / 1000));
  writer.tag(2, WireType.Varint).int32((afterMs % 1000) * 1_000_000);
  return Buffer.from(writer.join().join().join().finish()).toString('base64').replace(/=+$/, '');
}

import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { printable } from '#src/domain/model/printable.ts';
import type { OtlpOutcome } from '#src/services/distributor/ports.ts';
import type { Codec } from './rpc.ts';

/**
 * An `ExportProfilesServiceResponse`. Where everything was taken it is empty: a `partial_success` that is there tells
 * clients that something is wrong.
 *
 * @source OpenTelemetry protocol 1.10, `profiles_service.proto`
 */
export function otlpAnswerBytes(outcome: OtlpOutcome, codec: Codec): Uint8Array {
  return codec === 'json' ? Buffer.from(jsonOf(outcome)) : protoOf(outcome);
}

function protoOf({ rejectedProfiles, message }: OtlpOutcome): Uint8Array {
  if (rejectedProfiles === 0) return new Uint8Array(0);
  const writer = new BinaryWriter().tag(1, WireType.LengthDelimited).fork();
  writer.tag(1, WireType.Varint).int64(rejectedProfiles).tag(2, WireType.LengthDelimited).string(printable(message));
  return writer.join().finish();
}

function jsonOf({ rejectedProfiles, message }: OtlpOutcome): string {
  if (rejectedProfiles === 0) return '{}';
  return JSON.stringify({
    partialSuccess: { rejectedProfiles: String(rejectedProfiles), errorMessage: printable(message) },
  });
}

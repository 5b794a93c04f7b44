import type { Codec } from '#src/transports/http/rpc.ts';

const CODECS: ReadonlyMap<string, Codec> = new Map([
  ['application/grpc', 'proto'],
  ['application/grpc+proto', 'proto'],
  ['application/grpc+json', 'json'],
]);

export const grpcContentTypes: readonly string[] = [...CODECS.keys()];

/** @returns undefined when it is none of gRPC's */
export function grpcCodecOf(canonicalContentType: string): Codec | undefined {
  return CODECS.get(canonicalContentType);
}

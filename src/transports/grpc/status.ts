import type { OutgoingHttpHeaders } from 'node:http2';
import { type Failure, grpcStatusOf } from '#src/transports/http/errors.ts';
import { grpcMessage } from '#src/transports/http/grpc-wire.ts';
import { retryDetails } from './status-details.ts';

export const OK_TRAILERS: OutgoingHttpHeaders = { 'grpc-status': '0' };

export function failureTrailers(failure: Failure): OutgoingHttpHeaders {
  return {
    'grpc-status': String(grpcStatusOf(failure.code)),
    'grpc-message': grpcMessage(failure.message),
    // What is away or full now may be back in a second. Clients that retry by themselves look at this.
    ...(failure.retryAfterMs !== undefined && {
      'grpc-status-details-bin': retryDetails(failure, failure.retryAfterMs),
    }),
    ...(failure.status === 503 && { 'grpc-retry-pushback-ms': '1000' }),
  };
}

export function headersOf(contentType: string): OutgoingHttpHeaders {
  return { ':status': 200, 'content-type': contentType, 'grpc-accept-encoding': 'gzip' };
}

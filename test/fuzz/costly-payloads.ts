import type { Bytes } from '#src/domain/model/units.ts';
import { hostileUploads } from '../fixtures/hostile-uploads.ts';
import { bomb } from './gzip-faults.ts';
import type { Payload } from './payload.ts';

/** A payload that costs its reader more than its sender, and its name. */
export type CostlyPayload = { readonly name: string; readonly payload: Payload };

/**
 * Bodies that are made to cost much, and gzip that inflates to more than may be. They come first in a run: what they need is
 * the most that is ever needed, so that memory that grows afterwards is lost.
 *
 * @param size  of each body that is not compressed, about
 */
export function* costlyPayloads(size: Bytes): Generator<CostlyPayload> {
  for (const mebibytes of [5, 65, 257]) yield* bombs(mebibytes);
  for (const { name, format, body, bounds } of hostileUploads(size)) {
    const tenant = bounds.limits.maxProfileSizeBytes === 0 ? 'unlimited' : 'default';
    const headers = { 'x-scope-orgid': tenant, 'content-type': 'text/plain' };
    const path = `/ingest?name=x.bytes&format=${format}`;
    yield { name: `${format}: ${name}`, payload: { decoder: format, protocol: 'http', path, headers, body: body() } };
  }
}

function* bombs(mebibytes: number): Generator<CostlyPayload> {
  const body = bomb(mebibytes);
  const tenants = ['default', 'unlimited'];
  const ways: readonly (readonly [decoder: string, path: string, contentType: string])[] = [
    ['push-gzip', '/push.v1.PusherService/Push', 'application/proto'],
    ['push-gzip', '/push.v1.PusherService/Push', 'application/json'],
    ['pprof', '/ingest?name=fuzz&format=pprof', 'text/plain'],
    ['otlp-gzip', '/v1development/profiles', 'application/x-protobuf'],
    ['otlp-gzip', '/v1development/profiles', 'application/json'],
  ];
  for (const tenant of tenants) {
    for (const [decoder, path, contentType] of ways) {
      const encoded = decoder === 'pprof' ? {} : { 'content-encoding': 'gzip' };
      const headers = { 'x-scope-orgid': tenant, 'content-type': contentType, ...encoded };
      const name = `${decoder}: ${mebibytes} MiB of zeros as ${contentType}, ${tenant}`;
      yield { name, payload: { decoder, protocol: 'http', path, headers, body } };
    }
  }
}

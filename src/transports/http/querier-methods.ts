import { gzipSync } from 'node:zlib';
import { StoreError } from '#src/domain/errors.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import type { Querier, Reply, Wire } from '#src/services/query-frontend/ports.ts';
import {
  decodeDiff,
  decodeLabelNames,
  decodeLabelValues,
  decodeProfileTypes,
  decodeSelectMergeProfile,
  decodeSelectMergeSpanProfile,
  decodeSelectMergeStacktraces,
  decodeSelectSeries,
  decodeSeries,
} from './querier-codec.ts';
import type { RpcCall, RpcMethod } from './rpc.ts';

const SERVICE = '/querier.v1.QuerierService';

/** The methods of `querier.v1.QuerierService`, by path. The querier writes the answers; here they are only asked for. */
export function querierMethods(querier: Querier, messageBytesMax: Bytes): Map<string, RpcMethod> {
  const limit = { bytesMax: messageBytesMax, name: 'the limit of query messages', reason: 'message_limit' } as const;
  const method = (call: RpcMethod['call']): RpcMethod => ({ limit, tenants: 'read', opened: true, call });

  return new Map([
    [
      `${SERVICE}/ProfileTypes`,
      method((c) => querier.profileTypes(c.tenants, decodeProfileTypes(c.message, c.codec), c.wire, c.signal)),
    ],
    [
      `${SERVICE}/LabelNames`,
      method((c) => {
        const request = { ...decodeLabelNames(c.message, c.codec), utf8Names: c.utf8LabelNames };
        return querier.labelNames(c.tenants, request, c.wire, c.signal);
      }),
    ],
    [
      `${SERVICE}/LabelValues`,
      method((c) => querier.labelValues(c.tenants, decodeLabelValues(c.message, c.codec), c.wire, c.signal)),
    ],
    [
      `${SERVICE}/Series`,
      method((c) => {
        const request = { ...decodeSeries(c.message, c.codec), utf8Names: c.utf8LabelNames };
        return querier.series(c.tenants, request, c.wire, c.signal);
      }),
    ],
    [
      `${SERVICE}/SelectMergeStacktraces`,
      method((c) => {
        const request = decodeSelectMergeStacktraces(c.message, c.codec);
        return querier.selectMergeStacktraces(c.tenants, request, c.wire, c.signal);
      }),
    ],
    [
      `${SERVICE}/SelectMergeProfile`,
      method((c) => {
        const request = decodeSelectMergeProfile(c.message, c.codec);
        return querier.selectMergeProfile(c.tenants, request, c.wire, c.signal);
      }),
    ],
    [
      `${SERVICE}/SelectSeries`,
      method((c) => querier.selectSeries(c.tenants, decodeSelectSeries(c.message, c.codec), c.wire, c.signal)),
    ],
    [`${SERVICE}/Diff`, method((c) => querier.diff(c.tenants, decodeDiff(c.message, c.codec), c.wire, c.signal))],
    // The reference answers an empty message without a look at the request.
    [`${SERVICE}/AnalyzeQuery`, method(async (c) => emptyMessage(c.wire))],
    [
      `${SERVICE}/SelectMergeSpanProfile`,
      method((c) => {
        const request = decodeSelectMergeSpanProfile(c.message, c.codec);
        return querier.selectMergeStacktraces(c.tenants, request, c.wire, c.signal);
      }),
    ],
    [`${SERVICE}/SelectHeatmap`, method(unimplemented('SelectHeatmap'))],
    [`${SERVICE}/GetProfileStats`, method(unimplemented('GetProfileStats'))],
  ]);
}

/** Compressed once: every push is answered with one. */
const EMPTY = {
  proto: { plain: [], gzip: [gzipSync('')] },
  json: { plain: [Buffer.from('{}')], gzip: [gzipSync('{}')] },
};

/** A message without fields. */
export function emptyMessage({ codec, gzip }: Wire): Reply {
  return { body: EMPTY[codec === 'json' ? 'json' : 'proto'][gzip ? 'gzip' : 'plain'], missingObjects: 0 };
}

function unimplemented(name: string): (call: RpcCall) => Promise<Reply> {
  return async () => {
    throw new StoreError('unimplemented', `${name} is not implemented`);
  };
}

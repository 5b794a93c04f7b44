import {
  type DescMessage,
  fromBinary,
  fromJson,
  type JsonValue,
  type MessageShape,
  ScalarType,
} from '@bufbuild/protobuf';
import { StoreError } from '#src/domain/errors.ts';
import type { TimeRange } from '#src/domain/model/units.ts';
import type { SelectRequest, SelectSeriesRequest, SeriesRequest } from '#src/services/query-frontend/ports.ts';
import {
  DiffRequestSchema,
  ProfileFormat,
  ProfileTypesRequestSchema,
  SelectMergeProfileRequestSchema,
  SelectMergeSpanProfileRequestSchema,
  type SelectMergeStacktracesRequest,
  SelectMergeStacktracesRequestSchema,
  SelectSeriesRequestSchema,
  SeriesRequestSchema,
} from '#src/transports/gen/querier/v1/querier_pb.ts';
import {
  ExemplarType,
  LabelNamesRequestSchema,
  LabelValuesRequestSchema,
  type StackTraceSelector,
} from '#src/transports/gen/types/v1/types_pb.ts';
import { parseJson } from './json-text.ts';
import type { Codec } from './rpc.ts';

// Messages of querier.v1 to requests of the domain. Every function throws StoreError 'invalid-argument' when the
// message cannot be read; whether it makes sense is checked by the querier.

export function decodeProfileTypes(message: Uint8Array, codec: Codec): TimeRange {
  return rangeOf(decode(ProfileTypesRequestSchema, message, codec));
}

export function decodeLabelNames(message: Uint8Array, codec: Codec): TimeRange & { matchers: readonly string[] } {
  const request = decode(LabelNamesRequestSchema, message, codec);
  return { ...rangeOf(request), matchers: request.matchers };
}

export function decodeLabelValues(
  message: Uint8Array,
  codec: Codec,
): TimeRange & { name: string; matchers: readonly string[] } {
  const request = decode(LabelValuesRequestSchema, message, codec);
  return { ...rangeOf(request), name: request.name, matchers: request.matchers };
}

export function decodeSeries(message: Uint8Array, codec: Codec): Omit<SeriesRequest, 'utf8Names'> {
  const request = decode(SeriesRequestSchema, message, codec);
  return { ...rangeOf(request), matchers: request.matchers, labelNames: request.labelNames };
}

/** @throws StoreError 'unimplemented' for DOT, and for what Go's profile-guided optimisation needs */
export function decodeSelectMergeStacktraces(
  message: Uint8Array,
  codec: Codec,
): SelectRequest & { readonly format: 'flamegraph' | 'tree' | 'pprof' } {
  const request = decode(SelectMergeStacktracesRequestSchema, message, codec);
  const format = formatOf(request.format);
  if (format === 'pprof') refuseGoPgo(request.stackTraceSelector);
  return { ...selectionOf(request), format };
}

/** The older form of a query for spans: every format but the tree is a flame graph. */
export function decodeSelectMergeSpanProfile(
  message: Uint8Array,
  codec: Codec,
): SelectRequest & { readonly format: 'flamegraph' | 'tree' } {
  const request = decode(SelectMergeSpanProfileRequestSchema, message, codec);
  return {
    ...rangeOf(request),
    profileTypeId: request.profileTypeID,
    labelSelector: request.labelSelector,
    maxNodes: optionalNumber(request.maxNodes),
    spanIds: request.spanSelector,
    format: request.format === ProfileFormat.TREE ? 'tree' : 'flamegraph',
  };
}

/** @throws StoreError 'unimplemented' for what Go's profile-guided optimisation needs */
export function decodeSelectMergeProfile(message: Uint8Array, codec: Codec): SelectRequest {
  const request = decode(SelectMergeProfileRequestSchema, message, codec);
  refuseGoPgo(request.stackTraceSelector);
  return selectionOf({ ...request, spanSelector: [] });
}

export function decodeSelectSeries(message: Uint8Array, codec: Codec): SelectSeriesRequest {
  const request = decode(SelectSeriesRequestSchema, message, codec);
  return {
    ...rangeOf(request),
    profileTypeId: request.profileTypeID,
    labelSelector: request.labelSelector,
    groupBy: request.groupBy,
    stepSeconds: request.step,
    limit: optionalNumber(request.limit),
    exemplars: exemplarsOf(request.exemplarType),
  };
}

export function decodeDiff(message: Uint8Array, codec: Codec): { left: SelectRequest; right: SelectRequest } {
  const { left, right } = decode(DiffRequestSchema, message, codec);
  return { left: left ? selectionOf(left) : NOTHING, right: right ? selectionOf(right) : NOTHING };
}

/** What an absent side of a diff asks for. The querier refuses it as it refuses an empty one. */
const NOTHING: SelectRequest = { startMs: 0, endMs: 0, profileTypeId: '', labelSelector: '', maxNodes: undefined };

function decode<Schema extends DescMessage>(schema: Schema, bytes: Uint8Array, codec: Codec): MessageShape<Schema> {
  if (codec === 'json') return decodeJson(schema, bytes);
  try {
    return fromBinary(schema, bytes);
  } catch (error) {
    throw malformed(error);
  }
}

function decodeJson<Schema extends DescMessage>(schema: Schema, bytes: Uint8Array): MessageShape<Schema> {
  const value = parseJson(utf8(bytes));
  withoutBigDoubles(schema, value);
  try {
    // An unknown name of an enum counts as unset with this option too, as in the reference.
    return fromJson(schema, value as JsonValue, { ignoreUnknownFields: true });
  } catch (error) {
    throw malformed(error);
  }
}

/** Fields of doubles take numbers only; what is beyond 2^53 was read exactly for those of integers. */
function withoutBigDoubles(schema: DescMessage, value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  const fields = value as Record<string, unknown>; // Or a list, which has none of the names.
  for (const { scalar, name, jsonName } of schema.fields) {
    if (scalar !== ScalarType.DOUBLE) continue;
    for (const key of [name, jsonName]) if (typeof fields[key] === 'bigint') fields[key] = Number(fields[key]);
  }
}

function utf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw malformed(error);
  }
}

/** Includes a RangeError of the generated code: groups in groups make it recurse. */
function malformed(cause: unknown): StoreError {
  return new StoreError('invalid-argument', `the message cannot be read: ${(cause as Error).message}`, {}, { cause });
}

function rangeOf({ start, end }: { readonly start: bigint; readonly end: bigint }): TimeRange {
  return { startMs: Number(start), endMs: Number(end) };
}

function selectionOf(request: Omit<SelectMergeStacktracesRequest, '$typeName' | 'format'>): SelectRequest {
  const callSite = callSiteOf(request.stackTraceSelector);
  return {
    ...rangeOf(request),
    profileTypeId: request.profileTypeID,
    labelSelector: request.labelSelector,
    maxNodes: optionalNumber(request.maxNodes),
    ...(callSite.length > 0 && { stackTraceSelector: { callSite } }),
    ...(request.profileIdSelector.length > 0 && { profileIds: request.profileIdSelector }),
    ...(request.spanSelector.length > 0 && { spanIds: request.spanSelector }),
    ...(request.traceIdSelector.length > 0 && { traceIds: request.traceIdSelector }),
  };
}

function callSiteOf(selector: StackTraceSelector | undefined): readonly string[] {
  return selector?.callSite.map(({ name }) => name) ?? [];
}

/** Trees have never looked at it. */
function refuseGoPgo(selector: StackTraceSelector | undefined): void {
  if (selector?.goPgo === undefined) return;
  throw new StoreError('unimplemented', 'profiles for Go PGO (stack_trace_selector.go_pgo) are not implemented');
}

/** A number that has no name is a flame graph. */
function formatOf(format: ProfileFormat): 'flamegraph' | 'tree' | 'pprof' {
  switch (format) {
    case ProfileFormat.TREE:
      return 'tree';
    case ProfileFormat.PPROF:
      return 'pprof';
    case ProfileFormat.DOT:
      throw new StoreError('unimplemented', 'PROFILE_FORMAT_DOT is not implemented');
    default:
      return 'flamegraph';
  }
}

function exemplarsOf(type: ExemplarType): 'none' | 'individual' | 'span' {
  switch (type) {
    case ExemplarType.UNSPECIFIED:
    case ExemplarType.NONE:
      return 'none';
    case ExemplarType.INDIVIDUAL:
      return 'individual';
    case ExemplarType.SPAN:
      return 'span';
    default:
      throw new StoreError('invalid-argument', `unknown exemplar type ${type as number}`);
  }
}

function optionalNumber(value: bigint | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}

import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { EXPORT_REQUEST, type JsonKind, type JsonMessage } from '#src/domain/otlp/json-schema.ts';
import { ExportProfilesServiceRequestSchema } from '#src/transports/gen/opentelemetry/proto/collector/profiles/v1development/profiles_service_pb.ts';

const SCALARS: Record<JsonKind, ScalarType> = {
  string: ScalarType.STRING,
  traceId: ScalarType.BYTES,
  spanId: ScalarType.BYTES,
  int32: ScalarType.INT32,
  int64: ScalarType.INT64,
  uint64: ScalarType.UINT64,
  fixed64: ScalarType.FIXED64,
};

test('what is read of OTLP is what reflection says that its messages are', () => {
  const seen = new Set<JsonMessage>();
  const check = (message: JsonMessage, shown: DescMessage): void => {
    if (seen.has(message)) return;
    seen.add(message);
    for (const [name, { number, value, repeated }] of message.fields) {
      const field = shown.fields.find((one) => one.name === name || one.jsonName === name);
      ok(field !== undefined, `${shown.typeName} has no ${name}`);
      deepEqual([field.number, field.fieldKind === 'list'], [number, repeated], `${shown.typeName}.${name}`);
      if (typeof value === 'string') equal(field.scalar, SCALARS[value], `${shown.typeName}.${name}`);
      else check(value, messageOf(field));
    }
  };

  check(EXPORT_REQUEST, ExportProfilesServiceRequestSchema);

  ok(seen.size > 15, `${seen.size} messages`);
});

function messageOf(field: DescField): DescMessage {
  ok(field.message !== undefined, `${field.name} holds no messages`);
  return field.message;
}

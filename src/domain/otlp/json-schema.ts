/** How a value of the message is written, in JSON and on the wire. */
export type JsonKind = 'string' | 'traceId' | 'spanId' | 'int32' | 'int64' | 'uint64' | 'fixed64';

export type JsonField = {
  /** As protobuf numbers it; at most 15. */
  readonly number: number;
  readonly value: JsonKind | JsonMessage;
  readonly repeated: boolean;
};

export type JsonMessage = {
  readonly name: string;
  /** By the names that they have in JSON. */
  readonly fields: ReadonlyMap<string, JsonField>;
  /** It can be most of what is sent, so reading it is interrupted now and then. */
  readonly isLarge: boolean;
  /** The list that it is there for: without it there is nothing to be stored. */
  readonly content: string | undefined;
};

/** The content of a profile. */
export const SAMPLES = 'samples';

/**
 * The messages of an OTLP export, as far as they are looked at. What is not here is skipped, as OTLP asks for.
 *
 * @source OpenTelemetry protocol 1.10, `profiles.proto`, `common.proto`
 */
export const EXPORT_REQUEST = exportRequest();

function exportRequest(): JsonMessage {
  const anyFields = new Map<string, JsonField>();
  const anyValue: JsonMessage = { name: 'a value', fields: anyFields, isLarge: false, content: undefined };
  const array = message('arrayValue', { values: many(1, anyValue) });
  for (const [name, field] of fieldsOf({
    stringValue: one(1, 'string'),
    intValue: one(3, 'int64'),
    arrayValue: one(5, array),
    stringValueStrindex: one(8, 'int32'),
  })) {
    anyFields.set(name, field);
  }

  const keyValue = message('an element of attributes', {
    key: one(1, 'string'),
    value: one(2, anyValue),
    keyStrindex: one(3, 'int32'),
  });
  const valueType = message('a value type', { typeStrindex: one(1, 'int32'), unitStrindex: one(2, 'int32') });
  const sample = message('an element of samples', {
    stackIndex: one(1, 'int32'),
    attributeIndices: many(2, 'int32'),
    linkIndex: one(3, 'int32'),
    values: many(4, 'int64'),
    timestampsUnixNano: many(5, 'fixed64'),
  });
  const profile = large('an element of profiles', SAMPLES, {
    sampleType: one(1, valueType),
    samples: many(2, sample),
    timeUnixNano: one(3, 'fixed64'),
    durationNano: one(4, 'uint64'),
    periodType: one(5, valueType),
    period: one(6, 'int64'),
    attributeIndices: many(11, 'int32'),
  });
  const scopeProfiles = large('an element of scopeProfiles', 'profiles', {
    scope: one(1, message('scope', { attributes: many(3, keyValue) })),
    profiles: many(2, profile),
  });
  const resourceProfiles = large('an element of resourceProfiles', 'scopeProfiles', {
    resource: one(1, message('resource', { attributes: many(1, keyValue) })),
    scopeProfiles: many(2, scopeProfiles),
  });
  return large('the message', 'resourceProfiles', {
    resourceProfiles: many(1, resourceProfiles),
    dictionary: one(2, dictionary(anyValue)),
  });
}

function dictionary(anyValue: JsonMessage): JsonMessage {
  const line = message('an element of lines', { functionIndex: one(1, 'int32'), line: one(2, 'int64') });
  return large('dictionary', undefined, {
    mappingTable: many(
      1,
      message('an element of mappingTable', {
        memoryStart: one(1, 'uint64'),
        memoryLimit: one(2, 'uint64'),
        fileOffset: one(3, 'uint64'),
        filenameStrindex: one(4, 'int32'),
        attributeIndices: many(5, 'int32'),
      }),
    ),
    locationTable: many(
      2,
      message('an element of locationTable', {
        mappingIndex: one(1, 'int32'),
        address: one(2, 'uint64'),
        lines: many(3, line),
      }),
    ),
    functionTable: many(
      3,
      message('an element of functionTable', {
        nameStrindex: one(1, 'int32'),
        systemNameStrindex: one(2, 'int32'),
        filenameStrindex: one(3, 'int32'),
        startLine: one(4, 'int64'),
      }),
    ),
    linkTable: many(4, message('an element of linkTable', { traceId: one(1, 'traceId'), spanId: one(2, 'spanId') })),
    stringTable: many(5, 'string'),
    attributeTable: many(
      6,
      message('an element of attributeTable', { keyStrindex: one(1, 'int32'), value: one(2, anyValue) }),
    ),
    stackTable: many(7, message('an element of stackTable', { locationIndices: many(1, 'int32') })),
  });
}

function one(number: number, value: JsonKind | JsonMessage): JsonField {
  return { number, value, repeated: false };
}

function many(number: number, value: JsonKind | JsonMessage): JsonField {
  return { number, value, repeated: true };
}

function message(name: string, fields: Readonly<Record<string, JsonField>>): JsonMessage {
  return { name, fields: fieldsOf(fields), isLarge: false, content: undefined };
}

function large(name: string, content: string | undefined, fields: Readonly<Record<string, JsonField>>): JsonMessage {
  return { name, fields: fieldsOf(fields), isLarge: true, content };
}

/** Both names that a field has: that of JSON and that of the message. */
function fieldsOf(fields: Readonly<Record<string, JsonField>>): ReadonlyMap<string, JsonField> {
  const named = new Map<string, JsonField>();
  for (const [name, field] of Object.entries(fields)) {
    named.set(name, field);
    named.set(
      name.replaceAll(/[A-Z]/g, (capital) => `_${capital.toLowerCase()}`),
      field,
    );
  }
  return named;
}

import { Wire, type WireReader } from '#src/domain/protobuf/wire-reader.ts';
import { undecodableOtlp } from './otlp-errors.ts';

/** The layout that is read, for errors. */
export const TAKEN_LAYOUT = 'OTLP 1.10 and newer';

type OlderField = {
  readonly wire: number;
  /** The last release that has the field so. */
  readonly version: string;
};

/** By the number of the field. */
type OlderFields = Readonly<Record<number, OlderField>>;

/**
 * OTLP gave its messages other numbers while profiles were in development, and neither the path nor the package says which.
 * What a message of an older release looks like under the numbers of today is wrong data, so it is refused by name where it
 * shows: by a field that no writer of today can write so, because its type has another wire type. A list counts as both of
 * its forms, packed and not.
 *
 *     of a sample   1           2           3           4           5           6
 *     since 1.10    stack       attributes  link        values      timestamps
 *     1.8 and 1.9   stack       values      attributes  link        timestamps
 *     until 1.7     locations   their count value       attributes  link        timestamps
 *
 * A sample of 1.9 without attributes cannot be told from one of today: its values are read as attributes, and its link, a
 * varint as well, as the value. Without a link it is one that has attributes and no values.
 *
 * @source opentelemetry-proto, `profiles.proto` of the releases 1.4 to 1.11
 */
export const OLDER_SAMPLE: OlderFields = {
  3: { wire: Wire.delimited, version: '1.9' },
  5: { wire: Wire.varint, version: '1.7' },
};

/** `location_indices`, `location_table`, `duration_nanos`, `period_type`, `period`, `profile_id`, `dropped_attributes_count`. */
export const OLDER_PROFILE: OlderFields = {
  3: { wire: Wire.delimited, version: '1.7' },
  4: { wire: Wire.delimited, version: '1.5' },
  5: { wire: Wire.varint, version: '1.7' },
  6: { wire: Wire.delimited, version: '1.7' },
  7: { wire: Wire.varint, version: '1.7' },
  8: { wire: Wire.delimited, version: '1.8' },
  9: { wire: Wire.varint, version: '1.8' },
};

/** A key that is a text. */
export const OLDER_ATTRIBUTE: OlderFields = { 1: { wire: Wire.delimited, version: '1.7' } };

/**
 * @param reader   at a field of the message
 * @param message  as errors call it, such as "a sample"
 * @throws StoreError 'invalid-argument', when only an older layout has the field so
 */
export function refuseOlder({ field, wire }: WireReader, fields: OlderFields, message: string): void {
  const older = fields[field];
  if (older === undefined || older.wire !== wire) return;
  throw undecodableOtlp(
    `field ${field} of ${message} has wire type ${wire}, as in OTLP ${older.version} and older, which have another layout; ` +
      `Kiln takes that of ${TAKEN_LAYOUT}`,
  );
}

/** What is added where attributes of a sample are odd: in older layouts their field has the values. */
export const OLDER_VALUES_HINT = `; of OTLP 1.9 and older, those are values: Kiln takes the layout of ${TAKEN_LAYOUT}`;

/** What is added where a message has no dictionary. */
export const NO_DICTIONARY_HINT = `; OTLP has one since 1.7, and Kiln takes the layout of ${TAKEN_LAYOUT}`;

/** A name and a value. Both are valid UTF-8 once they are inside: what is not is refused at the door. */
export type Label = { readonly name: string; readonly value: string };

/**
 * A set of labels.
 *
 * @invariant unless a comment says otherwise: sorted by `compareUtf8` of the names, no name twice, no empty value
 */
export type Labels = readonly Label[];

/** The reserved names that more than one part of the system knows. */
export const LabelName = {
  name: '__name__',
  serviceName: 'service_name',
  profileType: '__profile_type__',
  type: '__type__',
  unit: '__unit__',
  periodType: '__period_type__',
  periodUnit: '__period_unit__',
  privateServiceName: '__service_name__',
  sessionId: '__session_id__',
  spy: 'pyroscope_spy',
} as const;

/**
 * Orders strings by their UTF-8 bytes, which is the order by code points. `<` compares UTF-16 units and differs
 * from it where a string has characters above U+FFFF.
 */
export function compareUtf8(a: string, b: string): number {
  if (a === b) return 0; // Mostly one object, however long it is.
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return orderKey(x) - orderKey(y);
  }
  return a.length - b.length;
}

export function valueOf(labels: Labels, name: string): string | undefined {
  return labels.find((label) => label.name === name)?.value;
}

export function sortedLabels(labels: Iterable<Label>): Labels {
  return [...labels].sort((a, b) => compareUtf8(a.name, b.name));
}

/** Surrogates stand for characters above U+FFFF, so they come after every other UTF-16 unit. */
function orderKey(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

import { StoreError } from '#src/domain/errors.ts';
import { type Label, LabelName } from '#src/domain/model/labels.ts';
import { mapKey } from '#src/domain/model/map-key.ts';
import type { WireReader } from '#src/domain/protobuf/wire-reader.ts';
import { UNKNOWN_SERVICE } from '#src/domain/series/service-name.ts';
import type { AttributeRule } from './attribute-rules.ts';
import { type AttributeValue, decimal, newAttributeValue, readAnyValue, ValueKind } from './attribute-value.ts';
import type { Dictionary } from './dictionary.ts';
import { labelNameOfKey, labelValueOf } from './label-text.ts';
import { indexOutOfRange } from './otlp-errors.ts';
import { type PartsBudget, tooMany } from './parts-budget.ts';
import type { ReferredLabels } from './sample-attributes.ts';

/** The attribute that names the service, unless one that becomes the label `service_name` does. */
export const SERVICE_ATTRIBUTE = 'service.name';

/** What a resource that names no service is called by. */
const EXECUTABLE_ATTRIBUTE = 'process.executable.name';

/** Labels that no attribute becomes, whatever it is called; the last one says what they say together. */
const OWN_LABELS: ReadonlySet<string> = new Set(['__delta__', '__otel__', LabelName.name, LabelName.serviceName]);

type Attributes = {
  /** By the names of labels. The first one of a name counts, and an empty value is none. */
  labels: Map<string, string>;
  /** Whether the map is that of the resource, which others have as well. */
  isShared: boolean;
  count: number;
  service: string;
  executable: string;
  /** Why no profile can have them. */
  fault: StoreError | undefined;
};

/**
 * The labels that all profiles of a resource and a scope have: what Kiln says about them, their attributes, the service.
 *
 * The resource comes before the scope, and the scope before a profile: the first attribute that becomes a label of some
 * name counts. The service is that of the sample, else of the profile, else of the resource.
 */
export class ResourceLabels {
  readonly #attributes: Attributes;
  readonly #budget: PartsBudget;
  /** Lists that were made, by what they differ in, so that profiles share them. */
  readonly #lists = new Map<string, readonly Label[]>();

  private constructor(attributes: Attributes, budget: PartsBudget) {
    this.#attributes = attributes;
    this.#budget = budget;
  }

  /** Those of a resource, for scopes that have no attributes. @param resource  the messages that are it: usually one */
  static of(resource: readonly Span[], source: AttributeSource): ResourceLabels {
    const attributes: Attributes = {
      labels: new Map(),
      isShared: false,
      count: 0,
      service: '',
      executable: '',
      fault: undefined,
    };
    for (const span of resource) readAttributes(span, RESOURCE_ATTRIBUTES, source, attributes, true);
    return new ResourceLabels(attributes, source.budget);
  }

  /** These and those of a scope. */
  with(scope: readonly Span[], source: AttributeSource): ResourceLabels {
    const attributes = { ...this.#attributes, isShared: true };
    for (const span of scope) readAttributes(span, SCOPE_ATTRIBUTES, source, attributes, false);
    // Scopes that add nothing share lists, however many attributes their resource has.
    const addsNothing = attributes.isShared && attributes.fault === this.#attributes.fault;
    return addsNothing ? this : new ResourceLabels(attributes, source.budget);
  }

  /**
   * @param name     of the profile
   * @param service  what its samples say, '' for nothing
   * @param profile  what its own attributes say
   * @returns        the same list for the same arguments, if the profile has no attributes
   * @throws StoreError 'invalid-argument', a refusal, when an attribute cannot be a label of any profile
   */
  listOf(name: string, service: string, profile: ReferredLabels = NOTHING_REFERRED): readonly Label[] {
    if (this.#attributes.fault !== undefined) throw this.#attributes.fault;
    const named = service || profile.service;
    return profile.labels.size === 0 ? this.#sharedList(name, named) : this.#charged(name, named, profile.labels);
  }

  #sharedList(name: string, service: string): readonly Label[] {
    const key = mapKey(`${name.length} ${name}${service}`);
    const known = this.#lists.get(key);
    if (known !== undefined) return known;
    const list = this.#charged(name, service, NOTHING_REFERRED.labels);
    this.#lists.set(key, list);
    return list;
  }

  #charged(name: string, service: string, profile: ReadonlyMap<string, string>): readonly Label[] {
    const list = this.#newList(name, service, profile);
    this.#budget.labels(list);
    return list;
  }

  #newList(name: string, service: string, profile: ReadonlyMap<string, string>): Label[] {
    const { labels } = this.#attributes;
    const list: Label[] = [
      { name: '__delta__', value: 'false' },
      { name: '__otel__', value: 'true' },
      { name: LabelName.name, value: name },
    ];
    for (const [label, value] of labels) if (!OWN_LABELS.has(label)) list.push({ name: label, value });
    for (const [label, value] of profile) {
      if (!OWN_LABELS.has(label) && !labels.has(label)) list.push({ name: label, value });
    }
    list.push({ name: LabelName.serviceName, value: service || this.#service });
    return list;
  }

  get #service(): string {
    const { labels, service, executable } = this.#attributes;
    const named = labels.get(LabelName.serviceName) || service;
    return named || (executable === '' ? UNKNOWN_SERVICE : `${UNKNOWN_SERVICE}:${executable}`);
  }
}

const NOTHING_REFERRED: ReferredLabels = { service: '', labels: new Map() };

/** A part of the message. */
export type Span = { readonly start: number; readonly end: number };

export type AttributeSource = {
  /** Of the whole message. Is moved. */
  readonly reader: WireReader;
  readonly dictionary: Dictionary;
  readonly rules: readonly AttributeRule[];
  readonly budget: PartsBudget;
};

/** The numbers of the fields that hold attributes. */
const RESOURCE_ATTRIBUTES = 1;
const SCOPE_ATTRIBUTES = 3;

function readAttributes(
  span: Span,
  attributesField: number,
  source: AttributeSource,
  attributes: Attributes,
  namesService: boolean,
): void {
  const { reader, budget } = source;
  reader.pos = span.start;
  reader.end = span.end;
  while (reader.next()) {
    if (reader.field !== attributesField) {
      reader.skip();
      continue;
    }
    budget.row();
    if (++attributes.count > budget.attributesMax) {
      throw tooMany('attributes of a resource and its scope', budget.attributesMax);
    }
    const outer = reader.open();
    readAttribute(source, attributes, namesService);
    reader.close(outer);
  }
}

const value: AttributeValue = newAttributeValue();

function readAttribute(source: AttributeSource, attributes: Attributes, namesService: boolean): void {
  const { reader } = source;
  let key: Uint8Array = NO_BYTES;
  let keyRow = 0;
  value.kind = ValueKind.none;
  while (reader.next()) {
    if (reader.field === 1) {
      const outer = reader.open();
      key = reader.bytes.subarray(reader.pos, reader.end);
      reader.close(outer);
    } else if (reader.field === 2) {
      const outer = reader.open();
      readAnyValue(reader, value);
      reader.close(outer);
    } else if (reader.field === 3) keyRow = reader.int32();
    else reader.skip();
  }
  // One is enough to be said.
  if (attributes.fault !== undefined) return;
  try {
    const text = valueBytes(value, source);
    if (text.length === 0) return;
    if (key.length === 0 && keyRow !== 0) key = stringOf(keyRow, source.dictionary);
    addAttribute(key, text, source, attributes, namesService);
  } catch (error) {
    // What no label can be refuses the profiles that would have it, and there may be none.
    if (!(error instanceof StoreError) || error.details['reason'] === undefined) throw error;
    attributes.fault ??= error;
  }
}

/** Texts are decoded when it is known that they are needed: they may be long, and stand in any number of resources. */
function addAttribute(
  key: Uint8Array,
  text: Uint8Array,
  { rules, budget }: AttributeSource,
  attributes: Attributes,
  namesService: boolean,
): void {
  if (namesService && attributes.service === '' && SERVICE_KEY.equals(key)) {
    attributes.service = labelValueOf(text, budget);
  }
  if (namesService && attributes.executable === '' && EXECUTABLE_KEY.equals(key)) {
    attributes.executable = labelValueOf(text, budget);
  }
  const name = labelNameOfKey(key, rules, budget);
  if (name === undefined || attributes.labels.has(name)) return;
  const label = labelValueOf(text, budget);
  if (attributes.isShared) {
    budget.numbers(attributes.labels.size);
    attributes.labels = new Map(attributes.labels);
  }
  attributes.isShared = false;
  attributes.labels.set(name, label);
}

const SERVICE_KEY = Buffer.from(SERVICE_ATTRIBUTE);
const EXECUTABLE_KEY = Buffer.from(EXECUTABLE_ATTRIBUTE);

/** @returns nothing for what cannot be the value of a label */
function valueBytes({ kind, a, b }: AttributeValue, { reader, dictionary }: AttributeSource): Uint8Array {
  if (kind === ValueKind.text) return reader.bytes.subarray(a, a + b);
  if (kind === ValueKind.integer) return Buffer.from(decimal(a, b));
  if (kind === ValueKind.row) return stringOf(a, dictionary);
  return NO_BYTES;
}

const NO_BYTES = new Uint8Array(0);

function stringOf(row: number, dictionary: Dictionary): Uint8Array {
  if (row < 0 || row >= dictionary.stringCount) {
    throw indexOutOfRange('an attribute of a resource or a scope', 'string', row, dictionary.stringCount);
  }
  return dictionary.stringAt(row);
}

import { type Label, LabelName } from '#src/domain/model/labels.ts';
import { UNKNOWN_SERVICE } from '#src/domain/series/service-name.ts';
import { type AttributeRule, labelNameOf } from './attribute-rules.ts';
import { type AttributeValue, decimal, newAttributeValue, readAnyValue, ValueKind } from './attribute-value.ts';
import type { Dictionary } from './dictionary.ts';
import { indexOutOfRange } from './otlp-errors.ts';
import { type PartsBudget, tooMany } from './parts-budget.ts';
import { textOf } from './text.ts';
import type { WireReader } from './wire-reader.ts';

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
};

/**
 * The labels that all profiles of a resource and a scope have: what Kiln says about them, their attributes, the service.
 *
 * The resource comes before the scope: the first attribute that becomes a label of some name counts.
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
    const attributes: Attributes = { labels: new Map(), isShared: false, count: 0, service: '', executable: '' };
    for (const span of resource) readAttributes(span, RESOURCE_ATTRIBUTES, source, attributes, true);
    return new ResourceLabels(attributes, source.budget);
  }

  /** These and those of a scope. */
  with(scope: readonly Span[], source: AttributeSource): ResourceLabels {
    const attributes = { ...this.#attributes, isShared: true };
    for (const span of scope) readAttributes(span, SCOPE_ATTRIBUTES, source, attributes, false);
    // Scopes that add nothing share lists, however many attributes their resource has.
    return attributes.isShared ? this : new ResourceLabels(attributes, source.budget);
  }

  /**
   * @param name     of the profile
   * @param service  what its samples say, '' for nothing
   * @returns        the same list for the same arguments
   */
  listOf(name: string, service: string): readonly Label[] {
    const key = `${name.length} ${name}${service}`;
    const known = this.#lists.get(key);
    if (known !== undefined) return known;
    const list = this.#newList(name, service);
    this.#budget.labels(list);
    this.#lists.set(key, list);
    return list;
  }

  #newList(name: string, service: string): Label[] {
    const { labels } = this.#attributes;
    const list: Label[] = [
      { name: '__delta__', value: 'false' },
      { name: '__otel__', value: 'true' },
      { name: LabelName.name, value: name },
    ];
    for (const [label, value] of labels) if (!OWN_LABELS.has(label)) list.push({ name: label, value });
    list.push({ name: LabelName.serviceName, value: service || this.#service });
    return list;
  }

  get #service(): string {
    const { labels, service, executable } = this.#attributes;
    const named = labels.get(LabelName.serviceName) || service;
    return named || (executable === '' ? UNKNOWN_SERVICE : `${UNKNOWN_SERVICE}:${executable}`);
  }
}

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
  const { reader, dictionary, rules } = source;
  let key = '';
  let keyRow = 0;
  value.kind = ValueKind.none;
  while (reader.next()) {
    if (reader.field === 1) {
      const outer = reader.open();
      key = textOf(reader.bytes.subarray(reader.pos, reader.end));
      reader.close(outer);
    } else if (reader.field === 2) {
      const outer = reader.open();
      readAnyValue(reader, value);
      reader.close(outer);
    } else if (reader.field === 3) keyRow = reader.int32();
    else reader.skip();
  }
  const text = valueText(value, source);
  if (text === undefined || text === '') return;
  if (key === '' && keyRow !== 0) key = stringOf(keyRow, dictionary);
  if (namesService && key === SERVICE_ATTRIBUTE) attributes.service ||= text;
  if (namesService && key === EXECUTABLE_ATTRIBUTE) attributes.executable ||= text;
  const name = labelNameOf(key, rules);
  if (name === undefined || attributes.labels.has(name)) return;
  if (attributes.isShared) attributes.labels = new Map(attributes.labels);
  attributes.isShared = false;
  attributes.labels.set(name, text);
}

/** @returns undefined for what cannot be the value of a label */
function valueText({ kind, a, b }: AttributeValue, { reader, dictionary }: AttributeSource): string | undefined {
  if (kind === ValueKind.text) return textOf(reader.bytes.subarray(a, a + b));
  if (kind === ValueKind.integer) return decimal(a, b);
  if (kind === ValueKind.row) return stringOf(a, dictionary);
  return undefined;
}

function stringOf(row: number, dictionary: Dictionary): string {
  if (row < 0 || row >= dictionary.stringCount) {
    throw indexOutOfRange('an attribute of a resource', 'string', row, dictionary.stringCount);
  }
  return textOf(dictionary.stringAt(row));
}

import { LabelName } from '#src/domain/model/labels.ts';
import { type AttributeRule, labelNameOf } from './attribute-rules.ts';
import { decimal, ValueKind } from './attribute-value.ts';
import type { Dictionary } from './dictionary.ts';
import { indexOutOfRange } from './otlp-errors.ts';
import type { ProfileColumns } from './profile-columns.ts';
import { SERVICE_ATTRIBUTE } from './resource-labels.ts';
import { textOf } from './text.ts';

/** What an attribute of a sample is good for. */
const Use = { unknown: 0, nothing: 1, label: 2, service: 3, serviceLabel: 4 } as const;

/** The attributes that samples refer to: which of them become labels, and which name the service. */
export class SampleAttributes {
  readonly #dictionary: Dictionary;
  readonly #rules: readonly AttributeRule[];
  /** By row, found out when a sample first refers to it. */
  readonly #uses: Uint8Array;

  constructor(dictionary: Dictionary, rules: readonly AttributeRule[]) {
    this.#dictionary = dictionary;
    this.#rules = rules;
    this.#uses = new Uint8Array(dictionary.attributeCount);
  }

  /**
   * The service that a sample is of: what becomes the label `service_name`, else `service.name`.
   *
   * @returns '' when it says nothing
   * @throws StoreError 'invalid-argument' of stage 'sample-attributes', when there is no such attribute
   */
  serviceOf(columns: ProfileColumns, sample: number): string {
    let service = '';
    for (let i = columns.attributeStart(sample); i < columns.attributeEnd.values[sample]; i++) {
      const row = columns.attributes.values[i];
      const use = this.#useOf(row);
      if (use === Use.serviceLabel) return this.valueAt(row);
      if (use === Use.service && service === '') service = this.valueAt(row);
    }
    return service;
  }

  /** Whether the attribute becomes a label of its samples. @param row  of the attributes, as a sample has it */
  isLabel(row: number): boolean {
    return this.#useOf(row) === Use.label;
  }

  /** The name of the label. @param row  of an attribute that is one */
  labelNameAt(row: number): string {
    return labelNameOf(this.#keyAt(row), this.#rules) ?? '';
  }

  /** The value as text. @param row  of an attribute that has one */
  valueAt(row: number): string {
    const { attributeKind, attributeA, attributeB, message } = this.#dictionary;
    const a = attributeA.values[row];
    const b = attributeB.values[row];
    if (attributeKind.values[row] === ValueKind.integer) return decimal(a, b);
    if (attributeKind.values[row] === ValueKind.text) return textOf(message.subarray(a, a + b));
    return this.#stringAt(a, row);
  }

  #useOf(row: number): number {
    if (row < 0 || row >= this.#uses.length) {
      throw indexOutOfRange('a sample', 'attribute', row, this.#uses.length, 'sample-attributes');
    }
    return this.#uses[row] || (this.#uses[row] = this.#findUse(row));
  }

  #findUse(row: number): number {
    if (this.#dictionary.attributeKind.values[row] === ValueKind.none || this.valueAt(row) === '') return Use.nothing;
    const key = this.#keyAt(row);
    const name = labelNameOf(key, this.#rules);
    if (name === LabelName.serviceName) return Use.serviceLabel;
    if (key === SERVICE_ATTRIBUTE) return Use.service;
    return name === undefined || name === '' ? Use.nothing : Use.label;
  }

  #keyAt(row: number): string {
    return this.#stringAt(this.#dictionary.attributeKey.values[row], row);
  }

  #stringAt(string: number, row: number): string {
    const { stringCount } = this.#dictionary;
    // An empty dictionary has the empty text all the same: 0 is what is not set.
    if (string === 0 && stringCount === 0) return '';
    if (string < 0 || string >= stringCount) {
      throw indexOutOfRange(`attribute ${row}`, 'string', string, stringCount, 'sample-attributes');
    }
    return textOf(this.#dictionary.stringAt(string));
  }
}

import { LabelName } from '#src/domain/model/labels.ts';
import { mapKey } from '#src/domain/model/map-key.ts';
import type { AttributeRule } from './attribute-rules.ts';
import { decimal, ValueKind } from './attribute-value.ts';
import type { Dictionary } from './dictionary.ts';
import type { IntList } from './int-list.ts';
import { labelNameOfKey, labelValueOf } from './label-text.ts';
import { OLDER_VALUES_HINT } from './older-layouts.ts';
import { indexOutOfRange, type OtlpStage } from './otlp-errors.ts';
import { type PartsBudget, tooMany } from './parts-budget.ts';
import { SERVICE_ATTRIBUTE } from './resource-labels.ts';

/** What an attribute is good for. */
const Use = { unknown: 0, nothing: 1, label: 2, service: 3, serviceLabel: 4 } as const;

/** What attributes that belong together say. */
export type ReferredLabels = {
  /** '' when they say nothing. */
  readonly service: string;
  /** By the names of labels. The first one of a name counts. */
  readonly labels: ReadonlyMap<string, string>;
};

const SERVICE_KEY = Buffer.from(SERVICE_ATTRIBUTE);

/**
 * The attributes of the dictionary, which samples and profiles refer to: which of them become labels, and which name the
 * service.
 *
 * Any number of rows may have the same long text, and any number of samples the same row. So a key is looked at once per
 * row of the strings, a service once per row of the attributes, and both are charged.
 */
export class SampleAttributes {
  readonly #dictionary: Dictionary;
  readonly #rules: readonly AttributeRule[];
  readonly #budget: PartsBudget;
  /** By row of the attributes, found out when something first refers to it. */
  readonly #uses: Uint8Array;
  /** By row of the strings. */
  readonly #keyUses: Uint8Array;
  /** By row of the attributes, and 0 for those that nobody asked for. */
  readonly #serviceIds: Int32Array;
  /** By id. */
  readonly #services = [''];
  readonly #idsOfServices = new Map([[serviceKey(''), 0]]);

  constructor(dictionary: Dictionary, rules: readonly AttributeRule[], budget: PartsBudget) {
    const { attributeCount, stringCount } = dictionary;
    budget.memory.take(5 * attributeCount + stringCount);
    this.#dictionary = dictionary;
    this.#rules = rules;
    this.#budget = budget;
    this.#uses = new Uint8Array(attributeCount);
    this.#keyUses = new Uint8Array(stringCount);
    this.#serviceIds = new Int32Array(attributeCount);
  }

  /**
   * The service that attributes name: what becomes the label `service_name`, else `service.name`.
   *
   * @param rows  those from `start` to `end` are looked at
   * @returns     a number that stands for it, the same for the same text; 0 when they say nothing
   * @throws StoreError 'invalid-argument' of stage 'sample-attributes', when there is no such attribute
   */
  serviceIdOf(rows: IntList, start: number, end: number): number {
    let service = 0;
    for (let i = start; i < end; i++) {
      const row = rows.values[i];
      const use = this.#useOf(row, 'a sample', 'sample-attributes');
      if (use === Use.serviceLabel) return this.#serviceIdAt(row);
      if (use === Use.service && service === 0) service = this.#serviceIdAt(row);
    }
    return service;
  }

  /** @param id  that `serviceIdOf` gave */
  serviceOf(id: number): string {
    return this.#services[id] as string; // Ids are indices.
  }

  /**
   * What the attributes of a profile say.
   *
   * @throws StoreError 'invalid-argument' of stage 'conversion', when there is no such attribute; when there are too many
   */
  labelsOf(rows: IntList): ReferredLabels {
    const { attributesMax } = this.#budget;
    if (rows.length > attributesMax) throw tooMany('attributes of a profile', attributesMax);
    const labels = new Map<string, string>();
    let named = '';
    let service = '';
    for (let i = 0; i < rows.length; i++) {
      const row = rows.values[i];
      const use = this.#useOf(row, 'a profile', 'conversion');
      if (use === Use.nothing) continue;
      if (use === Use.serviceLabel) named ||= labelValueOf(this.valueAt(row), this.#budget);
      else {
        if (use === Use.service) service ||= labelValueOf(this.valueAt(row), this.#budget);
        const name = this.labelNameAt(row);
        if (name !== '' && !labels.has(name)) labels.set(name, labelValueOf(this.valueAt(row), this.#budget));
      }
    }
    return { service: named || service, labels };
  }

  /** Whether the attribute becomes a label of its samples. @param row  of the attributes, as a sample has it */
  isLabel(row: number): boolean {
    return this.#useOf(row, 'a sample', 'sample-attributes') === Use.label;
  }

  /** The row of the strings that has the name of an attribute. @param row  of an attribute that is good for something */
  keyRowAt(row: number): number {
    return this.#dictionary.attributeKey.values[row];
  }

  /** The name of the label. @param row  of an attribute that is good for something */
  labelNameAt(row: number): string {
    return labelNameOfKey(this.#stringAt(this.keyRowAt(row), row), this.#rules, this.#budget) ?? '';
  }

  /** The value as text, in UTF-8 if the message is as it should be. @param row  of an attribute that has one */
  valueAt(row: number): Uint8Array {
    const { attributeKind, attributeA, attributeB, message } = this.#dictionary;
    const a = attributeA.values[row];
    const b = attributeB.values[row];
    if (attributeKind.values[row] === ValueKind.integer) return Buffer.from(decimal(a, b));
    if (attributeKind.values[row] === ValueKind.text) return message.subarray(a, a + b);
    return this.#stringAt(a, row);
  }

  #serviceIdAt(row: number): number {
    const known = this.#serviceIds[row];
    if (known > 0) return known;
    const service = labelValueOf(this.valueAt(row), this.#budget);
    const key = serviceKey(service);
    let id = this.#idsOfServices.get(key);
    if (id === undefined) {
      this.#budget.memory.take(SERVICE_BYTES + 2 * service.length);
      id = this.#services.push(service) - 1;
      this.#idsOfServices.set(key, id);
    }
    this.#serviceIds[row] = id;
    return id;
  }

  #useOf(row: number, of: string, stage: OtlpStage): number {
    if (row < 0 || row >= this.#uses.length) {
      const hint = stage === 'sample-attributes' ? OLDER_VALUES_HINT : '';
      throw indexOutOfRange(of, 'attribute', row, this.#uses.length, stage, hint);
    }
    return this.#uses[row] || (this.#uses[row] = this.#findUse(row));
  }

  #findUse(row: number): number {
    const { attributeKind } = this.#dictionary;
    if (attributeKind.values[row] === ValueKind.none || this.valueAt(row).length === 0) return Use.nothing;
    const keyRow = this.keyRowAt(row);
    const key = this.#stringAt(keyRow, row);
    // An attribute of an empty dictionary has the empty key, and there is no row to note it at.
    return this.#keyUses[keyRow] || (this.#keyUses[keyRow] = this.#findKeyUse(key));
  }

  #findKeyUse(key: Uint8Array): number {
    const name = labelNameOfKey(key, this.#rules, this.#budget);
    if (name === LabelName.serviceName) return Use.serviceLabel;
    if (SERVICE_KEY.equals(key)) return Use.service;
    return name === undefined ? Use.nothing : Use.label;
  }

  #stringAt(string: number, row: number): Uint8Array {
    const { stringCount } = this.#dictionary;
    // An empty dictionary has the empty text all the same: 0 is what is not set.
    if (string === 0 && stringCount === 0) return NO_BYTES;
    if (string < 0 || string >= stringCount) {
      throw indexOutOfRange(`attribute ${row}`, 'string', string, stringCount, 'sample-attributes');
    }
    return this.#dictionary.stringAt(string);
  }
}

const NO_BYTES = new Uint8Array(0);

/** What a service takes beside its text. */
const SERVICE_BYTES = 128;

/** The blank keeps a short service from looking like the digest of a long one. */
function serviceKey(service: string): string {
  return mapKey(` ${service}`);
}

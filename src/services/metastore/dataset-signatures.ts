import type { DatasetMeta } from '#src/domain/block/block-meta.ts';
import { type Labels, valueOf } from '#src/domain/model/labels.ts';
import type { Matcher } from '#src/domain/series/matcher.ts';
import { compileMatcher, type ValueTest } from '#src/domain/series/matchers.ts';

/** Row number in DatasetSignatures. */
export type SignatureId = number;

/**
 * What a dataset is, apart from when and where: every segment repeats the same few, so each is kept once and a
 * dataset is a number here, a time and a place.
 */
export type Signature = { readonly tenant: string; readonly service: string; readonly labels: readonly Labels[] };

/** Every signature with a label set that satisfies the matchers, with these label sets. */
export type SignatureMatches = ReadonlyMap<SignatureId, readonly Labels[]>;

/** All signatures there ever were, and postings that find them by tenant and labels. */
export class DatasetSignatures {
  readonly #signatures: Signature[] = [];
  readonly #tenants = new Map<string, TenantSignatures>();

  get count(): number {
    return this.#signatures.length;
  }

  /** The number of the dataset's signature, a new one if nobody had it before. */
  intern({ tenant, service, labels }: DatasetMeta): SignatureId {
    let own = this.#tenants.get(tenant);
    if (own === undefined) {
      own = new TenantSignatures();
      this.#tenants.set(tenant, own);
    }
    return own.intern(service, labels, (shared) => this.#signatures.push({ tenant, service, labels: shared }) - 1);
  }

  signatureAt(id: SignatureId): Signature {
    return this.#signatures[id];
  }

  /** @throws StoreError 'invalid-argument' when an expression cannot be compiled */
  match(tenants: Iterable<string>, matchers: readonly Matcher[]): SignatureMatches {
    const conditions = matchers.map((matcher) => ({ ...matcher, accepts: memoised(compileMatcher(matcher)) }));
    const matches = new Map<SignatureId, Labels[]>();
    for (const tenant of new Set(tenants)) this.#tenants.get(tenant)?.match(conditions, matches);
    return matches;
  }
}

type Condition = Matcher & { readonly accepts: ValueTest };

/** A label set that some dataset of the tenant has. */
type LabelSet = { readonly labels: Labels; readonly signatures: SignatureId[] };

class TenantSignatures {
  readonly #byKey = new Map<string, SignatureId>();
  readonly #labelSets: LabelSet[] = [];
  readonly #labelSetNumbers = new Map<string, number>();
  /** Name → value → the label sets that have it. */
  readonly #postings = new Map<string, Map<string, number[]>>();

  /** @param add keeps a new signature, which shares its label sets with others, and says its number */
  intern(service: string, labels: readonly Labels[], add: (shared: readonly Labels[]) => SignatureId): SignatureId {
    const numbers = labels.map((set) => this.#internLabelSet(set));
    const key = JSON.stringify([service, numbers]);
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;

    const id = add(numbers.map((number) => this.#labelSets[number].labels));
    this.#byKey.set(key, id);
    for (const number of new Set(numbers)) this.#labelSets[number].signatures.push(id);
    return id;
  }

  match(conditions: readonly Condition[], matches: Map<SignatureId, Labels[]>): void {
    for (const number of this.#candidates(conditions)) {
      const { labels, signatures } = this.#labelSets[number];
      if (!conditions.every(({ name, accepts }) => accepts(valueOf(labels, name) ?? ''))) continue;
      for (const id of signatures) {
        const found = matches.get(id);
        if (found) found.push(labels);
        else matches.set(id, [labels]);
      }
    }
  }

  /**
   * Label sets among which all matching ones are: those that the postings of the most selective condition name. A
   * condition that accepts absence says nothing about what is in a posting, so with no other kind all are candidates.
   */
  #candidates(conditions: readonly Condition[]): Iterable<number> {
    let fewest: number[][] | undefined;
    let fewestCount = Number.POSITIVE_INFINITY;
    for (const condition of conditions) {
      if (condition.accepts('')) continue;
      const postings = this.#postingsOf(condition);
      const count = postings.reduce((sum, posting) => sum + posting.length, 0);
      if (count < fewestCount) [fewest, fewestCount] = [postings, count];
    }
    return fewest ? fewest.flat() : this.#labelSets.keys();
  }

  /** A label set has a name once, so that no two of these lists share a member. */
  #postingsOf({ name, operator, value, accepts }: Condition): number[][] {
    const values = this.#postings.get(name);
    if (values === undefined) return [];
    if (operator === '=') return [values.get(value) ?? []];
    return [...values].filter(([text]) => accepts(text)).map(([, posting]) => posting);
  }

  #internLabelSet(labels: Labels): number {
    const key = JSON.stringify(labels.map(({ name, value }) => [name, value]));
    const known = this.#labelSetNumbers.get(key);
    if (known !== undefined) return known;

    const number = this.#labelSets.push({ labels, signatures: [] }) - 1;
    this.#labelSetNumbers.set(key, number);
    for (const { name, value } of labels) {
      let values = this.#postings.get(name);
      if (values === undefined) this.#postings.set(name, (values = new Map()));
      const posting = values.get(value);
      if (posting) posting.push(number);
      else values.set(value, [number]);
    }
    return number;
  }
}

/** Many label sets share a value, and an expression is worth running once on each. */
function memoised(accepts: ValueTest): ValueTest {
  const known = new Map<string, boolean>();
  return (value) => {
    let answer = known.get(value);
    if (answer === undefined) {
      answer = accepts(value);
      known.set(value, answer);
    }
    return answer;
  };
}

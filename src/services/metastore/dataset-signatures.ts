import type { DatasetMeta } from '#src/domain/block/block-meta.ts';
import { type Labels, valueOf } from '#src/domain/model/labels.ts';
import { matcherCost } from '#src/domain/series/expression-limits.ts';
import type { MatchMeter } from '#src/domain/series/match-meter.ts';
import type { Matcher } from '#src/domain/series/matcher.ts';
import { compileMatcher, type ValueTest } from '#src/domain/series/matchers.ts';

/** Row number in DatasetSignatures. */
export type SignatureId = number;

/**
 * What a dataset is, apart from when and where: every segment repeats the same few, so each is kept once and a
 * dataset is a number here, a time and a place.
 */
export type Signature = Kind & { readonly tenant: string };

/** What tenants have in common: services and profile types of the same names. */
type Kind = { readonly service: string; readonly labels: readonly Labels[] };

/** Every signature with a label set that satisfies the matchers, with these label sets, and others if that took too long. */
export type SignatureMatches = ReadonlyMap<SignatureId, readonly Labels[]>;

/** All signatures there ever were, and postings that find them by tenant and labels. */
export class DatasetSignatures {
  readonly #signatures: Signature[] = [];
  readonly #tenants = new Map<string, TenantSignatures>();
  /** Each string, label set and kind is kept once for all tenants. */
  readonly #strings = new Map<string, string>();
  readonly #labelSets = new Map<string, Labels>();
  readonly #kinds = new Map<string, Kind>();

  get count(): number {
    return this.#signatures.length;
  }

  /** The number of the dataset's signature, a new one if nobody had it before. */
  intern({ tenant, service, labels }: DatasetMeta): SignatureId {
    let own = this.#tenants.get(tenant);
    if (own === undefined) {
      own = { name: tenant, byKind: new Map(), all: [], postings: new Map() };
      this.#tenants.set(tenant, own);
    }
    const kind = this.#kind(service, labels);
    const known = own.byKind.get(kind);
    if (known !== undefined) return known;

    const signature = { tenant: own.name, ...kind };
    const id = this.#signatures.push(signature) - 1;
    own.byKind.set(kind, id);
    addPostings(own, id, signature);
    return id;
  }

  signatureAt(id: SignatureId): Signature {
    return this.#signatures[id];
  }

  /**
   * What matches, and, when it would take longer than the meter allows to tell, what may: a condition whose expression
   * is too costly accepts every value, and so does every expression from when the time is up.
   *
   * @throws StoreError 'invalid-argument' when an expression cannot be compiled
   */
  match(tenants: Iterable<string>, matchers: readonly Matcher[], meter: MatchMeter): SignatureMatches {
    const conditions = matchers.map((matcher) => ({ ...matcher, accepts: memoised(testOf(matcher, meter)) }));
    const satisfies = memoised((labels: Labels) =>
      conditions.every(({ name, accepts }) => accepts(valueOf(labels, name) ?? '')),
    );
    const matches = new Map<SignatureId, readonly Labels[]>();
    for (const tenant of new Set(tenants)) {
      const own = this.#tenants.get(tenant);
      if (own === undefined) continue;
      for (const id of candidates(own, conditions)) {
        const found = this.#signatures[id].labels.filter(satisfies);
        if (found.length > 0) matches.set(id, found);
      }
    }
    return matches;
  }

  #kind(service: string, labels: readonly Labels[]): Kind {
    return kept(this.#kinds, JSON.stringify([service, ...labels.map(keyOf)]), () => ({
      service: this.#string(service),
      labels: labels.map((set) => this.#labelSet(set)),
    }));
  }

  #labelSet(labels: Labels): Labels {
    return kept(this.#labelSets, JSON.stringify(keyOf(labels)), () =>
      labels.map(({ name, value }) => ({ name: this.#string(name), value: this.#string(value) })),
    );
  }

  #string(text: string): string {
    return kept(this.#strings, text, () => text);
  }
}

type TenantSignatures = {
  readonly name: string;
  readonly byKind: Map<Kind, SignatureId>;
  readonly all: SignatureId[];
  /** Name → value → the signatures with a label set that has it. */
  readonly postings: Map<string, Map<string, SignatureId[]>>;
};

type Condition = Matcher & { readonly accepts: ValueTest };

function testOf(matcher: Matcher, meter: MatchMeter): ValueTest {
  const cost = matcherCost(matcher);
  if (cost === 0) return compileMatcher(matcher);
  if (!meter.compiles(cost)) return () => true;
  const test = compileMatcher(matcher);
  return (value) => !meter.hasTime || !meter.fits(cost * value.length) || meter.measured(() => test(value));
}

function addPostings({ all, postings }: TenantSignatures, id: SignatureId, { labels }: Signature): void {
  all.push(id);
  for (const { name, value } of labels.flat()) {
    const values = kept(postings, name, () => new Map<string, SignatureId[]>());
    const posting = kept(values, value, () => [id]);
    // Ids rise, so a signature that has the label in several sets is the last one already.
    if (posting[posting.length - 1] !== id) posting.push(id);
  }
}

/**
 * Signatures among which all matching ones are: those that the postings of the most selective condition name. A
 * condition that accepts absence says nothing about what is in a posting, so with no other kind all are candidates.
 */
function candidates({ all, postings }: TenantSignatures, conditions: readonly Condition[]): Iterable<SignatureId> {
  let fewest: SignatureId[][] | undefined;
  let fewestCount = Number.POSITIVE_INFINITY;
  for (const condition of conditions) {
    if (condition.accepts('')) continue;
    const lists = postingsOf(postings.get(condition.name), condition);
    const count = lists.reduce((sum, list) => sum + list.length, 0);
    if (count < fewestCount) [fewest, fewestCount] = [lists, count];
  }
  return fewest ? new Set(fewest.flat()) : all;
}

function postingsOf(values: Map<string, SignatureId[]> | undefined, condition: Condition): SignatureId[][] {
  if (values === undefined) return [];
  if (condition.operator === '=') return [values.get(condition.value) ?? []];
  return [...values].filter(([text]) => condition.accepts(text)).map(([, posting]) => posting);
}

function keyOf(labels: Labels): string[] {
  return labels.flatMap(({ name, value }) => [name, value]);
}

function kept<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}

/** Many label sets share a value, and many signatures a label set: what is asked twice is answered from memory. */
function memoised<K>(test: (key: K) => boolean): (key: K) => boolean {
  const known = new Map<K, boolean>();
  return (key) => kept(known, key, () => test(key));
}

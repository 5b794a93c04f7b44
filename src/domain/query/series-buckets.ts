import { StoreError } from '#src/domain/errors.ts';
import { compareUtf8, type Label, type Labels, valueOf } from '#src/domain/model/labels.ts';
import type { DurationMs, TimeRange, UnixMs } from '#src/domain/model/units.ts';
import { profileIdText } from './profile-selectors.ts';

const stepSecondsMin = 0.001;

/**
 * The points of one dataset, a row per profile.
 *
 * @shapes series Uint32Array[n] (rows of `labels`), timeMs Float64Array[n], value BigInt64Array[n],
 *         profileIds Uint8Array[16 * n]; undefined when nobody asks for exemplars
 */
export type ProfilePoints = {
  readonly labels: readonly Labels[];
  readonly series: Uint32Array;
  readonly timeMs: Float64Array;
  readonly value: BigInt64Array;
  readonly profileIds: Uint8Array | undefined;
};

/** One profile that stands for a point. */
export type Exemplar = {
  /** The profile's own time, not that of the point. */
  readonly timeMs: UnixMs;
  readonly profileId: string;
  readonly value: bigint;
  /** Those of the series that the answer's series does not have. */
  readonly labels: Labels;
};

/**
 * Sums per group and step: what a read node reports, and what merging reports gives again.
 *
 * @shapes    group Uint32Array[n] (rows of `groups`), timeMs Float64Array[n], value BigInt64Array[n];
 *            exemplars[n], or none at all when nobody asks for them
 * @invariant sorted by group, then time; groups by compareLabelLists; no pair of group and time twice
 */
export type BucketedSeries = {
  readonly groups: readonly (readonly Label[])[];
  readonly group: Uint32Array;
  readonly timeMs: Float64Array;
  readonly value: BigInt64Array;
  readonly exemplars: readonly Exemplar[];
};

export type BucketQuery = TimeRange & {
  readonly stepMs: DurationMs;
  readonly groupBy: readonly string[];
  readonly exemplars: boolean;
};

/** One series of the answer, its points by time. */
export type Series = {
  readonly labels: readonly Label[];
  readonly timeMs: Float64Array;
  readonly value: BigInt64Array;
  readonly exemplars: readonly Exemplar[];
};

/**
 * The length of a step.
 *
 * @returns undefined for steps that are not finite: they pass the check, as they always have, and nothing fits in them
 * @throws  StoreError 'invalid-argument' below a millisecond
 */
export function stepMsOf(stepSeconds: number): DurationMs | undefined {
  if (stepSeconds < stepSecondsMin) {
    throw new StoreError('invalid-argument', `step ${stepSeconds} s is below the minimum of ${stepSecondsMin} s`);
  }
  const stepMs = Math.trunc(stepSeconds * 1_000);
  return Number.isSafeInteger(stepMs) ? stepMs : undefined;
}

/** What must be read for a range: one step more, because points stand at the right edge of their steps. */
export function readRangeOf({ startMs, endMs, stepMs }: TimeRange & { readonly stepMs: DurationMs }): TimeRange {
  return { startMs: startMs - stepMs, endMs };
}

/**
 * Adds up profiles per group and step.
 *
 *     start - step        start        start + step       end
 *          [----------------]----------------]---------      the last, unfinished step is left out
 *            point at start   point at start + step
 *
 * A group has the values of the labels in `groupBy`, in that order; a label that a series lacks, its group lacks too.
 *
 * One exemplar per point: the profile with the highest value; of equals the earliest, then the first by id. A profile
 * that several series of a group share is one candidate, with the sum of its values and the labels they agree on.
 */
export function bucketPoints(points: ProfilePoints, query: BucketQuery): BucketedSeries {
  const sums = new BucketSums();
  const groupOf = points.labels.map((labels) => sums.groupOf(groupLabels(labels, query.groupBy)));
  const candidates = query.exemplars ? new Map<string, Exemplar & { at: number }>() : undefined;
  const restOf = candidates && points.labels.map((labels) => exemplarLabels(labels, query.groupBy));

  for (let i = 0; i < points.series.length; i++) {
    const timeMs = points.timeMs[i];
    const edgeMs = edgeOf(timeMs, query);
    if (edgeMs === undefined) continue;
    const series = points.series[i];
    const at = sums.add(groupOf[series], edgeMs, points.value[i]);
    if (!candidates || !restOf || !points.profileIds) continue;

    const profileId = profileIdText(points.profileIds, i);
    const key = `${at} ${timeMs} ${profileId}`;
    const same = candidates.get(key);
    const value = points.value[i] + (same?.value ?? 0n);
    const labels = same ? common(same.labels, restOf[series]) : restOf[series];
    candidates.set(key, { at, timeMs, profileId, value, labels });
  }
  for (const { at, ...exemplar } of candidates?.values() ?? []) sums.offer(at, exemplar);
  return sums.sorted();
}

/**
 * Adds up the reports of several datasets. Of exemplars of one profile the one with the higher value counts, with the
 * labels that both have.
 */
export function mergeBucketedSeries(reports: readonly BucketedSeries[]): BucketedSeries {
  const sums = new BucketSums();
  for (const report of reports) {
    const groupOf = report.groups.map((labels) => sums.groupOf(labels));
    for (let i = 0; i < report.group.length; i++) {
      const at = sums.add(groupOf[report.group[i]], report.timeMs[i], report.value[i]);
      if (report.exemplars.length > 0) sums.offer(at, report.exemplars[i]);
    }
  }
  return sums.sorted();
}

/**
 * The series of the answer: those with the largest sums first, of equals by their labels.
 *
 * @param limit <= 0 or undefined: all
 */
export function topSeries(report: BucketedSeries, limit: number | undefined): Series[] {
  const all: { series: Series; sum: bigint; group: number }[] = [];
  for (let start = 0; start < report.group.length; ) {
    const group = report.group[start];
    let end = start;
    let sum = 0n;
    for (; end < report.group.length && report.group[end] === group; end++) sum += report.value[end];
    const series: Series = {
      labels: report.groups[group],
      timeMs: report.timeMs.slice(start, end),
      value: report.value.slice(start, end),
      exemplars: report.exemplars.slice(start, end),
    };
    all.push({ series, sum, group });
    start = end;
  }
  // Groups are in the order of their labels already.
  all.sort((a, b) => (a.sum === b.sum ? a.group - b.group : a.sum > b.sum ? -1 : 1));
  const kept = limit !== undefined && limit > 0 ? all.slice(0, limit) : all;
  return kept.map(({ series }) => series);
}

/** Orders label sets that are not sorted by name: label by label, the name before the value. */
export function compareLabelLists(a: readonly Label[], b: readonly Label[]): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const order = compareUtf8(a[i].name, b[i].name) || compareUtf8(a[i].value, b[i].value);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

/** Sums under way: a slot per pair of group and edge. */
class BucketSums {
  readonly #groups: (readonly Label[])[] = [];
  readonly #groupOfKey = new Map<string, number>();
  readonly #slots: Map<UnixMs, number>[] = [];
  readonly #slotGroup: number[] = [];
  readonly #slotTimeMs: UnixMs[] = [];
  readonly #values: bigint[] = [];
  readonly #exemplars: Exemplar[] = [];

  groupOf(labels: readonly Label[]): number {
    // Lengths tell where a text ends, whatever is in it.
    let key = '';
    for (const { name, value } of labels) key += `${name.length} ${value.length} ${name}${value}`;
    const known = this.#groupOfKey.get(key);
    if (known !== undefined) return known;
    this.#groupOfKey.set(key, this.#groups.length);
    this.#slots.push(new Map());
    return this.#groups.push(labels) - 1;
  }

  /** @returns the slot */
  add(group: number, edgeMs: UnixMs, value: bigint): number {
    const slots = this.#slots[group];
    let slot = slots.get(edgeMs);
    if (slot === undefined) {
      slot = this.#values.push(0n) - 1;
      slots.set(edgeMs, slot);
      this.#slotGroup.push(group);
      this.#slotTimeMs.push(edgeMs);
    }
    this.#values[slot] = saturated(this.#values[slot] + value);
    return slot;
  }

  offer(slot: number, exemplar: Exemplar): void {
    const best = this.#exemplars[slot];
    if (best === undefined) {
      this.#exemplars[slot] = exemplar;
      return;
    }
    const winner = isBetter(exemplar, best) ? exemplar : best;
    const same = exemplar.profileId === best.profileId;
    this.#exemplars[slot] = same ? { ...winner, labels: common(best.labels, exemplar.labels) } : winner;
  }

  sorted(): BucketedSeries {
    const order = this.#groups.map((_, group) => group);
    order.sort((a, b) => compareLabelLists(this.#groups[a], this.#groups[b]));
    const placeOf = new Uint32Array(order.length);
    for (let i = 0; i < order.length; i++) placeOf[order[i]] = i;

    const slots = Uint32Array.from({ length: this.#values.length }, (_, slot) => slot);
    slots.sort((a, b) => {
      const byGroup = placeOf[this.#slotGroup[a]] - placeOf[this.#slotGroup[b]];
      return byGroup !== 0 ? byGroup : this.#slotTimeMs[a] - this.#slotTimeMs[b];
    });
    const values = this.#values;
    return {
      groups: order.map((group) => this.#groups[group]),
      group: slots.map((slot) => placeOf[this.#slotGroup[slot]]),
      timeMs: Float64Array.from(slots, (slot) => this.#slotTimeMs[slot]),
      value: BigInt64Array.from({ length: slots.length }, (_, i) => values[slots[i]]),
      exemplars: this.#exemplars.length > 0 ? Array.from(slots, (slot) => this.#exemplars[slot]) : [],
    };
  }
}

const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

/** As in trees, a sum that does not fit stops at the last number that does. */
function saturated(sum: bigint): bigint {
  if (sum > INT64_MAX) return INT64_MAX;
  return sum < INT64_MIN ? INT64_MIN : sum;
}

/** The right edge of the step that a time is in; undefined outside of all steps. */
function edgeOf(timeMs: UnixMs, { startMs, endMs, stepMs }: BucketQuery): UnixMs | undefined {
  if (timeMs < startMs - stepMs) return undefined;
  const edgeMs = startMs + Math.max(Math.ceil((timeMs - startMs) / stepMs), 0) * stepMs;
  return edgeMs <= endMs ? edgeMs : undefined;
}

function groupLabels(labels: Labels, groupBy: readonly string[]): Label[] {
  const group: Label[] = [];
  for (const name of groupBy) {
    const value = valueOf(labels, name);
    if (value !== undefined) group.push({ name, value });
  }
  return group;
}

/**
 * The labels without those grouped by. Both lists are walked once, side by side, so a name in `groupBy` that comes
 * after a name it sorts before stays on the exemplar: clients have always got it so.
 */
function exemplarLabels(labels: Labels, groupBy: readonly string[]): Labels {
  let next = 0;
  return labels.filter(({ name }) => {
    while (next < groupBy.length && compareUtf8(groupBy[next], name) < 0) next++;
    return groupBy[next] !== name;
  });
}

function common(a: Labels, b: Labels): Labels {
  return a.filter(({ name, value }) => valueOf(b, name) === value);
}

function isBetter(a: Exemplar, b: Exemplar): boolean {
  if (a.value !== b.value) return a.value > b.value;
  return a.timeMs !== b.timeMs ? a.timeMs < b.timeMs : a.profileId < b.profileId;
}

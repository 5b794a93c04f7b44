import { StoreError } from '#src/domain/errors.ts';
import { compareUtf8, type Label, type Labels, valueOf } from '#src/domain/model/labels.ts';
import { mapKey } from '#src/domain/model/map-key.ts';
import { inSteps, STEP_ROWS, type Steps } from '#src/domain/model/steps.ts';
import type { DurationMs, TimeRange, UnixMs } from '#src/domain/model/units.ts';
import { sortedRows } from '#src/domain/profile/name-table.ts';
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
 * Adds up profiles per group and step, and what other nodes added up.
 *
 *     start - step        start        start + step       end
 *          [----------------]----------------]---------      the last, unfinished step is left out
 *            point at start   point at start + step
 *
 * A group has the values of the labels in `groupBy`, in that order; a label that a series lacks, its group lacks too.
 *
 * One exemplar per point: the profile with the highest value; of equals the earliest, then the first by id. A profile
 * that several series of a group share is one candidate, with the sum of its values and the labels they agree on; of one
 * that several datasets have, the higher value counts, with the labels that both have.
 */
export class SeriesBuckets {
  readonly #groups: (readonly Label[])[] = [];
  readonly #groupOfKey = new Map<string, number>();
  /** By group: a slot per edge. */
  readonly #slots: Map<UnixMs, number>[] = [];
  readonly #values: bigint[] = [];
  readonly #exemplars: Exemplar[] = [];

  /** Adds the profiles of one dataset. @cost O(points) */
  *addPoints(points: ProfilePoints, query: BucketQuery): Steps<void> {
    const { groupBy } = query;
    const groupOf = yield* this.#groupsOf(points.labels, (labels) => groupLabels(labels, groupBy), groupBy.length);
    if (query.exemplars && points.profileIds !== undefined) {
      yield* this.#addWithExemplars(points, points.profileIds, groupOf, query);
      return;
    }
    const { series, timeMs, value } = points;
    yield* inSteps(
      0,
      series.length,
      (start, end) => this.#addRows(groupOf, query, series, timeMs, value, start, end),
      STEP_POINTS,
    );
  }

  /** Adds the report of another node. @cost O(points) */
  *addReport({ groups, group, timeMs, value, exemplars }: BucketedSeries): Steps<void> {
    const groupOf = yield* this.#groupsOf(groups, (labels) => labels, 1);
    yield* inSteps(
      0,
      group.length,
      (start, end) => {
        for (let i = start; i < end; i++) {
          const slot = this.#add(groupOf[group[i]], timeMs[i], value[i]);
          if (exemplars.length > 0) this.#offer(slot, exemplars[i]);
        }
      },
      STEP_POINTS,
    );
  }

  /** The report. @cost O(n log n) */
  *take(): Steps<BucketedSeries> {
    const groups = this.#groups;
    const order = yield* sortedRows(
      Uint32Array.from(groups, (_, row) => row),
      (a, b) => compareLabelLists(groups[a], groups[b]),
    );
    const n = this.#values.length;
    const report = {
      groups: Array.from(order, (row) => groups[row]),
      ...{ group: new Uint32Array(n), timeMs: new Float64Array(n), value: new BigInt64Array(n) },
      exemplars: new Array<Exemplar>(this.#exemplars.length > 0 ? n : 0),
    };
    let [to, work] = [0, 0];
    for (let place = 0; place < order.length; place++) {
      const slots = this.#slots[order[place]];
      for (const edgeMs of Float64Array.from(slots.keys()).sort()) {
        const slot = slots.get(edgeMs) ?? 0; // The key is one of its own.
        report.group[to] = place;
        report.timeMs[to] = edgeMs;
        report.value[to] = this.#values[slot];
        if (report.exemplars.length > 0) report.exemplars[to] = this.#exemplars[slot];
        to++;
      }
      work += slots.size + 1;
      if (work < STEP_POINTS) continue;
      work = 0;
      yield;
    }
    return report;
  }

  #addRows(
    groupOf: Uint32Array,
    query: BucketQuery,
    series: Uint32Array,
    timeMs: Float64Array,
    value: BigInt64Array,
    start: number,
    end: number,
  ): void {
    for (let i = start; i < end; i++) {
      const edgeMs = edgeOf(timeMs[i], query);
      if (edgeMs !== undefined) this.#add(groupOf[series[i]], edgeMs, value[i]);
    }
  }

  *#addWithExemplars(
    points: ProfilePoints,
    profileIds: Uint8Array,
    groupOf: Uint32Array,
    query: BucketQuery,
  ): Steps<void> {
    const candidates = new Map<string, Exemplar & { slot: number }>();
    const restOf: Labels[] = [];
    const pace = new LabelPace();
    for (const labels of points.labels) {
      if (pace.isOver(labels.length + query.groupBy.length)) yield;
      restOf.push(exemplarLabels(labels, query.groupBy));
    }
    yield* inSteps(
      0,
      points.series.length,
      (start, end) => {
        for (let i = start; i < end; i++) {
          const timeMs = points.timeMs[i];
          const edgeMs = edgeOf(timeMs, query);
          if (edgeMs === undefined) continue;
          const series = points.series[i];
          const slot = this.#add(groupOf[series], edgeMs, points.value[i]);
          const profileId = profileIdText(profileIds, i);
          const key = `${slot} ${timeMs} ${profileId}`;
          const same = candidates.get(key);
          const value = points.value[i] + (same?.value ?? 0n);
          const labels = same ? common(same.labels, restOf[series]) : restOf[series];
          candidates.set(key, { slot, timeMs, profileId, value, labels });
        }
      },
      STEP_POINTS / 4,
    );
    let work = 0;
    for (const { slot, ...exemplar } of candidates.values()) {
      this.#offer(slot, exemplar);
      if (++work % STEP_POINTS === 0) yield;
    }
  }

  /** @param looks  at each label of a set, to find those of its group */
  *#groupsOf(
    all: readonly (readonly Label[])[],
    labelsOf: (one: readonly Label[]) => readonly Label[],
    looks: number,
  ): Steps<Uint32Array> {
    const groups = new Uint32Array(all.length);
    const pace = new LabelPace();
    for (let i = 0; i < all.length; i++) {
      if (pace.isOver(looks * (all[i].length + 1))) yield;
      const labels = labelsOf(all[i]);
      const text = groupText(labels);
      pace.took(text.length);
      groups[i] = this.#groupOf(labels, text);
    }
    return groups;
  }

  #groupOf(labels: readonly Label[], text: string): number {
    const key = mapKey(text);
    const known = this.#groupOfKey.get(key);
    if (known !== undefined) return known;
    this.#groupOfKey.set(key, this.#groups.length);
    this.#slots.push(new Map());
    return this.#groups.push(labels) - 1;
  }

  /** @returns the slot */
  #add(group: number, edgeMs: UnixMs, value: bigint): number {
    const slots = this.#slots[group];
    const slot = slots.get(edgeMs);
    if (slot !== undefined) {
      this.#values[slot] = saturated(this.#values[slot] + value);
      return slot;
    }
    slots.set(edgeMs, this.#values.length);
    return this.#values.push(value) - 1;
  }

  #offer(slot: number, exemplar: Exemplar): void {
    const best = this.#exemplars[slot];
    if (best === undefined) {
      this.#exemplars[slot] = exemplar;
      return;
    }
    const winner = isBetter(exemplar, best) ? exemplar : best;
    const same = exemplar.profileId === best.profileId;
    this.#exemplars[slot] = same ? { ...winner, labels: common(best.labels, exemplar.labels) } : winner;
  }
}

/** Lengths tell where a name or a value ends, whatever is in it; and it begins with a digit, or is empty. */
function groupText(labels: readonly Label[]): string {
  let text = '';
  for (const { name, value } of labels) text += `${name.length} ${value.length} ${name}${value}`;
  return text;
}

/** Label sets that become groups in one step: their texts become a key. */
const STEP_GROUPS = STEP_ROWS / 16;

/** Looks at labels that take as long as the key of a set. */
const LOOKS_OF_SET = 8;

/** Characters of a key that take as long as one look. */
const CHARACTERS_OF_LOOK = 64;

/** Tells when a step is over in which label sets are looked at. */
class LabelPace {
  #done = 0;

  /** @param looks  at labels of one more set */
  isOver(looks: number): boolean {
    this.#done += LOOKS_OF_SET + looks;
    if (this.#done < LOOKS_OF_SET * STEP_GROUPS) return false;
    this.#done = 0;
    return true;
  }

  /** @param characters  that became a key */
  took(characters: number): void {
    this.#done += Math.floor(characters / CHARACTERS_OF_LOOK);
  }
}

/** Points that are added up in one step: each is looked for in a map. */
const STEP_POINTS = STEP_ROWS / 4;

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

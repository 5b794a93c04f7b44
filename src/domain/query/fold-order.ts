import { assert } from '#src/platform/assert.ts';

/** Reports that are merged at once in the normal course: enough to keep the rounds few, few enough to hold. */
const FULL_GROUP = 16;

/** A report in its place, or the place of one that is still to come. */
type Place<Report> = {
  /** How many rounds of merging are behind it. */
  level: number;
  report: Report | undefined;
  previous: Place<Report> | undefined;
  next: Place<Report> | undefined;
};

/** Neighbours that were taken out to be merged. */
export type FoldGroup<Report> = { readonly first: Place<Report>; readonly reports: readonly Report[] };

/**
 * Decides which reports of a query are merged with which.
 *
 *     reads     0  1  2  3  4  5  6  7        in the order of the plan
 *     reports   a  .  b  c  d  .  .  e        as they come
 *     groups          '-----'                 neighbours, no gap between them
 *
 * Only neighbours are merged, in their order, so the answer is the same whichever report comes first. Sixteen of one
 * level are a group: every report is then merged about log16(n) times. When memory is short, any neighbours are.
 */
export class FoldOrder<Report> {
  readonly #places: Place<Report>[];
  #first: Place<Report>;
  /** Reports that are still to come, from reads or from merges. */
  #missing: number;

  /** @param count of reads, at least 1 */
  constructor(count: number) {
    assert(count > 0, 'a plan without reads has nothing to fold');
    this.#places = Array.from({ length: count }, () => ({
      level: 0,
      report: undefined,
      previous: undefined,
      next: undefined,
    }));
    for (let i = 1; i < count; i++) {
      this.#places[i].previous = this.#places[i - 1];
      this.#places[i - 1].next = this.#places[i];
    }
    this.#first = this.#places[0];
    this.#missing = count;
  }

  /** Puts the report of a read into its place. @returns the group that is full with it */
  arrive(read: number, report: Report): FoldGroup<Report> | undefined {
    return this.#settle(this.#places[read], report);
  }

  /** Puts what became of a group into its place. @returns the group that is full with it */
  merged(group: FoldGroup<Report>, report: Report): FoldGroup<Report> | undefined {
    return this.#settle(group.first, report);
  }

  /** Takes out everything that has a neighbour: what can be merged right now to hold less. */
  takeNeighbours(): FoldGroup<Report>[] {
    const groups: FoldGroup<Report>[] = [];
    for (let place: Place<Report> | undefined = this.#first; place !== undefined; place = place.next) {
      if (place.report === undefined || place.next?.report === undefined) continue;
      groups.push(this.#take(place, Number.POSITIVE_INFINITY));
    }
    return groups;
  }

  /** Takes all reports out that are in their places. */
  takeAll(): Report[] {
    const reports: Report[] = [];
    for (let place: Place<Report> | undefined = this.#first; place !== undefined; place = place.next) {
      if (place.report !== undefined) reports.push(place.report);
      place.report = undefined;
    }
    return reports;
  }

  #settle(place: Place<Report>, report: Report): FoldGroup<Report> | undefined {
    place.report = report;
    this.#missing--;
    if (this.#missing === 0) {
      return this.#first.next === undefined ? undefined : this.#take(this.#first, Number.POSITIVE_INFINITY);
    }
    const alike = (other: Place<Report> | undefined): boolean =>
      other?.report !== undefined && other.level === place.level;
    let first = place;
    while (first.previous !== undefined && alike(first.previous)) first = first.previous;
    let length = 0;
    for (let last: Place<Report> | undefined = first; alike(last); last = last?.next) length++;
    return length >= FULL_GROUP ? this.#take(first, FULL_GROUP) : undefined;
  }

  /** Up to so many neighbours, whose places become one that waits for their report. */
  #take(first: Place<Report>, lengthMax: number): FoldGroup<Report> {
    const reports: Report[] = [];
    let after: Place<Report> | undefined = first;
    while (after?.report !== undefined && reports.length < lengthMax) {
      reports.push(after.report);
      first.level = Math.max(first.level, after.level);
      after = after.next;
    }
    first.level++;
    first.report = undefined;
    first.next = after;
    if (after !== undefined) after.previous = first;
    this.#missing++;
    return { first, reports };
  }
}

import type { Label } from '#src/domain/model/labels.ts';
import type { KernelInstance, Pointer } from './instance.ts';
import type { DecodedProfile } from './pprof-decode.ts';

/** The number of a group whose samples are not stored. */
export const DROPPED_GROUP = 0xffffffff;

/** What a sample label key stands for, as in wasm/label-groups.ts. */
const Role = { span: 1, trace: 2 } as const;

/** pprof labels that are no labels of a series. `profile_id` is what old tracers call the span id. */
const ROLE_OF_KEY: ReadonlyMap<string, number> = new Map([
  ['span_id', Role.span],
  ['profile_id', Role.span],
  ['trace_id', Role.trace],
]);

/** A set of labels that samples have in common. */
export type LabelGroup = { readonly group: number; readonly labels: readonly Label[] };

/** One row of the profiles of a dataset: what a run of samples has of one sample type. */
export type ProfileRow = {
  /** The number that `appendSamples` got for the groups of the run. */
  readonly series: number;
  /** Index of the sample type. */
  readonly type: number;
  readonly family: number;
  /** Of the family. */
  readonly run: number;
  readonly total: bigint;
};

/** Bytes of a row in the kernel's result: wasm/ingest-samples.ts, "rows". */
const ROW_BYTES = 24;

/**
 * Finds the samples worth keeping, and how they are labelled.
 *
 * @returns the number of samples kept, and the groups that they are in, by order of first appearance. The labels of a group
 *          are read when it is asked for, so that whoever refuses one does not pay for the others
 * @cost    O(labels), plus the distinct strings of those that are asked for
 */
export function groupSamples(
  kernels: KernelInstance,
  profile: DecodedProfile,
): { keptCount: number; groupCount: number; groups: Iterable<LabelGroup> } {
  const { exports } = kernels;
  const keyCount = exports.collectLabelKeys(profile.pointer) >>> 0;
  for (const key of kernels.takeU32(exports.labelKeys.value >>> 0, keyCount)) {
    const role = ROLE_OF_KEY.get(profile.string(key));
    if (role !== undefined) exports.setLabelRole(key, role);
  }
  exports.groupSamples(profile.pointer);
  const keptCount = exports.keepSamples(profile.pointer) >>> 0;
  const groupCount = exports.tableRows(exports.groupTable.value) >>> 0;
  return { keptCount, groupCount, groups: labelGroups(kernels, profile, usedGroups(kernels, keptCount, groupCount)) };
}

/**
 * Brings the kept samples into a dataset and their stacktraces into a symbol space.
 *
 * @param seriesOfGroup   Uint32Array[groupCount]; groups with equal numbers become one run
 * @param seriesCount     what the numbers are below; DROPPED_GROUP is not stored
 * @param familyOfSeries  Uint32Array[parts * seriesCount]: the family of each series, for the first `columnsMax`
 *                        sample types, then for the next ones, and so on
 */
export function appendSamples(
  kernels: KernelInstance,
  profile: DecodedProfile,
  target: { readonly space: Pointer; readonly dataset: Pointer },
  keptCount: number,
  series: { readonly seriesOfGroup: Uint32Array; readonly seriesCount: number; readonly familyOfSeries: Uint32Array },
): ProfileRow[] {
  const { exports } = kernels;
  exports.sourceRowsReset(profile.pointer);
  exports.appendSamples(
    profile.pointer,
    target.space,
    target.dataset,
    keptCount,
    kernels.putColumn(series.seriesOfGroup),
    series.seriesCount,
    kernels.putColumn(series.familyOfSeries),
  );
  const first = exports.resultRows.value >>> 0;
  const u32 = kernels.u32();
  const i64 = kernels.i64();
  return Array.from({ length: exports.rowCount.value >>> 0 }, (_, i) => {
    const at = first + i * ROW_BYTES;
    return {
      series: u32[at >>> 2],
      type: u32[(at >>> 2) + 1],
      family: u32[(at >>> 2) + 2],
      run: u32[(at >>> 2) + 3],
      total: i64[(at >>> 3) + 2],
    };
  });
}

function usedGroups(kernels: KernelInstance, keptCount: number, groupCount: number): number[] {
  if (groupCount === 1) return [0];
  const u32 = kernels.u32();
  const kept = kernels.exports.keptSamples.value >>> 2;
  const groupOf = kernels.exports.sampleGroup.value >>> 2;
  const isUsed = new Uint8Array(groupCount);
  const used: number[] = [];
  for (let k = 0; k < keptCount; k++) {
    const group = u32[groupOf + u32[kept + k]];
    if (isUsed[group] === 1) continue;
    isUsed[group] = 1;
    used.push(group);
  }
  return used;
}

/** @order before the kernels do anything else with labels */
function* labelGroups(
  kernels: KernelInstance,
  profile: DecodedProfile,
  groups: readonly number[],
): Generator<LabelGroup> {
  const labelsOf = labelReader(kernels, profile);
  for (const group of groups) yield { group, labels: labelsOf(group) };
}

/** Reads the labels of groups. Groups that have a label in common share its object. */
function labelReader(kernels: KernelInstance, profile: DecodedProfile): (group: number) => Label[] {
  const table = kernels.exports.groupTable.value;
  const offsets = kernels.exports.tableOffsets(table) >>> 2;
  const pairs = kernels.exports.tableBytes(table) >>> 2;
  // By name and value apart: the hash of a number can be foreseen, and pairs be chosen so that they meet in one place of a
  // map. Of single strings there are too few for that.
  const known = new Map<number, Map<number, Label>>();
  const text = profile.stringReader();
  return (group) => {
    const u32 = kernels.u32();
    const labels: Label[] = [];
    const end = pairs + (u32[offsets + group + 1] >>> 2);
    for (let at = pairs + (u32[offsets + group] >>> 2); at < end; at += 2) {
      const name = u32[at];
      const value = u32[at + 1];
      let ofName = known.get(name);
      if (ofName === undefined) {
        ofName = new Map();
        known.set(name, ofName);
      }
      let label = ofName.get(value);
      if (label === undefined) {
        label = { name: text(name), value: text(value) };
        ofName.set(value, label);
      }
      labels.push(label);
    }
    return labels;
  };
}

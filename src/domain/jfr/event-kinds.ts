import type { WantedField } from './value-plan.ts';

// Which events become samples of which profile. Names and units are those of Pyroscope.
// @source reference of the write path, "Events used"

type ValueType = { readonly type: string; readonly unit: string };

/** One profile of a recording: all events that are counted alike. */
export type ProfileFamily = {
  readonly name: string;
  /** One, or a count of events with a sum. */
  readonly sampleTypes: readonly ValueType[];
  readonly periodType: ValueType | undefined;
  /** Events are counted, and each stands for a period of the sample rate. */
  readonly timed: boolean;
};

const COUNT = 'count';
const BYTES = 'bytes';
const NANOSECONDS = 'nanoseconds';

export const FAMILIES = {
  cpu: timed('process_cpu', 'cpu'),
  wall: timed('wall', 'wall'),
  inNewTlab: summed('memory', ['alloc_in_new_tlab_objects', 'alloc_in_new_tlab_bytes', BYTES], ['space', BYTES]),
  outsideTlab: summed('memory', ['alloc_outside_tlab_objects', 'alloc_outside_tlab_bytes', BYTES], ['space', BYTES]),
  allocationSample: summed('memory', ['alloc_sample_objects', 'alloc_sample_bytes', BYTES], ['space', BYTES]),
  lock: summed('mutex', ['contentions', 'delay', NANOSECONDS], ['mutex', COUNT]),
  park: summed('block', ['contentions', 'delay', NANOSECONDS], ['block', COUNT]),
  live: {
    name: 'memory',
    sampleTypes: [{ type: 'live', unit: COUNT }],
    periodType: { type: 'objects', unit: COUNT },
    timed: false,
  },
  malloc: summed('memory', ['malloc_objects', 'malloc_bytes', BYTES], undefined),
} as const satisfies Record<string, ProfileFamily>;

export type FamilyName = keyof typeof FAMILIES;

export const FAMILY_NAMES = Object.keys(FAMILIES) as readonly FamilyName[];

/** What is read of events. */
export const Slot = {
  stackTrace: 0,
  state: 1,
  /** What is summed up, or how many samples an event stands for. */
  value: 2,
  contextId: 3,
  spanId: 4,
  spanName: 5,
  traceIdHigh: 6,
  traceIdLow: 7,
  settingName: 8,
  settingValue: 9,
} as const;

export const SLOT_COUNT = 10;

/** How the events of one name are counted. */
export type EventKind = {
  readonly event: string;
  /** Where they are counted. Samples of threads decide themselves. */
  readonly family: FamilyName | 'execution' | 'wall-clock' | 'setting';
  /** The value is a duration in the ticks of the chunk. */
  readonly ticks: boolean;
  readonly wanted: ReadonlyMap<string, WantedField>;
};

const STACK_TRACE = { stackTrace: constant(Slot.stackTrace, 'jdk.types.StackTrace') };
const STATE = { state: constant(Slot.state, 'jdk.types.ThreadState') };
const CORRELATION = {
  contextId: value(Slot.contextId, 'long'),
  spanId: value(Slot.spanId, 'long'),
  spanName: value(Slot.spanName, 'long'),
  traceIdHi: value(Slot.traceIdHigh, 'long'),
  traceIdLo: value(Slot.traceIdLow, 'long'),
};

export const EVENT_KINDS: readonly EventKind[] = [
  kind('jdk.ExecutionSample', 'execution', { ...STACK_TRACE, ...STATE, ...CORRELATION }),
  kind('profiler.WallClockSample', 'wall-clock', {
    ...STACK_TRACE,
    ...STATE,
    ...CORRELATION,
    samples: value(Slot.value, 'int'),
  }),
  kind('jdk.ObjectAllocationInNewTLAB', 'inNewTlab', {
    ...STACK_TRACE,
    ...CORRELATION,
    tlabSize: value(Slot.value, 'long'),
  }),
  kind('jdk.ObjectAllocationOutsideTLAB', 'outsideTlab', {
    ...STACK_TRACE,
    ...CORRELATION,
    allocationSize: value(Slot.value, 'long'),
  }),
  kind('jdk.ObjectAllocationSample', 'allocationSample', { ...STACK_TRACE, weight: value(Slot.value, 'long') }),
  kind('jdk.JavaMonitorEnter', 'lock', { ...STACK_TRACE, ...CORRELATION, duration: value(Slot.value, 'long') }),
  kind('jdk.ThreadPark', 'park', { ...STACK_TRACE, duration: value(Slot.value, 'long') }),
  kind('profiler.LiveObject', 'live', STACK_TRACE),
  kind('profiler.Malloc', 'malloc', { ...STACK_TRACE, size: value(Slot.value, 'long') }),
  kind('jdk.ActiveSetting', 'setting', {
    name: value(Slot.settingName, 'java.lang.String'),
    value: value(Slot.settingValue, 'java.lang.String'),
  }),
];

function timed(name: string, type: string): ProfileFamily {
  return { name, sampleTypes: [{ type, unit: NANOSECONDS }], periodType: { type, unit: NANOSECONDS }, timed: true };
}

function summed(
  name: string,
  [countType, sumType, sumUnit]: readonly [string, string, string],
  period: readonly [string, string] | undefined,
): ProfileFamily {
  return {
    name,
    sampleTypes: [
      { type: countType, unit: COUNT },
      { type: sumType, unit: sumUnit },
    ],
    periodType: period && { type: period[0], unit: period[1] },
    timed: false,
  };
}

function kind(event: string, family: EventKind['family'], wanted: Readonly<Record<string, WantedField>>): EventKind {
  return { event, family, ticks: family === 'lock' || family === 'park', wanted: new Map(Object.entries(wanted)) };
}

function constant(slot: number, type: string): WantedField {
  return { slot, type, shape: 'constant' };
}

function value(slot: number, type: string): WantedField {
  return { slot, type, shape: 'value' };
}

import type { Steps } from '#src/domain/model/steps.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import { type ChunkHeader, readChunkHeader } from './chunk-header.ts';
import { type ChunkTypes, readMetadata } from './chunk-metadata.ts';
import { readConstantPools } from './constant-pools.ts';
import { EVENT_KINDS, type EventKind, FAMILY_NAMES, type FamilyName, SLOT_COUNT, Slot } from './event-kinds.ts';
import { FrameReader, KNOWN_LENGTH_MAX, NO_STACK, UNFINISHED } from './frame-reader.ts';
import { JfrCursor, TEXT_LENGTH_MAX } from './jfr-cursor.ts';
import { malformedJfr } from './malformed-jfr.ts';
import type { RecordedStacks } from './recorded-stacks.ts';
import type { SampleLabels } from './sample-labels.ts';
import type { SampleSums } from './sample-sums.ts';
import { StepWork } from './step-work.ts';
import { type PlannedFields, runPlan, type ValuePlan, ValuePlanner, ValueSlots } from './value-plan.ts';
import type { TableMeans } from './word-table.ts';

/** What is known of a recording, and grows chunk by chunk. */
export type RecordingSoFar = {
  readonly stacks: RecordedStacks;
  readonly labels: SampleLabels;
  readonly sums: SampleSums;
  readonly means: TableMeans;
  readonly planned: PlannedFields;
  /** What async-profiler was told to sample by, as it said last. */
  event: string;
};

/** Of events, what is gone through in a step. The smallest that need a text to be looked at take most of a microsecond. */
const STEP_BYTES: Bytes = 32 << 10;

const NANOSECONDS_PER_SECOND = 1e9;

/**
 * Adds the samples of one chunk.
 *
 *     | header | event | event | ... | constants | metadata |     in any order behind the header
 *
 * @returns where the chunk ends
 * @throws StoreError 'invalid-argument' when it is malformed
 */
export function* readChunk(recording: Uint8Array, start: Bytes, soFar: RecordingSoFar): Steps<Bytes> {
  // There may be very many small ones.
  yield;
  const header = readChunkHeader(recording, start);
  const cursor = new JfrCursor(recording, header.metadataStart, header.end);
  const { means } = soFar;
  const { memory } = means;
  const work = new StepWork();
  const types = yield* readMetadata(cursor, memory, work);
  const planner = new ValuePlanner(types, header.metadataStart, soFar.planned);
  const pools = yield* readConstantPools(cursor, header, { types, planner, means, work });
  const frames = new FrameReader(recording, header.end, pools, planner, soFar.stacks);
  memory.take(frames.sizeBytes);
  const events = new ChunkEvents(cursor, header, plansOf(types, planner), frames, soFar);
  while (events.read()) yield;
  events.finish();
  // The types and constants of the next chunk are others.
  memory.give(Object.values(pools).reduce((sum, { sizeBytes }) => sum + sizeBytes, frames.sizeBytes));
  memory.give(types.sizeBytes);
  return header.end;
}

type PlannedEvent = { readonly kind: EventKind; readonly plan: ValuePlan; readonly slots: ValueSlots };

/** By the id of the type. */
function plansOf(types: ChunkTypes, planner: ValuePlanner): Map<number, PlannedEvent> {
  const plans = new Map<number, PlannedEvent>();
  for (const kind of EVENT_KINDS) {
    const type = types.byName.get(kind.event);
    if (type === undefined) continue;
    plans.set(type.id, { kind, plan: planner.planOf(type, kind.wanted), slots: new ValueSlots(SLOT_COUNT) });
  }
  return plans;
}

/** Goes through the events of a chunk, step by step. */
class ChunkEvents {
  readonly #cursor: JfrCursor;
  readonly #header: ChunkHeader;
  readonly #plans: ReadonlyMap<number, PlannedEvent>;
  readonly #frames: FrameReader;
  readonly #soFar: RecordingSoFar;
  /** The value of the setting that says what was sampled by, where there is one: its text, or the key of its constant. */
  #event: ValueSlots | undefined;
  #next: Bytes;

  constructor(
    cursor: JfrCursor,
    header: ChunkHeader,
    plans: ReadonlyMap<number, PlannedEvent>,
    frames: FrameReader,
    soFar: RecordingSoFar,
  ) {
    this.#cursor = cursor;
    this.#header = header;
    this.#plans = plans;
    this.#frames = frames;
    this.#soFar = soFar;
    this.#next = header.eventsStart;
  }

  /** Reads for one step. @returns whether there is more */
  read(): boolean {
    const cursor = this.#cursor;
    const { end } = this.#header;
    const stop = Math.min(this.#next + STEP_BYTES, end);
    const frames = this.#frames;
    frames.beginStep();
    while (this.#next < stop && !frames.stepIsOver) {
      const start = this.#next;
      cursor.position = start;
      cursor.end = end;
      const size = cursor.number('the size of an event');
      if (size === 0 || size > end - start) {
        throw malformedJfr(`an event of ${size} bytes, where ${end - start} are left in the chunk`, start);
      }
      this.#next = start + size;
      cursor.end = this.#next;
      cursor.long();
      const planned = this.#plans.get(cursor.unsigned());
      if (planned === undefined) continue;
      runPlan(planned.plan, cursor, planned.slots);
      if (this.#take(planned.kind, planned.slots)) continue;
      // The step is over, and the event is read again in the next one.
      this.#next = start;
      break;
    }
    return this.#next < end;
  }

  /** @order when all is read */
  finish(): void {
    if (this.#event !== undefined) this.#soFar.event = this.#frames.textOf(this.#event, 0, TEXT_LENGTH_MAX);
  }

  /** Settings may be as many as events, and all of one long text: of each only so much is read as says what it is. */
  #takeSetting(slots: ValueSlots): void {
    if (this.#frames.textOf(slots, Slot.settingName, KNOWN_LENGTH_MAX) !== 'event') return;
    this.#soFar.event = this.#frames.textOf(slots, Slot.settingValue, KNOWN_LENGTH_MAX);
    this.#event ??= new ValueSlots(1);
    this.#event.low[0] = slots.low[Slot.settingValue];
    this.#event.high[0] = slots.high[Slot.settingValue];
    this.#event.text[0] = slots.text[Slot.settingValue];
  }

  /** @returns false when its stacktrace is unfinished */
  #take(kind: EventKind, slots: ValueSlots): boolean {
    if (kind.family === 'setting') {
      this.#takeSetting(slots);
      return true;
    }
    const stack = this.#frames.stackOf(slots.low[Slot.stackTrace], slots.high[Slot.stackTrace]);
    if (stack === UNFINISHED) return false;
    // An event is a sample by its stacktrace, which may have no frames.
    if (stack === NO_STACK) return true;
    const labelSet = this.#soFar.labels.setOf(slots);
    if (kind.family === 'execution' || kind.family === 'wall-clock') {
      this.#takeThread(kind.family, slots, stack, labelSet);
      return true;
    }
    const { sums } = this.#soFar;
    let low = slots.low[Slot.value];
    let high = slots.high[Slot.value];
    if (kind.ticks && this.#header.ticksPerSecond !== NANOSECONDS_PER_SECOND) {
      const nanos = nanosOf(low, high, this.#header.ticksPerSecond);
      low = (nanos % 2 ** 32) | 0;
      high = Math.floor(nanos / 2 ** 32);
    }
    sums.add(numberOf(kind.family), stack, labelSet, 1, low, high);
    return true;
  }

  /** A sample of a thread counts as time on the CPU, as time that passed, or as both. */
  #takeThread(family: 'execution' | 'wall-clock', slots: ValueSlots, stack: number, labelSet: number): void {
    const { sums, event } = this.#soFar;
    const state = this.#frames.threadStateOf(slots.low[Slot.state], slots.high[Slot.state]);
    const onCpu =
      family === 'execution' ? state !== 'unknown' && state !== 'sleeping' : event === 'wall' && state === 'runnable';
    const passed = family === 'wall-clock' || event === 'wall';
    const count = family === 'execution' ? 1 : slots.low[Slot.value] >>> 0;
    if (count === 0) return;
    if (onCpu) sums.add(numberOf('cpu'), stack, labelSet, count, 0, 0);
    if (passed) sums.add(numberOf('wall'), stack, labelSet, count, 0, 0);
  }
}

const familyNumbers = new Map(FAMILY_NAMES.map((name, number) => [name, number]));

function numberOf(family: FamilyName): number {
  return familyNumbers.get(family) ?? 0;
}

/** As the JDK's own tool converts durations: a quotient of floating point numbers, cut, also where it is negative. */
function nanosOf(low: number, high: number, ticksPerSecond: number): number {
  const ticks = high * 2 ** 32 + (low >>> 0);
  const nanos = Math.trunc(ticks / (ticksPerSecond / NANOSECONDS_PER_SECOND));
  return Math.max(-(2 ** 63), Math.min(nanos, 2 ** 63 - 1024));
}

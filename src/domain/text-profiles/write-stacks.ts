import type { Steps } from '#src/domain/model/steps.ts';
import type { UnixNanos } from '#src/domain/model/units.ts';
import { PprofBuilder, type SizeLimit } from '#src/domain/pprof/pprof-builder.ts';
import type { CollectedStacks } from './stack-collector.ts';
import type { ValueKind } from './value-kind.ts';

/** Frames that are written in one step, at some 50 ns each; one that is written for the first time costs as much as a hundred. */
const STEP_FRAMES = 1 << 16;
const NEW_FRAMES = 100;

/** Of a name that is written: so many bytes cost as much as a frame. */
const FRAME_BYTES = 32;

const INT64_MAX = 2n ** 63n - 1n;

export type WriteOptions = {
  readonly timeNanos: UnixNanos;
  readonly sizeLimit: SizeLimit;
  /** What a value of one is written as. Default 1. No value becomes more than the largest that there is. */
  readonly scale?: bigint | undefined;
};

/**
 * Writes stacks as pprof: a function and a location per name, a sample per stack that has a value.
 *
 * @returns undefined when no stack has a value
 * @throws  StoreError 'invalid-argument' when the profile is over its limit
 * @cost    O(rows + bytes of the profile)
 */
export function* writeStacks(
  stacks: CollectedStacks,
  { sampleType, periodNanos }: ValueKind,
  { timeNanos, sizeLimit, scale = 1n }: WriteOptions,
): Steps<Uint8Array | undefined> {
  const { parent, name, value } = stacks;
  const builder = new PprofBuilder({
    ...{ sampleTypes: [sampleType], timeNanos, durationNanos: 0n, period: periodNanos ?? 0n, sizeLimit },
    periodType: periodNanos === undefined ? undefined : PERIOD_TYPE,
  });
  const locations = new Uint32Array(stacks.names.length);
  const mapping = builder.mapping({ hasFunctions: true });
  let sampleCount = 0;
  let frames = 0;
  const locationOf = (number: number): number => {
    if (locations[number] === 0) {
      // Names differ, and so does all that is made of them.
      const bytes = stacks.names.bytesOf(number);
      const fn = builder.newFunction({ name: builder.bytes(bytes) });
      locations[number] = builder.newLocation({ mapping, lines: [{ function: fn }] });
      frames += NEW_FRAMES + Math.floor(bytes.length / FRAME_BYTES);
    }
    return locations[number];
  };

  // Row 0 is the stack without frames, whose sample has no locations.
  for (let row = 0; row < value.length; row++) {
    frames++;
    if (value[row] > 0n) {
      const stack: number[] = [];
      for (let at = row; at > 0; at = parent[at]) stack.push(locationOf(name[at]));
      builder.sample(stack, [scaled(value[row], scale)]);
      sampleCount++;
      frames += stack.length;
    }
    if (frames < STEP_FRAMES) continue;
    frames = 0;
    yield;
  }
  return sampleCount > 0 ? yield* builder.takeInSteps() : undefined;
}

const PERIOD_TYPE = { type: 'cpu', unit: 'nanoseconds' };

function scaled(value: bigint, scale: bigint): bigint {
  const product = value * scale;
  return product > INT64_MAX ? INT64_MAX : product;
}

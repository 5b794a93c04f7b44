import { quoted } from '#src/domain/model/printable.ts';
import { STEP_ROWS, type Steps } from '#src/domain/model/steps.ts';
import { undecodableUpload } from '#src/domain/upload/upload.ts';
import type { SpeedscopeProfile } from './speedscope-reader.ts';

/**
 * The weights of a profile by stack, not rounded.
 *
 * @throws StoreError 'invalid-argument' when its parts do not fit together
 * @shapes Float64Array[profile.stacks.length]
 */
export function weightsByStack(profile: SpeedscopeProfile): Steps<Float64Array> {
  if (profile.type === 'sampled') return sampledWeights(profile);
  if (profile.type === 'evented') return eventedWeights(profile);
  throw fault(profile, `its type is ${quoted(profile.type)}, and not "sampled" or "evented"`);
}

function* sampledWeights(profile: SpeedscopeProfile): Steps<Float64Array> {
  const { samples, weights, stacks } = profile;
  if (samples.length !== weights.length) {
    throw fault(profile, `it has ${samples.length} samples and ${weights.length} weights`);
  }
  const sums = new Float64Array(stacks.length);
  for (let i = 0; i < samples.length; i++) {
    if (i % STEP_ROWS === 0) yield;
    const weight = weights.at(i);
    if (weight < 0) throw fault(profile, `the weight of sample ${i} is negative: ${weight}`);
    sums[samples.at(i)] += weight;
  }
  return sums;
}

/** The time between two events is that of the frames that are open, and so is what is left until the end. */
function* eventedWeights(profile: SpeedscopeProfile): Steps<Float64Array> {
  const { events, times, stacks } = profile;
  const sums = new Array<number>(stacks.length).fill(0);
  /** Frames that are open, and the stack of each. */
  const openFrames: number[] = [];
  const rows: number[] = [0];
  let before = times.length > 0 ? times.at(0) : 0;
  for (let i = 0; i < events.length; i++) {
    if (i % STEP_ROWS === 0) yield;
    const time = times.at(i);
    if (!(time >= before)) throw fault(profile, `event ${i} is at ${time}, and the one before it at ${before}`);
    const row = rows[rows.length - 1];
    // In between of calls nothing was measured.
    if (row > 0) sums[row] += time - before;
    before = time;
    const frame = Math.floor(events.at(i) / 2);
    if (events.at(i) % 2 === 0) {
      const child = stacks.childOf(row, frame);
      if (child === sums.length) sums.push(0);
      openFrames.push(frame);
      rows.push(child);
      continue;
    }
    const open = openFrames.pop();
    if (open !== frame) {
      throw fault(
        profile,
        `event ${i} closes frame ${frame}, and ${open === undefined ? 'none' : `frame ${open}`} is open`,
      );
    }
    rows.pop();
  }
  // Whoever stops in the middle of a call closes nothing.
  if (openFrames.length > 0) sums[rows[rows.length - 1]] += Math.max(0, profile.endValue - before);
  return Float64Array.from(sums);
}

function fault({ name }: SpeedscopeProfile, what: string) {
  return undecodableUpload('speedscope', `profile ${quoted(name)}: ${what}`);
}

import { tooManySampleTypes } from './profile-errors.ts';

/**
 * Sample types of a profile. Those of Go have four, and JFR has one for each kind of event.
 *
 * Each is a column with labels of its own for every series of the profile, and takes six bytes of a pprof: four megabytes of
 * nothing else would keep a thread for seconds.
 */
export const sampleTypesMax = 1024;

/** @throws StoreError 'invalid-argument' */
export function checkSampleTypeCount(count: number): void {
  if (count > sampleTypesMax) throw tooManySampleTypes(sampleTypesMax, count);
}

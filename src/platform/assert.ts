import { AssertionError } from 'node:assert';

/**
 * States what must be true here for the following lines to be right.
 *
 * @throws AssertionError when it is not; the message says what was expected, with the values
 */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError({ message });
}

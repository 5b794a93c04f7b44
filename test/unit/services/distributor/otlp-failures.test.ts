import { deepEqual, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { StoreError, toWire } from '#src/domain/errors.ts';
import { notConvertible } from '#src/domain/otlp/otlp-errors.ts';
import { OtlpFailures } from '#src/services/distributor/otlp-failures.ts';

const refused = (message: string): StoreError => new StoreError('invalid-argument', message);

/** @param sources  of the opened profiles; @param unconverted  the first fault of those that never were */
function failures(sources: readonly number[], unconverted?: StoreError, count = 1): OtlpFailures {
  return new OtlpFailures({
    sources: Uint32Array.from(sources),
    rejected:
      unconverted === undefined
        ? { count: 0, error: undefined, reasons: {} }
        : { count, error: toWire(unconverted), reasons: {} },
  });
}

describe('OtlpFailures', () => {
  test('says nothing where nothing failed', () => {
    deepEqual(failures([]).outcome(), { rejectedProfiles: 0, message: '' });
    deepEqual(failures([0, 1]).outcome(), { rejectedProfiles: 0, message: '' });
  });

  test('counts profiles of the message, not what they were split into', () => {
    const two = failures([0, 0, 1]);
    two.note(1, refused('the second part'));
    two.note(0, refused('the first part'));
    deepEqual(two.outcome(), { rejectedProfiles: 1, message: 'the first part' });
  });

  test('is no failure where a part of the only profile is stored', () => {
    const one = failures([0, 0]);
    one.note(1, refused('a label of the second part'));
    deepEqual(one.outcome(), { rejectedProfiles: 1, message: 'a label of the second part' });
    one.note(0, refused('the first part'));
    throws(() => one.outcome(), { code: 'invalid-argument', message: 'the first part' });
  });

  test('adds what could not be converted', () => {
    const some = failures([1, 3], notConvertible('no stack'), 2);
    some.note(0, refused('too old'));
    deepEqual(some.outcome(), { rejectedProfiles: 3, message: 'the OTLP profile cannot be converted: no stack' });
  });

  test('is the fault itself where nothing is stored', () => {
    throws(() => failures([], notConvertible('no stack')).outcome(), {
      message: /no stack/,
      details: { stage: 'conversion', reason: 'malformed_profile' },
    });
    const all = failures([0, 1]);
    all.note(1, refused('b'));
    all.note(0, refused('a'));
    throws(() => all.outcome(), { code: 'invalid-argument', message: 'a' });
  });

  test('passes over attributes of samples as Pyroscope does, but says so', () => {
    const error = notConvertible('no attribute', {}, 'sample-attributes');
    deepEqual(failures([], error).outcome().rejectedProfiles, 1);
    const refusedToo = failures([0], error);
    refusedToo.note(0, refused('too old'));
    throws(() => refusedToo.outcome(), /too old/);
  });

  test('is whatever it helps to send again for, though some are refused', () => {
    const mixed = failures([0, 1, 2]);
    mixed.note(0, refused('too old'));
    mixed.note(2, new StoreError('unavailable', 'later'));
    throws(() => mixed.outcome(), { code: 'unavailable' });
    const buggy = failures([0, 1]);
    buggy.note(0, new TypeError('x is undefined'));
    throws(() => buggy.outcome(), TypeError);
  });
});

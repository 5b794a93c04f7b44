import { equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { profileNameOf } from '#src/domain/series/profile-name.ts';

describe('profileNameOf', () => {
  for (const [sampleTypes, name] of [
    [['samples', 'cpu'], 'process_cpu'],
    [['samples'], 'process_cpu'],
    [['samples', 'wall'], 'wall'],
    [['cpu', 'wall'], 'wall'],
    [['alloc_space'], 'memory'],
    [['inuse_objects', 'inuse_space'], 'memory'],
    [['space'], 'memory'],
    [['objects'], 'memory'],
    [['goroutine'], 'goroutines'],
    [['contentions', 'delay'], 'mutex'],
    [['delay'], 'mutex'],
    [['foo', 'bar'], 'bar'],
    [['constructor'], 'constructor'],
  ] as const) {
    test(`without configuration, ${sampleTypes.join(' and ')} make ${name}`, () => {
      equal(profileNameOf(sampleTypes, undefined), name);
    });
  }

  test('goes by the display names of the client', () => {
    equal(profileNameOf(['contentions', 'delay'], { contentions: 'block_count', delay: 'block_duration' }), 'block');
    equal(profileNameOf(['goroutine'], { goroutine: 'goroutines' }), 'goroutines');
    equal(profileNameOf(['foo'], { foo: 'my_cpu_thing' }), 'process_cpu');
    equal(profileNameOf(['foo', 'bar'], { bar: 'baz' }), 'baz');
  });

  test('uses no default once the client sent a configuration', () => {
    equal(profileNameOf(['goroutine'], {}), 'goroutine');
    equal(profileNameOf(['contentions', 'delay'], { other: 'x' }), 'delay');
  });

  test('takes an empty display name for none', () => {
    equal(profileNameOf(['foo'], { foo: '' }), 'foo');
  });
});

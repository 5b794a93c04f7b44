import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { decodeProfile } from '#src/domain/pprof/decode.ts';
import {
  AGENT_TYPES,
  type EventSpec,
  type FieldSpec,
  JfrBytes,
  jfrChunk,
  type TypeSpecs,
} from '../../../fixtures/jfr-builder.ts';
import { labelsSnapshot } from '../../../fixtures/labels-snapshot.ts';
import { bounds, convert, shown, stepsOf, uploadOf } from './converted.ts';

const profilesOf = (...events: EventSpec[]) => convert(uploadOf(jfrChunk({ events }))).map(shown);
const setting = (value: string): EventSpec => ({ event: 'jdk.ActiveSetting', name: 'event', value });

describe('convertJfr', () => {
  test('makes a profile of each kind of event', () => {
    const stack = 'Main.run:3;a/B.work:7';

    const profiles = profilesOf(
      { event: 'jdk.ExecutionSample', stack },
      { event: 'profiler.WallClockSample', stack, samples: 3 },
      { event: 'jdk.ObjectAllocationInNewTLAB', stack, allocationSize: 16, tlabSize: 1024 },
      { event: 'jdk.ObjectAllocationOutsideTLAB', stack, allocationSize: 2048 },
      { event: 'jdk.ObjectAllocationSample', stack, weight: 4096 },
      { event: 'jdk.JavaMonitorEnter', stack, duration: 500 },
      { event: 'jdk.ThreadPark', stack, duration: 600 },
      { event: 'profiler.LiveObject', stack, allocationSize: 24 },
      { event: 'profiler.Malloc', stack, address: 1, size: 77 },
      { event: 'profiler.Free', stack, address: 1 },
    );

    deepEqual(profiles, [
      { type: 'process_cpu cpu/nanoseconds period cpu/nanoseconds', samples: [`${stack} 10000000`] },
      { type: 'wall wall/nanoseconds period wall/nanoseconds', samples: [`${stack} 30000000`] },
      {
        type: 'memory alloc_in_new_tlab_objects/count alloc_in_new_tlab_bytes/bytes period space/bytes',
        samples: [`${stack} 1 1024`],
      },
      {
        type: 'memory alloc_outside_tlab_objects/count alloc_outside_tlab_bytes/bytes period space/bytes',
        samples: [`${stack} 1 2048`],
      },
      {
        type: 'memory alloc_sample_objects/count alloc_sample_bytes/bytes period space/bytes',
        samples: [`${stack} 1 4096`],
      },
      { type: 'mutex contentions/count delay/nanoseconds period mutex/count', samples: [`${stack} 1 500`] },
      { type: 'block contentions/count delay/nanoseconds period block/count', samples: [`${stack} 1 600`] },
      { type: 'memory live/count period objects/count', samples: [`${stack} 1`] },
      { type: 'memory malloc_objects/count malloc_bytes/bytes', samples: [`${stack} 1 77`] },
    ]);
  });

  test('counts a thread as on the CPU unless it sleeps or its state is unknown', () => {
    const profiles = profilesOf(
      { event: 'jdk.ExecutionSample', stack: 'A.a', state: 'STATE_RUNNABLE' },
      { event: 'jdk.ExecutionSample', stack: 'A.b', state: 'STATE_IN_OBJECT_WAIT' },
      { event: 'jdk.ExecutionSample', stack: 'A.c', state: 'STATE_SLEEPING' },
      { event: 'jdk.ExecutionSample', stack: 'A.d', stateKey: 4711 },
    );

    deepEqual(profiles[0]?.samples, ['A.a 10000000', 'A.b 10000000']);
    const unknown = { ...AGENT_TYPES, 'jdk.ExecutionSample': AGENT_TYPES['jdk.ExecutionSample']!.slice(0, 2) };
    const events = [{ event: 'jdk.ExecutionSample', stack: 'A.a' }];
    deepEqual(convert(uploadOf(jfrChunk({ events, types: unknown }))), []);
  });

  test('takes samples of threads for both when the wall clock was asked for', () => {
    const profiles = profilesOf(
      setting('wall'),
      { event: 'jdk.ExecutionSample', stack: 'A.a', state: 'STATE_SLEEPING' },
      { event: 'profiler.WallClockSample', stack: 'A.b', state: 'STATE_RUNNABLE', samples: 2 },
      { event: 'profiler.WallClockSample', stack: 'A.c', state: 'STATE_SLEEPING', samples: 4 },
    );

    deepEqual(
      profiles.map(({ samples }) => samples),
      [['A.b 20000000'], ['A.a 10000000', 'A.b 20000000', 'A.c 40000000']],
    );
  });

  test('knows in each chunk what was sampled by, when only the first one says it', () => {
    const runnable: EventSpec = {
      event: 'profiler.WallClockSample',
      stack: 'A.a',
      samples: 1,
      state: 'STATE_RUNNABLE',
    };
    const recording = Buffer.concat([jfrChunk({ events: [setting('wall')] }), jfrChunk({ events: [runnable] })]);
    const profiles = convert(uploadOf(recording));

    deepEqual(
      profiles.map((one) => [shown(one).type.split(' ')[0], shown(one).samples]),
      [
        ['process_cpu', ['A.a 10000000']],
        ['wall', ['A.a 10000000']],
      ],
    );
    ok(profiles.every(({ labels }) => labels.some(({ name, value }) => name === 'jfr_event' && value === 'wall')));
  });

  test('keeps the tag of a request that says what was sampled by, when the recording does not', () => {
    const tags = [{ name: 'jfr_event', value: 'mine' }];
    const eventsOf = (...events: EventSpec[]) =>
      convert(uploadOf(jfrChunk({ events }), { tags }))[0]?.labels.filter(({ name }) => name === 'jfr_event');
    const live: EventSpec = { event: 'profiler.LiveObject', stack: 'A.a' };

    deepEqual(eventsOf(live), tags);
    deepEqual(eventsOf(live, setting('')), tags);
    deepEqual(eventsOf(live, setting('wall')), [{ name: 'jfr_event', value: 'wall' }]);
  });

  test('counts the samples of a wall clock event once, and not for the events behind it', () => {
    const profiles = profilesOf(
      { event: 'profiler.WallClockSample', stack: 'A.a', samples: 7 },
      { event: 'jdk.ExecutionSample', stack: 'A.a' },
      { event: 'jdk.ObjectAllocationInNewTLAB', stack: 'A.a', tlabSize: 8 },
    );

    deepEqual(
      profiles.map(({ samples }) => samples),
      [['A.a 10000000'], ['A.a 70000000'], ['A.a 1 8']],
    );
  });

  test('sums up events of one stacktrace, also across chunks that number it differently', () => {
    const first = jfrChunk({
      events: [
        { event: 'profiler.Malloc', stack: 'A.a:1;A.b:2', size: 5 },
        { event: 'profiler.Malloc', stack: 'A.a:1;A.c', size: 1 },
        { event: 'profiler.Malloc', stack: 'A.a:1;A.b:2', size: 6 },
      ],
    });
    const second = jfrChunk({
      events: [
        { event: 'profiler.Malloc', stack: 'Other.x', size: 3 },
        { event: 'profiler.Malloc', stack: 'A.a:1;A.b:2', size: 7 },
        { event: 'profiler.Malloc', stack: 'A.a:1;A.b:3', size: 9 },
      ],
      firstKey: 1n << 40n,
    });

    const [profile] = convert(uploadOf(Buffer.concat([first, second]))).map(shown);

    deepEqual(profile?.samples, ['A.a:1;A.b:2 3 18', 'A.a:1;A.b:3 1 9', 'A.a:1;A.c 1 1', 'Other.x 1 3']);
  });

  test('sums up negative values too, and stops where 64 bits end', () => {
    const [profile] = profilesOf(
      { event: 'profiler.Malloc', stack: 'A.a', size: 2n ** 62n },
      { event: 'profiler.Malloc', stack: 'A.a', size: 2n ** 62n + 5n },
      { event: 'profiler.Malloc', stack: 'A.b', size: -4n },
      { event: 'profiler.Malloc', stack: 'A.b', size: 2n ** 32n - 1n },
      { event: 'profiler.Malloc', stack: 'A.b', size: 6n },
      { event: 'profiler.Malloc', stack: 'A.c', size: 3n },
      { event: 'profiler.Malloc', stack: 'A.c', size: -(2n ** 32n) - 5n },
      { event: 'profiler.Malloc', stack: 'A.d', size: -(2n ** 63n) },
      { event: 'profiler.Malloc', stack: 'A.d', size: -1n },
    );

    deepEqual(profile?.samples, [
      `A.a 2 ${2n ** 63n - 1n}`,
      `A.b 3 ${2n ** 32n + 1n}`,
      `A.c 2 ${-(2n ** 32n) - 2n}`,
      `A.d 2 ${-(2n ** 63n)}`,
    ]);
  });

  test('converts durations from ticks, as the JDK shows them', () => {
    const events = [
      { event: 'jdk.ThreadPark', stack: 'A.a', duration: 2_799_998_547n },
      { event: 'jdk.JavaMonitorEnter', stack: 'A.a', duration: 1000 },
      { event: 'jdk.JavaMonitorEnter', stack: 'A.a', duration: 2n ** 62n },
      // A clock was set back.
      { event: 'jdk.JavaMonitorEnter', stack: 'A.b', duration: -5 },
      { event: 'jdk.JavaMonitorEnter', stack: 'A.c', duration: -(2n ** 63n) },
    ];
    const delaysAt = (ticksPerSecond: number) =>
      convert(uploadOf(jfrChunk({ events, ticksPerSecond }))).map((one) => shown(one).samples);

    // 1000 / 2.799998547 is 357.1, -5 is -1.8; 2^62 loses its last digits, as any double does.
    const large = (exponent: number) => BigInt(Math.floor(2 ** exponent / 2.799998547));
    deepEqual(delaysAt(2_799_998_547), [
      [`A.a 2 ${large(62) + 357n}`, 'A.b 1 -1', `A.c 1 ${-large(63)}`],
      ['A.a 1 1000000000'],
    ]);
    deepEqual(delaysAt(1)[0]?.slice(1), ['A.b 1 -5000000000', `A.c 1 ${-(2n ** 63n)}`]);
  });

  test('reads the period off the sample rate, and leaves out times when it is 0', () => {
    const chunk = jfrChunk({
      events: [
        { event: 'jdk.ExecutionSample', stack: 'A.a' },
        { event: 'profiler.WallClockSample', stack: 'A.a', samples: 2 },
        { event: 'profiler.LiveObject', stack: 'A.a' },
      ],
    });

    const samplesAt = (sampleRate: number) =>
      convert(uploadOf(chunk, { sampleRate })).map((one) => shown(one).samples[0]);

    deepEqual(samplesAt(3), ['A.a 333333333', 'A.a 666666666', 'A.a 1']);
    deepEqual(samplesAt(0), ['A.a 1']);
    throws(() => samplesAt(2_000_000_000), { message: /sampleRate: at most 1000000000, .* actual 2000000000/ });
  });

  test('looks at the sample rate only where events are samples of time', () => {
    const events = [
      { event: 'profiler.LiveObject', stack: 'A.a' },
      { event: 'profiler.Malloc', stack: 'A.a', size: 3 },
    ];
    const profiles = convert(uploadOf(jfrChunk({ events }), { sampleRate: 2_000_000_000 }));

    deepEqual(
      profiles.map((one) => shown(one).samples),
      [['A.a 1'], ['A.a 1 3']],
    );
  });

  test('takes time and duration from the request', () => {
    const chunk = jfrChunk({ events: [{ event: 'profiler.LiveObject', stack: 'A.a' }] });
    const timesOf = (fromNanos: bigint, untilNanos: bigint) => {
      const [converted] = convert(uploadOf(chunk, { fromNanos, untilNanos }));
      const { timeNanos, durationNanos, period } = decodeProfile(converted!.profile);
      return [timeNanos, durationNanos, period];
    };

    deepEqual(timesOf(5n, 12n), [5n, 7n, 0n]);
    deepEqual(timesOf(12n, 5n), [12n, 0n, 0n]);
  });

  test('labels profiles with the tags, the application and the event', () => {
    const chunk = jfrChunk({ events: [setting('itimer'), { event: 'profiler.LiveObject', stack: 'A.a' }] });
    const labelsOf = (...tags: string[]) => {
      const pairs = tags.map((tag) => tag.split('=')).map(([name = '', value = '']) => ({ name, value }));
      const [profile] = convert(uploadOf(chunk, { app: 'shop.cpu', tags: pairs }));
      return profile?.labels.map(({ name, value }) => `${name}=${value}`).sort();
    };
    const own = ['__delta__=false', '__name__=memory', 'jfr_event=itimer', 'pyroscope_spy=javaspy'];

    deepEqual(labelsOf(), [...own, 'service_name=shop.cpu']);
    deepEqual(labelsOf('service_name=s'), [...own, 'app_name=shop.cpu', 'service_name=s'].sort());
    deepEqual(labelsOf('service_name=s', 'app_name=n'), [...own, 'app_name=n', 'service_name=s'].sort());
    // What the recording says is true, and a label that is there twice would be refused.
    deepEqual(labelsOf('jfr_event=cpu'), [...own, 'service_name=shop.cpu']);
  });

  test('counts events without frames, and not those without a stacktrace', () => {
    const profiles = profilesOf(
      { event: 'jdk.ExecutionSample', stack: 'A.a' },
      { event: 'jdk.ExecutionSample', stack: '' },
      { event: 'jdk.ExecutionSample', stack: '' },
      { event: 'jdk.ExecutionSample', stackTrace: 4711 },
      { event: 'jdk.ObjectAllocationSample', stack: '', weight: 1000 },
      { event: 'jdk.ObjectAllocationSample', weight: 1 },
    );

    deepEqual(
      profiles.map(({ samples }) => samples),
      [[' 20000000', 'A.a 10000000'], [' 1 1000']],
    );
  });

  test('leaves out frames whose method or class is unknown', () => {
    const events = [
      { event: 'profiler.LiveObject', stack: 'A.a;A.b' },
      { event: 'profiler.LiveObject', stackTrace: 4711 },
      { event: 'profiler.LiveObject', stackTrace: 4712 },
      { event: 'profiler.LiveObject', stackTrace: 4712 },
      { event: 'profiler.LiveObject', stackTrace: 4713 },
    ];
    const stackTrace = (...frames: [method: number, line: number][]) => {
      const bytes = new JfrBytes().raw([0]).int(frames.length);
      for (const [method, line] of frames) bytes.int(method).int(line).int(0).int(0);
      return bytes;
    };
    // Of a class that is not there.
    const method = new JfrBytes().int(888).int(1).int(0).int(0).raw([0]);
    const pools = {
      'jdk.types.Method': [[777, method] as const],
      'jdk.types.StackTrace': [
        [4711, stackTrace([1, -1], [999, 5], [777, 5], [2, 5])] as const,
        [4712, stackTrace([999, 5], [998, 5])] as const,
        [4713, stackTrace([777, 5])] as const,
      ],
    };

    const [profile] = convert(uploadOf(jfrChunk({ events, pools }))).map(shown);

    // Methods are numbered as they are met, leaf first; a line below zero is none. What no frame is left of counts all the
    // same.
    deepEqual(profile?.samples, [' 3', 'A.a:5;A.b 1', 'A.a;A.b 1']);
  });

  const encodings: Record<string, ((bytes: JfrBytes, string: string) => void) | undefined> = {
    'UTF-8': undefined,
    'Latin-1': (bytes, string) => {
      bytes.raw([5]).int(string.length).raw(Buffer.from(string, 'latin1'));
    },
    'single characters': (bytes, string) => {
      bytes.raw([4]).int(string.length);
      for (const char of string) bytes.int(char.charCodeAt(0));
    },
  };
  for (const [encoding, text] of Object.entries(encodings)) {
    test(`reads strings in ${encoding}`, () => {
      const events = [setting('größe'), { event: 'profiler.LiveObject', stack: 'é/B.läuft' }];

      const [converted] = convert(uploadOf(jfrChunk({ events, ...(text ? { text } : {}) })));

      deepEqual(converted && shown(converted).samples, ['é/B.läuft 1']);
      equal(converted?.labels.find(({ name }) => name === 'jfr_event')?.value, 'größe');
    });
  }

  test('reads strings that are constants', () => {
    const constants = ['event', 'wall', 'A', 'run'];
    const pool = constants.map((text, i) => [100 + i, new JfrBytes().text(text)] as const);
    const text = (bytes: JfrBytes, string: string) => {
      const at = constants.indexOf(string);
      if (at === -1) bytes.text(string);
      else bytes.raw([2]).int(100 + at);
    };
    const events = [setting('wall'), { event: 'jdk.ExecutionSample', stack: 'A.run' }];

    const chunk = jfrChunk({ events, text, pools: { 'java.lang.String': pool } });

    deepEqual(
      convert(uploadOf(chunk)).map((one) => shown(one).samples),
      [['A.run 10000000'], ['A.run 10000000']],
    );
  });

  test('takes constants of all checkpoints, the youngest of a key', () => {
    const events = ['A.a', 'A.b', 'B.c;A.a', 'B.d;C.e;A.b'].map((stack) => ({ event: 'profiler.LiveObject', stack }));
    const samples = ['A.a 1', 'A.b 1', 'B.c;A.a 1', 'B.d;C.e;A.b 1'];

    for (const checkpoints of [1, 2, 3, 7]) {
      for (const firstKey of [1n, 1000n, 2n ** 40n, 2n ** 63n]) {
        const chunk = jfrChunk({ events, checkpoints, firstKey });
        deepEqual(convert(uploadOf(chunk)).map(shown)[0]?.samples, samples, `${checkpoints} from ${firstKey}`);
      }
    }
    const twice = [
      [500, new JfrBytes().text('old')],
      [500, new JfrBytes().text('new')],
    ] as const;
    // Part 0 of two is the older checkpoint.
    const chunk = jfrChunk({
      events: [{ event: 'jdk.ActiveSetting', name: 'event', value: 'x' }, ...events],
      text: (bytes, string) => (string === 'x' ? void bytes.raw([2]).int(500) : void bytes.text(string)),
      pools: { 'java.lang.String': twice },
      checkpoints: 2,
    });
    equal(convert(uploadOf(chunk))[0]?.labels.find(({ name }) => name === 'jfr_event')?.value, 'new');
  });

  test('reads past fields of every type, and of types within types', () => {
    const types: TypeSpecs = {
      ...AGENT_TYPES,
      Point: [
        { name: 'x', type: 'float' },
        { name: 'y', type: 'double' },
      ],
      Box: [
        { name: 'from', type: 'Point' },
        { name: 'name', type: 'java.lang.String' },
        { name: 'to', type: 'Point' },
      ],
      'profiler.LiveObject': [
        { name: 'flag', type: 'boolean' },
        { name: 'small', type: 'byte' },
        { name: 'boxes', type: 'Box', kind: 'array' },
        { name: 'keys', type: 'Box', kind: 'constant' },
        { name: 'letter', type: 'char' },
        { name: 'short', type: 'short' },
        { name: 'stackTrace', type: 'jdk.types.StackTrace', kind: 'constant' },
        { name: 'tail', type: 'double' },
      ],
    };
    // A value of a type within is its parts one after the other: a float and a double, a text, and again. What looks
    // like the beginning of a longer integer is none in a float.
    const point = new Uint8Array(12).fill(0xff);
    const box = new JfrBytes().raw(point).text('box').raw(point);
    const events = [{ event: 'profiler.LiveObject', stack: 'A.a', flag: 1, small: 255, letter: 300, short: -1 }];

    const chunk = jfrChunk({ events, types, pools: { Box: [[1, box]] } });

    deepEqual(convert(uploadOf(chunk)).map(shown)[0]?.samples, ['A.a 1']);
  });

  test('takes functions for one that have one name, wherever its class ends', () => {
    // "#" is a point within the name of a class or a method.
    const events = ['a#b.c#d', 'a.b#c#d', 'a#b#c.d', '#.a', '.#a', 'x.', 'x#y.', '.a'].map((stack) => ({
      ...{ event: 'profiler.LiveObject', stack },
    }));
    const chunk = jfrChunk({ events, text: (bytes, text) => bytes.text(text.replaceAll('#', '.')) });

    const profiles = convert(uploadOf(Buffer.concat([chunk, chunk])));

    deepEqual(profiles.map(shown)[0]?.samples, ['..a 4', '.a 2', 'a.b.c.d 6', 'x. 2', 'x.y. 2']);
    deepEqual(
      profiles.map(({ profile }) => decodeProfile(profile).functions.length),
      [5],
    );
    const many = Array.from({ length: 3000 }, (_, i) => ({ event: 'profiler.LiveObject', stack: `A.a#${i}` }));
    const large = jfrChunk({ events: many, text: (bytes, text) => bytes.text(text.replaceAll('#', '.')) });
    deepEqual(
      convert(uploadOf(Buffer.concat([large, large]))).map((one) => shown(one).samples),
      [many.map(({ stack }) => `${stack.replace('#', '.')} 2`).sort()],
    );
  });

  test('reads frames of other shapes', () => {
    const method = { name: 'method', type: 'jdk.types.Method', kind: 'constant' } as const;
    const line = { name: 'lineNumber', type: 'int' } as const;
    const text = { name: 'type', type: 'java.lang.String' } as const;
    const samplesWith = (...frame: FieldSpec[]) => {
      const types = { ...AGENT_TYPES, 'jdk.types.StackFrame': frame };
      const events = ['A.a:3;A.b:4', 'A.b:7'].map((stack) => ({ event: 'profiler.LiveObject', stack }));
      return convert(uploadOf(jfrChunk({ events, types }))).map((one) => shown(one).samples);
    };

    deepEqual(samplesWith(text, line, method), [['A.a:3;A.b:4 1', 'A.b:7 1']]);
    deepEqual(samplesWith(line, method), [['A.a:3;A.b:4 1', 'A.b:7 1']]);
    deepEqual(samplesWith(method), [['A.a;A.b 1', 'A.b 1']]);
    // No method is known, and so no frame is.
    deepEqual(samplesWith(line, text), [[' 2']]);
    deepEqual(samplesWith(line), [[' 2']]);
    const whole = jfrChunk({ events: [{ event: 'profiler.LiveObject', stack: 'A.a:3' }] });
    const without = { ...AGENT_TYPES, 'jdk.types.StackFrame': [method] };
    const chunk = jfrChunk({ events: [{ event: 'profiler.LiveObject', stack: 'B.b' }], types: without });
    const types: TypeSpecs = { ...AGENT_TYPES, 'jdk.types.StackTrace': [{ name: 'truncated', type: 'boolean' }] };
    const noFrames = { events: [{ event: 'profiler.LiveObject', stackTrace: 4711 }], types };
    const pools = { 'jdk.types.StackTrace': [[4711, new JfrBytes().raw([0])] as const] };
    deepEqual(convert(uploadOf(jfrChunk({ ...noFrames, pools }))).map(shown)[0]?.samples, [' 1']);
    // Lines of the chunk before are not those of this one.
    deepEqual(convert(uploadOf(Buffer.concat([whole, chunk]))).map(shown)[0]?.samples, ['A.a:3 1', 'B.b 1']);
  });

  test('reads stacktraces of any depth', () => {
    const depths = [1, 255, 256, 257, 600, 16_384];
    const events = depths.map((depth) => ({
      event: 'profiler.LiveObject',
      stack: Array.from({ length: depth }, (_, i) => `A.m${i % 50}:${depth}`).join(';'),
    }));

    const [profile] = convert(uploadOf(jfrChunk({ events }))).map(shown);

    deepEqual(profile?.samples, events.map(({ stack }) => `${stack} 1`).sort());
    // One that goes on where the other ends, with more frames than there was room for.
    const [long, short] = [700, 200].map((depth) => Array.from({ length: depth }, (_, i) => `B.m${i}`).join(';'));
    const grown = [short, long, short, long].map((stack = '') => ({ event: 'profiler.LiveObject', stack }));
    deepEqual(
      convert(uploadOf(jfrChunk({ events: grown }))).map(shown)[0]?.samples,
      [`${short} 2`, `${long} 2`].sort(),
    );
  });

  test('takes fields of another shape for absent', () => {
    const types: TypeSpecs = {
      ...AGENT_TYPES,
      'profiler.Malloc': [
        { name: 'stackTrace', type: 'jdk.types.StackTrace', kind: 'constant' },
        { name: 'size', type: 'int' },
      ],
      'jdk.ThreadPark': [
        { name: 'duration', type: 'long', kind: 'constant' },
        { name: 'stackTrace', type: 'jdk.types.StackTrace', kind: 'constant' },
      ],
    };
    const events = [
      { event: 'profiler.Malloc', stack: 'A.a', size: 5 },
      { event: 'jdk.ThreadPark', stack: 'A.a', duration: 5 },
    ];

    const profiles = convert(uploadOf(jfrChunk({ events, types }))).map(shown);

    deepEqual(
      profiles.map(({ samples }) => samples),
      [['A.a 1 0'], ['A.a 1 0']],
    );
  });

  test('gives samples the labels of their context, span and trace', () => {
    const snapshot = labelsSnapshot({
      contexts: { 7: { 1: 2, 3: 4, 5: 99 }, 8: { 1: 2, 3: 4 } },
      strings: { 1: 'endpoint', 2: '/pay', 3: 'größe', 4: 'groß', 5: 'lost', 6: 'GET /pay' },
    });
    const event = { event: 'jdk.ExecutionSample', stack: 'A.a' };
    const chunk = jfrChunk({
      events: [
        event,
        { ...event, contextId: 7 },
        { ...event, contextId: 8 },
        { ...event, contextId: 9 },
        { ...event, spanId: 0xff, spanName: 6 },
        { ...event, spanId: 0xff, spanName: 77 },
        { ...event, traceIdHi: 1, traceIdLo: -2 },
        { ...event, traceIdLo: 3 },
        { event: 'jdk.ThreadPark', stack: 'A.a' },
      ],
    });
    const plain = uploadOf(chunk, { jfrLabels: snapshot });

    const [cpu] = convert(plain).map(shown);

    deepEqual(cpu?.samples, [
      'A.a 20000000',
      'A.a {endpoint=/pay größe=groß} 20000000',
      'A.a {profile_id=00000000000000ff span_name=GET /pay} 10000000',
      'A.a {profile_id=00000000000000ff} 10000000',
      'A.a {trace_id=00000000000000000000000000000003} 10000000',
      'A.a {trace_id=0000000000000001fffffffffffffffe} 10000000',
    ]);
    deepEqual(convert({ ...plain, jfrLabels: gzipSync(snapshot) }).map(shown)[0], cpu);
    deepEqual(convert({ ...plain, jfrLabels: new Uint8Array(0) }).map(shown)[0]?.samples[0], 'A.a 40000000');
  });

  test('takes gzip from a form only', () => {
    const chunk = jfrChunk({ events: [{ event: 'profiler.LiveObject', stack: 'A.a' }] });

    equal(convert(uploadOf(gzipSync(chunk), { fromForm: true })).length, 1);
    equal(convert(uploadOf(chunk, { fromForm: true })).length, 1);
    throws(() => convert(uploadOf(gzipSync(chunk))), { message: /it is gzip, which only a file of a form may be/ });
    throws(() => convert(uploadOf(gzipSync(chunk).subarray(0, 200), { fromForm: true })), {
      message: /in the part "jfr", the gzip data is cut off: it ends early, at byte 200/,
    });
    throws(() => convert(uploadOf(Buffer.of(1), { fromForm: true })), { message: /the part "jfr" has 1 bytes/ });
    const zeros = gzipSync(new Uint8Array(bounds.limits.maxProfileSizeBytes + 1));
    throws(() => convert(uploadOf(zeros, { fromForm: true })), {
      message: /--validation.max-profile-size-bytes: limit 67108864/,
    });
  });

  test('inflates a recording in steps', () => {
    const chunk = jfrChunk({ events: [{ event: 'profiler.LiveObject', stack: 'A.a' }] });
    // Behind the recording lies what is no chunk, so that nothing but inflating takes steps.
    const body = gzipSync(Buffer.concat([chunk, Buffer.alloc(20 << 20, 'x')]));
    const steps = stepsOf(uploadOf(body, { fromForm: true }));
    let count = 0;
    throws(
      () => {
        while (!steps.next().done) count++;
      },
      { message: /a chunk begins with 0x78787878/ },
    );

    ok(count > 20, `${count} steps`);
  });

  test('makes nothing of nothing', () => {
    deepEqual(convert(uploadOf(new Uint8Array(0))), []);
    deepEqual(profilesOf(), []);
  });
});

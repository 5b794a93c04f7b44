import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { runSteps } from '#src/domain/model/steps.ts';
import {
  FRAMES_MAX,
  PROFILES_MAX,
  readSpeedscope,
  TEXT_BYTES_MAX,
} from '#src/domain/text-profiles/speedscope-reader.ts';
import { isUndecodable, type Upload } from '#src/domain/upload/upload.ts';
import { testSecret } from '../../../fixtures/hash-secret.ts';
import { Random, runSeed } from '../../../fixtures/random.ts';
import {
  converted,
  converterOf,
  defaultBounds,
  type ReadableProfile,
  stacksOf,
  upload,
} from '../../../fixtures/uploads.ts';

const SCHEMA = 'https://www.speedscope.app/file-format-schema.json';
const frames = [{ name: 'a' }, { name: 'b' }, { name: 'c' }];

type Profile = Readonly<Record<string, unknown>>;

const sampled: Profile = {
  ...{ type: 'sampled', name: 'one', unit: 'milliseconds', startValue: 0, endValue: 12 },
  samples: [
    [0, 1],
    [0, 2],
  ],
  weights: [5, 7],
};

const evented: Profile = {
  ...{ type: 'evented', name: 'e', unit: 'milliseconds', startValue: 0, endValue: 10 },
  events: [
    { type: 'O', frame: 0, at: 0 },
    { type: 'O', frame: 1, at: 2 },
    { type: 'C', frame: 1, at: 6 },
    { type: 'C', frame: 0, at: 10 },
  ],
};

/** Profiles come before the frames that they are of, as py-spy writes them. */
function file(profiles: readonly Profile[], changed: Profile = {}): string {
  return JSON.stringify({ $schema: SCHEMA, profiles, shared: { frames }, exporter: 'x', ...changed });
}

function read(profiles: readonly Profile[], changed: Partial<Upload> = {}): ReadableProfile[] {
  return converted('speedscope', file(profiles), changed);
}

function pickEvents({ events }: Profile): Profile {
  return { events };
}

describe('a speedscope file', () => {
  test('with one profile is what the name of its application says', () => {
    deepEqual(read([sampled]), [
      {
        labels: '__name__=process_cpu, __delta__=false, pyroscope_spy=x, profile_name=one, service_name=shop',
        types: 'cpu/nanoseconds cpu/nanoseconds 10000000',
        timeNanos: 1_700_000_000_000_000_000n,
        stacks: { 'a;b': 5_000_000n, 'a;c': 7_000_000n },
      },
    ]);
  });

  test('with several is what their units say, in the order of their start values', () => {
    const profiles = [
      { ...sampled, name: 'late', unit: 'bytes', startValue: 3 },
      { ...sampled, name: 'early', unit: 'seconds', startValue: 1 },
    ];

    deepEqual(
      read(profiles, { app: 'two' }).map(({ labels, types, stacks }) => [labels, types, stacks]),
      [
        [
          '__name__=wall, __delta__=false, pyroscope_spy=x, profile_name=early, service_name=two',
          'wall/nanoseconds cpu/nanoseconds 10000000',
          { 'a;b': 5_000_000_000n, 'a;c': 7_000_000_000n },
        ],
        [
          '__name__=memory, __delta__=false, pyroscope_spy=x, profile_name=late, service_name=two',
          'samples/bytes',
          { 'a;b': 5n, 'a;c': 7n },
        ],
      ],
    );
  });

  test('has parts of one profile, which have all but their samples in common', () => {
    const [only, ...more] = read([evented, evented, { ...evented, events: [] }], { app: 'three.wall' });

    equal(more.length, 0);
    equal(only?.labels, '__name__=wall, __delta__=false, pyroscope_spy=x, profile_name=e, service_name=three');
    deepEqual(only?.stacks, { a: 12_000_000n, 'a;b': 8_000_000n });
  });

  test('keeps profiles apart that differ in their name, type, unit or start value', () => {
    const others = [
      { name: 'two' },
      { unit: 'seconds' },
      { startValue: 1 },
      { type: 'evented', ...pickEvents(evented) },
    ];

    const profiles = read([sampled, ...others.map((other) => ({ ...sampled, ...other }))], { app: 'x' });

    equal(profiles.length, 5);
    deepEqual(
      profiles.map(({ stacks }) => Object.values(stacks).reduce((sum, value) => sum + value, 0n)),
      [12_000_000n, 12_000_000n, 12_000_000_000n, 10_000_000n, 12_000_000n],
    );
  });

  test('names its profiles, whatever a tag of the request calls them', () => {
    const [profile] = read([sampled], { tags: [{ name: 'profile_name', value: 'mine' }] });

    equal(
      profile?.labels,
      '__name__=process_cpu, __delta__=false, pyroscope_spy=x, profile_name=one, service_name=shop',
    );
  });

  test('may have its parts in any order, parts that nobody knows, nulls, and escapes', () => {
    const text = `{"x":[{"y":[[1,{}]]}],"profiles":[{"weights":[5],"z":null,"samples":[[0,1]],"endValue":null,
      "unit":"\\u0062ytes","name":null,"ty\\u0070e":"sampled","startValue":1e0}],"shared":{"frames":[
      {"file":"f","name":"gr\\u00f6\\u00dfe \\"x\\"","line":null,"col":[1]},{"name":"ü"}]},"$schema":"${SCHEMA}"}`;

    deepEqual(stacksOf('speedscope', text, { app: 'x.bytes' }), { 'größe "x";ü': 5n });
  });

  test('knows frames by their names alone', () => {
    const named = [{ name: 'f', line: 1 }, { name: 'f', line: 2 }, {}];
    const text = file([{ ...sampled, unit: 'bytes' }], { shared: { frames: named } });

    deepEqual(stacksOf('speedscope', text, { app: 'x.bytes' }), { 'f;f': 5n, 'f;': 7n });
  });

  test('without profiles, samples or weights is nothing', () => {
    deepEqual(read([]), []);
    deepEqual(read([{ ...sampled, samples: [], weights: [] }]), []);
    deepEqual(read([{ ...sampled, weights: [0, 0] }]), []);
    deepEqual(read([{ ...sampled, samples: [[], []], weights: [0, 0] }]), []);
    deepEqual(converted('speedscope', `{"$schema":"${SCHEMA}"}`), []);
  });
});

describe('weights', () => {
  test('of samples without frames are those of no frames', () => {
    const samples = [[], [0], []];

    deepEqual(stacksOf('speedscope', file([{ ...sampled, samples, weights: [5, 7, 1] }])), {
      '(no frames)': 6_000_000n,
      a: 7_000_000n,
    });
    deepEqual(stacksOf('speedscope', file([{ ...sampled, samples: [[], []] }])), { '(no frames)': 12_000_000n });
  });

  test('that are fractions are added up and scaled before they are rounded', () => {
    const samples = [[0], [0], [0], [1]];

    deepEqual(
      stacksOf('speedscope', file([{ ...sampled, unit: 'seconds', samples, weights: [0.02, 0.02, 0.01, 1e-9] }])),
      {
        ...{ a: 50_000_000n, b: 1n },
      },
    );
    deepEqual(stacksOf('speedscope', file([{ ...sampled, unit: 'bytes', samples, weights: [0.4, 0.4, 0.4, 0.4] }])), {
      a: 1n,
    });
  });

  for (const [unit, value] of [
    ['seconds', 1_500_000_000n],
    ['milliseconds', 1_500_000n],
    ['microseconds', 1500n],
    ['nanoseconds', 2n],
    ['none', 15_000_000n],
  ] as const) {
    test(`of ${unit} are times, whatever the sample rate is`, () => {
      const profile = { ...sampled, unit, samples: [[0]], weights: [1.5] };

      deepEqual(stacksOf('speedscope', file([profile])), { a: value });
      deepEqual(stacksOf('speedscope', file([profile]), { sampleRate: 50 }), {
        a: unit === 'none' ? 2n * value : value,
      });
      const [atZero] = read([profile], { sampleRate: 0 });
      deepEqual(atZero?.stacks, { a: unit === 'none' ? 2n : value });
      equal(atZero?.types.startsWith(unit === 'none' ? 'samples/count' : 'cpu/nanoseconds'), true);
    });
  }

  test('are counts, and the sample rate is looked at, only where the unit is none', () => {
    const at = (unit: string, app: string) =>
      stacksOf('speedscope', file([{ ...sampled, unit, samples: [[0]], weights: [2] }]), {
        ...{ app, sampleRate: 2_000_000_000 },
      });

    deepEqual(at('bytes', 'a.cpu'), { a: 2n });
    deepEqual(at('bytes', 'a.alloc_space'), { a: 2n });
    deepEqual(at('nanoseconds', 'a.cpu'), { a: 2n });
    deepEqual(at('none', 'a.alloc_objects'), { a: 2n });
    throws(() => at('none', 'a.cpu'), { message: /sampleRate: at most 1000000000/ });
  });

  test('of bytes are bytes where the name says a time or nothing', () => {
    const bytes = { ...sampled, unit: 'bytes', weights: [5, 7] };
    const typeOf = (app: string): string[] =>
      read([bytes], { app }).map(({ labels, types }) => `${labels.split(',')[0]} ${types} ${labels.split('=').at(-1)}`);

    deepEqual(typeOf('one.cpu'), ['__name__=memory samples/bytes one']);
    deepEqual(typeOf('one'), ['__name__=memory samples/bytes one']);
    deepEqual(typeOf('one.alloc_space'), ['__name__=memory alloc_space/bytes one']);
  });

  test('must be what the name says', () => {
    const refused = (unit: string, app: string): void =>
      throws(() => read([{ ...sampled, unit }], { app }), {
        message: new RegExp(`its weights are ${unit}, and the name "${app}"`),
      });

    refused('seconds', 'x.alloc_space');
    refused('bytes', 'x.live');
    refused('bytes', 'x.mutex_duration');
    deepEqual(stacksOf('speedscope', file([{ ...sampled, unit: 'seconds' }]), { app: 'x.lock_duration' }), {
      ...{ 'a;b': 5_000_000_000n, 'a;c': 7_000_000_000n },
    });
    deepEqual(stacksOf('speedscope', file([{ ...sampled, unit: 'none' }]), { app: 'x.live' }), {
      'a;b': 5n,
      'a;c': 7n,
    });
  });
});

describe('events', () => {
  const events = (...list: (readonly [type: string, frame: number, at: number])[]) => ({
    ...evented,
    events: list.map(([type, frame, at]) => ({ type, frame, at })),
  });

  test('give the time between them to what is open', () => {
    deepEqual(stacksOf('speedscope', file([evented])), { a: 6_000_000n, 'a;b': 4_000_000n });
    const gap = events(['O', 0, 5], ['C', 0, 6], ['O', 1, 8], ['O', 1, 8], ['C', 1, 8.5], ['C', 1, 9]);
    // Nor is the time in which nothing is open that of no frames.
    deepEqual(stacksOf('speedscope', file([gap])), { a: 1_000_000n, b: 500_000n, 'b;b': 500_000n });
  });

  test('that leave frames open count until the end of the profile', () => {
    const open = events(['O', 0, 0], ['O', 1, 2], ['O', 2, 3]);

    deepEqual(stacksOf('speedscope', file([open])), { a: 2_000_000n, 'a;b': 1_000_000n, 'a;b;c': 7_000_000n });
    for (const endValue of [undefined, 3, 1]) {
      deepEqual(stacksOf('speedscope', file([{ ...open, endValue }])), { a: 2_000_000n, 'a;b': 1_000_000n });
    }
    const closed = events(['O', 0, 0], ['C', 0, 2]);
    deepEqual(stacksOf('speedscope', file([closed])), { a: 2_000_000n }, 'what is after the last frame is of none');
  });

  test('are cut at the depth of the tenant, and close what they opened', () => {
    const deep = events(['O', 0, 0], ['O', 1, 1], ['O', 2, 3], ['C', 2, 4], ['C', 1, 6], ['C', 0, 7]);
    const bounds = { ...defaultBounds, limits: { ...defaultBounds.limits, maxProfileStacktraceDepth: 2 } };

    deepEqual(stacksOf('speedscope', file([deep]), {}, bounds), { a: 2_000_000n, 'a;b': 5_000_000n });
  });
});

describe('a file that is none', () => {
  for (const [problem, text, words] of [
    ['another schema', '{"$schema":"x","profiles":[]}', /its \$schema is "x", and not "https/],
    ['no schema', '{}', /its \$schema is ""/],
    ['no JSON', '{', /not JSON/],
    ['nothing', '', /the file is not an object/],
    ['a list', '[]', /the file is not an object/],
    ['more than a file', `${file([])}x`, /not JSON/],
    ['another unit', file([{ ...sampled, unit: 'parsecs' }]), /profile "one": its unit "parsecs" is not known/],
    ['no unit', file([{ ...sampled, unit: undefined }]), /its unit "" is not known/],
    ['another type', file([{ ...sampled, type: 'odd' }]), /its type is "odd", and not/],
    ['too few weights', file([{ ...sampled, weights: [1] }]), /it has 2 samples and 1 weights/],
    [
      'a frame that is not there',
      file([{ ...sampled, samples: [[0, 3], [0]] }]),
      /a stack has frame 3, and there are 3/,
    ],
    ['a negative frame', file([{ ...sampled, samples: [[-1], [0]] }]), /a stack has the frame -1, which cannot be/],
    ['half a frame', file([{ ...sampled, samples: [[0.5], [0]] }]), /the frame 0.5/],
    ['a huge frame', file([{ ...sampled, samples: [[2 ** 31], [0]] }]), /the frame 2147483648/],
    ['a negative weight', file([{ ...sampled, weights: [1, -1] }]), /the weight of sample 1 is negative: -1/],
    ['an infinite weight', file([sampled]).replace('[5,7]', '[5,1e999]'), /a weight is too large a number/],
    ['a huge weight', file([{ ...sampled, weights: [5, 1e15] }]), /come to 1e\+21, which is over/],
    ['a text for a weight', file([{ ...sampled, weights: ['5'] }]), /a weight is not a number/],
    ['a number for a sample', file([{ ...sampled, samples: [1] }]), /a sample is not a list/],
    ['a number for a name', file([{ ...sampled, name: 1 }]), /name is not a text/],
    ['samples that are none', file([{ ...sampled, samples: {} }]), /samples is not a list/],
    ['frames that are none', file([], { shared: { frames: [1] } }), /a frame is not an object/],
    [
      'events out of order',
      file([
        {
          ...evented,
          events: [
            { type: 'O', frame: 0, at: 5 },
            { type: 'C', frame: 0, at: 1 },
          ],
        },
      ]),
      /profile "e": event 1 is at 1, and the one before it at 5/,
    ],
    [
      'an event that closes another frame',
      file([
        {
          ...evented,
          events: [
            { type: 'O', frame: 0, at: 0 },
            { type: 'C', frame: 1, at: 1 },
          ],
        },
      ]),
      /event 1 closes frame 1, and frame 0 is open/,
    ],
    [
      'an event that closes nothing',
      file([{ ...evented, events: [{ type: 'C', frame: 1, at: 1 }] }]),
      /and none is open/,
    ],
    ['an event of another type', file([{ ...evented, events: [{ type: 'X', frame: 1, at: 1 }] }]), /the type "X"/],
    ['an event without a frame', file([{ ...evented, events: [{ type: 'O', at: 1 }] }]), /an event has no frame/],
    [
      'several profiles of no unit',
      file([
        { ...sampled, unit: 'none' },
        { ...evented, unit: 'none' },
      ]),
      /unknown type "none"/,
    ],
  ] as const) {
    test(`is refused: ${problem}`, () => {
      throws(() => converted('speedscope', text), { code: 'invalid-argument', message: words });
    });
  }

  test('is refused with the same words wherever it is cut', () => {
    const text = Buffer.from(file([sampled, evented]));
    for (let length = 0; length < text.length; length++) {
      throws(() => converted('speedscope', text.subarray(0, length)), { code: 'invalid-argument' });
    }
  });

  test('is compressed, which is said', () => {
    throws(() => converted('speedscope', gzipSync(file([sampled]))), {
      message: /look like gzip.*must not be compressed/,
    });
  });

  test('is not UTF-8', () => {
    throws(() => converted('speedscope', Buffer.from(file([sampled]).replace('"a"', '"\xff"'), 'latin1')), {
      message: /not UTF-8/,
    });
  });
});

describe('the bounds of a file', () => {
  test('are so many frames and profiles, and no more', () => {
    const manyFrames = (count: number): string =>
      `{"$schema":"${SCHEMA}","shared":{"frames":[${'{},'.repeat(count - 1)}{}]}}`;
    const manyProfiles = (count: number): string =>
      file(Array.from({ length: count }, () => ({ type: 'sampled', unit: 'bytes' })));

    deepEqual(converted('speedscope', manyFrames(FRAMES_MAX)), []);
    throws(() => converted('speedscope', manyFrames(FRAMES_MAX + 1)), /it has more than 262144 frames/);
    deepEqual(converted('speedscope', manyProfiles(PROFILES_MAX)), []);
    throws(() => converted('speedscope', manyProfiles(PROFILES_MAX + 1)), /it has more than 4096 profiles/);
  });

  test('are so many bytes of a text, wherever it stands', () => {
    const [long, longer] = [TEXT_BYTES_MAX, TEXT_BYTES_MAX + 1].map((length) => 'x'.repeat(length));
    const frames = (name?: string) => ({ shared: { frames: ['a', 'b', name].map((text) => ({ name: text })) } });

    equal(converted('speedscope', file([{ ...sampled, name: long }], frames(long))).length, 1);
    for (const [what, text] of [
      ['the name of a frame', file([sampled], frames(longer))],
      ['name', file([{ ...sampled, name: longer }])],
      ['type', file([{ ...sampled, type: longer as never }])],
      ['unit', file([{ ...sampled, unit: longer }])],
      ['$schema', `{"$schema":"${longer}"}`],
      ['the type of an event', file([{ ...evented, events: [{ type: longer, frame: 0, at: 0 }] }])],
    ] as const) {
      throws(() => converted('speedscope', text), {
        code: 'invalid-argument',
        message: `the body cannot be decoded as speedscope: ${what} has more than 1048576 bytes`,
      });
    }
  });

  test('are so many stacks of all profiles together, and no more', () => {
    const limits = { maxDepth: 0, sizeLimit: { bytes: 1 << 20, name: '' }, maxStacks: 6, secret: testSecret };
    const body = Buffer.from(file([sampled, sampled]));

    equal(runSteps(readSpeedscope(body, limits)).profiles.length, 2);
    throws(() => runSteps(readSpeedscope(body, { ...limits, maxStacks: 5 })), /too many different stacks: limit 5/);
  });

  test('are the bytes of all its profiles together', () => {
    const profiles = Array.from({ length: 20 }, (_, i) => ({ ...sampled, name: `p${i}`, unit: 'bytes' }));

    equal(converted('speedscope', file(profiles)).length, 20);
    throws(
      () => converted('speedscope', file(profiles), {}, { ...defaultBounds, maxBytes: 1000 }),
      (error) =>
        !isUndecodable(error) &&
        /together larger than --distributor.ingestion-body-limit-mb: limit 1000/.test((error as Error).message),
    );
  });

  test('come with pauses, in what is known and in what is not', () => {
    for (const text of [
      file([{ ...sampled, samples: Array.from({ length: 60_000 }, () => [0]), weights: Array(60_000).fill(1) }]),
      file([], { x: Array(500_000).fill(0) }),
    ]) {
      const steps = converterOf('speedscope')(upload('speedscope', text), defaultBounds);
      let count = 0;
      while (!steps.next().done) count++;
      ok(count >= 5, `${count} steps`);
    }
  });
});

test('py-spy: four threads, and the sum of their weights', () => {
  const body = gunzipSync(readFileSync(new URL('../../../data/corpus/python-speedscope.json.gz', import.meta.url)));
  const { profiles } = JSON.parse(body.toString()) as { profiles: { name: string; weights: number[] }[] };

  const read = converted('speedscope', body, { app: 'py.cpu' });

  equal(read.length, 4);
  for (const { labels, types, stacks } of read) {
    equal(types, 'wall/nanoseconds cpu/nanoseconds 10000000');
    const { weights } = profiles.find(({ name }) => labels.includes(`profile_name=${name},`)) ?? { weights: [] };
    // Each is 0.02 s, of which a double knows the nanosecond.
    const sum = weights.reduce((nanos, weight) => nanos + Math.round(weight * 1e9), 0);
    equal(
      Object.values(stacks).reduce((total, value) => total + value, 0n),
      BigInt(sum),
      labels,
    );
  }
});

const seed = runSeed();
test(`numbers are read as JSON.parse reads them (seed ${seed})`, () => {
  const random = new Random(seed);
  const digits = (length: number): string => Array.from({ length }, () => random.int(0, 9)).join('');
  for (let i = 0; i < 2000; i++) {
    const whole = random.chance(0.2) ? '0' : `${random.int(1, 9)}${digits(random.int(0, 12))}`;
    const fraction = random.chance(0.4) ? `.${digits(random.int(1, 12))}` : '';
    const exponent = random.chance(0.2)
      ? `${random.pick(['e', 'E'])}${random.pick(['', '+', '-'])}${random.int(0, 3)}`
      : '';
    const text = `${whole}${fraction}${exponent}`;
    const profile = file([{ ...sampled, unit: 'bytes', samples: [[0]], weights: [0] }]).replace('[0]}', `[${text}]}`);

    equal(stacksOf('speedscope', profile)['a'] ?? 0n, BigInt(Math.round(JSON.parse(text))), text);
  }
  for (const text of ['01', '1.', '.5', '1e', '+1', '1 2', '00', '1x', '--1']) {
    const profile = file([{ ...sampled, samples: [[0]], weights: [0] }]).replace('[0]}', `[${text}]}`);
    throws(() => converted('speedscope', profile), { code: 'invalid-argument' }, text);
  }
});

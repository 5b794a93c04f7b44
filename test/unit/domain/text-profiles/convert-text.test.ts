import { deepEqual, doesNotThrow, equal, ok, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Steps } from '#src/domain/model/steps.ts';
import { decodeProfile } from '#src/domain/pprof/decode.ts';
import { textAt } from '#src/domain/pprof/plain-profile.ts';
import { NODE_DEPTH_MAX } from '#src/domain/text-profiles/node-reader.ts';
import { LINE_BYTES_MAX } from '#src/domain/text-profiles/read-folded.ts';
import { SHARED_BYTES_MAX } from '#src/domain/text-profiles/read-trie.ts';
import { StackCollector } from '#src/domain/text-profiles/stack-collector.ts';
import { isUndecodable } from '#src/domain/upload/upload.ts';
import { testSecret } from '../../../fixtures/hash-secret.ts';
import { Random, runSeed } from '../../../fixtures/random.ts';
import {
  convert,
  converted,
  converterOf,
  defaultBounds,
  stacksOf,
  type TextFormat,
  type TreeNode,
  treeBytes,
  upload,
  uvarint,
} from '../../../fixtures/uploads.ts';

/** No scaling, so that values are seen as they were read. */
const counts = { app: 'shop.exceptions' };

function undecodable(words: RegExp): (error: unknown) => boolean {
  return (error) => isUndecodable(error) && words.test((error as Error).message);
}

/** Values by the frames of their stacks as JSON, root first: in folded text, one without a name looks like none. */
function valuesByFrames(format: TextFormat, body: string | Uint8Array): Record<string, bigint> {
  const [converted] = convert({ ...upload(format, body, counts), format });
  if (converted === undefined) return {};
  const plain = decodeProfile(converted.profile);
  // Functions and locations are numbered alike, from 1.
  const names = plain.functions.map(({ name }) => textAt(plain, name));
  return Object.fromEntries(
    plain.samples.map(({ locationIds, values: [value = 0n] }) => [
      JSON.stringify(locationIds.map((id) => names[Number(id) - 1]).reverse()),
      value,
    ]),
  );
}

function framesOf(format: TextFormat, body: string | Uint8Array): unknown[] {
  return Object.keys(valuesByFrames(format, body)).map((frames) => JSON.parse(frames));
}

describe('groups', () => {
  test('are stacks with counts, root first, times the period', () => {
    deepEqual(converted('groups', 'main;work 3\nmain;io read 2\nnocount\n\nmain 5'), [
      {
        labels: '__name__=process_cpu, __delta__=false, pyroscope_spy=x, service_name=shop',
        types: 'cpu/nanoseconds cpu/nanoseconds 10000000',
        timeNanos: 1_700_000_000_000_000_000n,
        stacks: { 'main;work': 30_000_000n, 'main;io read': 20_000_000n, main: 50_000_000n },
      },
    ]);
  });

  test('add up, and a count of zero is nothing', () => {
    const text = 'a;b 1\na;b 2\na 0\nc 0';

    deepEqual(stacksOf('groups', text, counts), { 'a;b': 3n });
    deepEqual(converted('groups', 'c 0'), []);
    deepEqual(converted('groups', ''), []);
    deepEqual(converted('groups', '\n\n'), []);
  });

  test('have a count in some line: where none has one, all would be lost', () => {
    deepEqual(stacksOf('groups', 'a;b\n\nc 2\nd', counts), { c: 2n });
    deepEqual(converted('groups', '\n\r\n', counts), []);
    deepEqual(converted('groups', 'a;b\nc 0', counts), []);
    throws(
      () => converted('groups', 'a;b\n\nc\r\n', counts),
      undecodable(/none of its 2 lines has a count.*format=lines/),
    );
    throws(() => converted('groups', 'a;b', counts), undecodable(/its only line has no count/));
  });

  test('split at the last blank, and keep every other one, and empty frames', () => {
    deepEqual(stacksOf('groups', ' a ; b  7', counts), { ' a ; b ': 7n });
    deepEqual(stacksOf('groups', ';a;;b 7', counts), { ';a;;b': 7n });
  });

  test('have no frame behind a semicolon at the end, which ends the last one', () => {
    deepEqual(stacksOf('groups', 'a;b; 3\na;b 4\na;;; 5', counts), { 'a;b': 7n, 'a;;': 5n });
    deepEqual(framesOf('groups', 'a;b; 3\na;b 4'), [['a', 'b']]);
    deepEqual(framesOf('groups', 'a;; 5'), [['a', '']]);
  });

  test('without a stack are a frame without a name: their value would be shown nowhere', () => {
    deepEqual(framesOf('groups', ' 7'), [['']]);
    deepEqual(framesOf('groups', '; 7'), [['']]);
    deepEqual(framesOf('groups', ';; 7'), [['', '']]);
  });

  test('may have lines that end as on Windows, and no end of the last one', () => {
    deepEqual(stacksOf('groups', 'a 1\r\n\r\nb 2\r\nc 3\r', counts), { a: 1n, b: 2n, c: 3n });
  });

  test('take counts as decimal numbers of 64 bits', () => {
    const text = `a 9223372036854775807\nb +7\nc ${'0'.repeat(60_000)}8\nd 9007199254740993\ne -0\nf 999999999999999`;

    deepEqual(stacksOf('groups', text, counts), {
      ...{ a: 9223372036854775807n, b: 7n, c: 8n, d: 9007199254740993n, f: 999999999999999n },
    });
    deepEqual(stacksOf('groups', 'a 9223372036854775807\na 1', counts), { a: 9223372036854775807n });
    deepEqual(stacksOf('groups', 'a 1000000000000'), { a: 9223372036854775807n });
  });

  for (const count of ['x', '1.5', '1e3', '0x1', '1_0', '', '+', '-', '--1', '١', '99999999999999999999', '-1']) {
    test(`refuse the count ${JSON.stringify(count)}`, () => {
      throws(() => converted('groups', `a 1\nb ${count}`), undecodable(/as groups: line 2: its count ".*" is /));
    });
  }

  test('keep bytes that are no UTF-8, which are refused later', () => {
    const stacks = stacksOf('groups', Buffer.from('a\xff 1', 'latin1'), counts);

    equal(Object.keys(stacks).length, 1);
  });

  test('have lines of 65,535 bytes and no more', () => {
    const line = (length: number): string => `${'x'.repeat(length - 2)} 1`;

    equal(Object.keys(stacksOf('groups', `a 1\n${line(LINE_BYTES_MAX)}\nb 1`, counts)).length, 3);
    throws(
      () => converted('groups', `a 1\n${line(LINE_BYTES_MAX + 1)}\n`),
      undecodable(/line 2: it has 65536 bytes, the limit is 65535/),
    );
  });
});

describe('lines', () => {
  test('are stacks that count one each', () => {
    deepEqual(stacksOf('lines', 'a;b\na;c 7\n\na;b\n\r\n', counts), { 'a;b': 2n, 'a;c 7': 1n });
    deepEqual(stacksOf('lines', 'a;b'), { 'a;b': 10_000_000n });
    deepEqual(stacksOf('lines', 'a;b;\na;b\n;b;;\r\n', counts), { 'a;b': 2n, ';b;': 1n });
    deepEqual(framesOf('lines', ';'), [['']]);
    throws(() => converted('lines', 'x'.repeat(70_000)), undecodable(/as lines: line 1: it has 70000 bytes/));
  });
});

describe('a tree', () => {
  test('is frames below a root that is none', () => {
    const tree: TreeNode = [
      'root',
      9,
      ['a', 4, ['b', 1], ['c', 2n ** 63n - 1n]],
      ['x', 0, ['y', 0, ['z', 2]]],
      ['w', 0],
    ];

    deepEqual(stacksOf('tree', treeBytes(tree), counts), {
      ...{ '(no frames)': 9n, a: 4n, 'a;b': 1n, 'a;c': 2n ** 63n - 1n, 'x;y;z': 2n },
    });
    deepEqual(stacksOf('tree', treeBytes(['root', 3])), { '(no frames)': 30_000_000n });
    deepEqual(converted('tree', treeBytes(['', 0])), []);
  });

  test('counts a node without a name for its parent, which is what folded text with a semicolon at the end is', () => {
    const tree: TreeNode = ['', 0, ['a', 1, ['', 2, ['b', 4], ['', 8, ['', 16]]]]];

    deepEqual(stacksOf('tree', treeBytes(tree), counts), { a: 3n, 'a;;b': 4n, 'a;': 8n, 'a;;': 16n });
    deepEqual(framesOf('tree', treeBytes(tree)), [['a'], ['a', ''], ['a', '', 'b'], ['a', '', '']]);
  });

  test('has a frame without a name where such a node is a child of the root', () => {
    deepEqual(framesOf('tree', treeBytes(['', 0, ['', 1], ['b', 2]])), [[''], ['b']]);
    deepEqual(stacksOf('tree', treeBytes(['', 0, ['', 1, ['', 2, ['c', 4]]]]), counts), { '': 3n, ';;c': 4n });
  });

  test('keeps a frame with a semicolon, and adds up siblings of one name', () => {
    deepEqual(stacksOf('tree', treeBytes(['', 0, ['a;b', 1, ['c', 2]], ['a;b', 4, ['c', 8]]]), counts), {
      ...{ 'a;b': 5n, 'a;b;c': 10n },
    });
  });

  test('does not look at what follows', () => {
    deepEqual(stacksOf('tree', Buffer.concat([treeBytes(['', 0, ['a', 1]]), Buffer.from('tail')]), counts), { a: 1n });
  });

  test('refuses names and numbers of children over the limits of the tenant', () => {
    const bounds = {
      ...defaultBounds,
      limits: { ...defaultBounds.limits, maxProfileSymbolValueLength: 3, maxProfileStacktraceSamples: 2 },
    };
    const wide = treeBytes(['', 0, ['a', 1, ['b', 1], ['c', 1], ['d', 1]]]);

    deepEqual(stacksOf('tree', treeBytes(['', 0, ['abc', 1], ['b', 2]]), counts, bounds), { abc: 1n, b: 2n });
    throws(
      () => converted('tree', treeBytes(['', 0, ['abcd', 1]]), counts, bounds),
      undecodable(/longer than --validation.max-profile-symbol-value-length: limit 3 bytes, actual 4/),
    );
    throws(
      () => converted('tree', wide, counts, bounds),
      undecodable(/at byte 3 has more children than --validation.max-profile-stacktrace-samples: limit 2, actual 3/),
    );
    const off = {
      ...bounds,
      limits: { ...bounds.limits, maxProfileSymbolValueLength: 0, maxProfileStacktraceSamples: 0 },
    };
    doesNotThrow(() => converted('tree', wide, counts, off));
  });
});

describe('a trie', () => {
  test('is folded stacks, cut anywhere', () => {
    const trie: TreeNode = ['', 0, ['a', 0, [';b', 1], [';c', 2]], ['ab;x', 4]];
    const pieces: TreeNode = [
      '',
      0,
      ['a;', 0, ['b', 0, ['c', 1, ['d;e;', 0, ['f', 3]]]], ['d', 2]],
      ['', 0, ['a;d', 5]],
    ];

    deepEqual(stacksOf('trie', treeBytes(trie), counts), { 'a;b': 1n, 'a;c': 2n, 'ab;x': 4n });
    deepEqual(stacksOf('trie', treeBytes(pieces), counts), { 'a;bc': 1n, 'a;bcd;e;f': 3n, 'a;d': 7n });
    deepEqual(stacksOf('trie', treeBytes(['r', 1, ['a', 2]]), counts), { r: 1n, ra: 2n });
  });

  test('has no frame behind a semicolon at the end of a key, and one without a name for a key of nothing', () => {
    const trie: TreeNode = ['', 1, ['a;', 2, ['b;', 4, [';', 8, ['c', 16]]]]];

    deepEqual(stacksOf('trie', treeBytes(trie), counts), { '': 1n, a: 2n, 'a;b': 4n, 'a;b;': 8n, 'a;b;;c': 16n });
    deepEqual(framesOf('trie', treeBytes(['', 0, [';', 1]])), [['']]);
    deepEqual(framesOf('trie', treeBytes(['', 0, ['a;', 1]])), [['a']]);
  });

  test('of no bytes at all has no stacks', () => {
    deepEqual(converted('trie', ''), []);
  });

  test('goes on behind its last node: what follows are more stacks', () => {
    const first = treeBytes(['', 0, ['a', 0, [';b', 1]], ['c', 2]]);
    const more = Buffer.concat([first, treeBytes(['c', 4]), treeBytes(['a;', 0, ['b', 8], ['c', 16]])]);

    deepEqual(stacksOf('trie', more, counts), { 'a;b': 9n, c: 6n, 'a;c': 16n });
    throws(
      () => converted('trie', Buffer.concat([first, Buffer.from('tail')])),
      undecodable(/at byte 16 has 116 bytes, and the body ends before/),
    );
  });
});

const seed = runSeed();
test(`a stack has the same frames in all formats (seed ${seed})`, () => {
  const random = new Random(seed);
  const list = <T>(most: number, item: () => T): T[] => Array.from({ length: random.int(0, most) }, item);
  for (let round = 0; round < 200; round++) {
    const keys = list(6, () => list(6, () => random.pick(['a', 'b', ';', ';'])).join(''));
    const expected: Record<string, bigint> = {};
    for (const key of keys) {
      const frames = JSON.stringify(key.replace(/;$/, '').split(';'));
      expected[frames] = (expected[frames] ?? 0n) + 1n;
    }
    const trie = keys.map((key): TreeNode => {
      const cut = random.int(0, key.length);
      return cut < key.length ? [key.slice(0, cut), 0, [key.slice(cut), 1]] : [key, 1];
    });
    const tree = keys.map((key) => nested(key.split(';')));
    const text = keys.map((key) => `${key} 1`).join('\n');
    deepEqual(sorted(valuesByFrames('groups', text)), sorted(expected), text);
    deepEqual(sorted(valuesByFrames('trie', treeBytes(['', 0, ...trie]))), sorted(expected), text);
    deepEqual(sorted(valuesByFrames('tree', treeBytes(['', 0, ...tree]))), sorted(expected), text);
    // An empty line is nothing.
    if (!keys.includes('')) deepEqual(sorted(valuesByFrames('lines', keys.join('\n'))), sorted(expected), text);
  }
});

/** @returns a node for each name, one in the other, of which the last one has the value */
function nested([name = '', ...rest]: readonly string[]): TreeNode {
  return rest.length === 0 ? [name, 1] : [name, 0, nested(rest)];
}

function sorted(values: Record<string, bigint>): [string, bigint][] {
  return Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1));
}

for (const format of ['tree', 'trie'] as const) {
  describe(`bytes of a ${format}`, () => {
    const whole = treeBytes(['', 0, ['abc', 300, ['d', 1]], ['e', 5]]);

    test('are refused wherever they end too early', () => {
      for (let length = format === 'trie' ? 1 : 0; length < whole.length; length++) {
        throws(() => converted(format, whole.subarray(0, length)), undecodable(new RegExp(`decoded as ${format}: `)));
      }
      doesNotThrow(() => converted(format, whole));
    });

    test('are refused when a number is too large for what it counts', () => {
      // Eleven bytes, of which the last ones add nothing.
      const long = Buffer.concat([Buffer.alloc(10, 0x80), Buffer.alloc(1)]);
      const longName = Buffer.concat([Buffer.from([0, 0, 1, 4]), Buffer.from('abc')]);

      throws(
        () => converted(format, Buffer.from('/////w==', 'base64')),
        undecodable(/it ends within a node, after 4 bytes/),
      );
      throws(() => converted(format, Buffer.concat([long, whole])), undecodable(/more than 64 bits/));
      throws(() => converted(format, longName), undecodable(/at byte 3 has 4 bytes, and the body ends before/));
      throws(
        () => converted(format, Buffer.concat([uvarint(2n ** 64n - 1n), whole])),
        undecodable(format === 'tree' ? /limit 65535 bytes \(64 KiB\), actual 184/ : /and the body ends/),
      );
      throws(
        () => converted(format, treeBytes(['', 0, ['a', 2n ** 63n]])),
        undecodable(/over 9223372036854775807: 9223372036854775808/),
      );
      const children = Buffer.concat([uvarint(0), uvarint(0), uvarint(2n ** 64n - 1n), uvarint(0)]);
      throws(
        () => converted(format, children),
        undecodable(format === 'tree' ? /more children than/ : /ends within a node/),
      );
    });

    test('are read without recursion, and nest 2^18 deep and no deeper', () => {
      const chain = (depth: number): Buffer =>
        Buffer.concat([Buffer.alloc(3 * (depth - 1), Uint8Array.of(0, 0, 1)), Buffer.from([1, 0x61, 1, 0])]);

      equal(Object.keys(stacksOf(format, chain(NODE_DEPTH_MAX - 1), counts)).length, 1);
      throws(() => converted(format, chain(NODE_DEPTH_MAX + 1)), undecodable(/nested deeper than 262144/));
    });
  });
}

describe('the name of an upload', () => {
  const read = (changed: Parameters<typeof converted>[2]): string[] =>
    converted('groups', 'a 1', changed).map(({ labels, types }) => `${labels} | ${types}`);

  test('names the service and, behind the last dot, the type', () => {
    deepEqual(read({ app: 'my.shop.alloc_space' }), [
      '__name__=memory, __delta__=false, pyroscope_spy=x, service_name=my.shop | alloc_space/bytes',
    ]);
    deepEqual(read({ app: 'shop', sampleRate: 97 }), [
      '__name__=process_cpu, __delta__=false, pyroscope_spy=x, service_name=shop | ' +
        'cpu/nanoseconds cpu/nanoseconds 10309278',
    ]);
    throws(() => read({ app: 'my.service' }), {
      code: 'invalid-argument',
      message: /"my.service" ends in an unknown type "service"/,
    });
    for (const app of ['a.constructor', 'a.', 'a.CPU', 'a.samples']) {
      throws(
        () => read({ app }),
        (error) => !isUndecodable(error),
      );
    }
  });

  for (const [suffixes, stored] of [
    ['cpu itimer', 'process_cpu cpu/nanoseconds cpu/nanoseconds 10000000'],
    ['wall seconds milliseconds microseconds nanoseconds', 'wall wall/nanoseconds cpu/nanoseconds 10000000'],
    ['inuse_objects', 'memory inuse_objects/count'],
    ['alloc_objects', 'memory alloc_objects/count'],
    ['alloc_in_new_tlab_objects', 'memory alloc_in_new_tlab_objects/count'],
    ['alloc_outside_tlab_objects', 'memory alloc_outside_tlab_objects/count'],
    ['live', 'memory live/count'],
    ['inuse_space', 'memory inuse_space/bytes'],
    ['alloc_space', 'memory alloc_space/bytes'],
    ['alloc_in_new_tlab_bytes', 'memory alloc_in_new_tlab_bytes/bytes'],
    ['alloc_outside_tlab_bytes', 'memory alloc_outside_tlab_bytes/bytes'],
    ['bytes', 'memory samples/bytes'],
    ['goroutines', 'goroutine goroutines/count'],
    ['mutex_count', 'mutex contentions/count'],
    ['mutex_duration', 'mutex delay/nanoseconds'],
    ['block_count lock_count', 'block contentions/count'],
    ['block_duration lock_duration', 'block delay/nanoseconds'],
    ['exceptions', 'exceptions samples/count'],
  ] as const) {
    test(`says with .${suffixes.replaceAll(' ', ', .')} that it is ${stored}`, () => {
      for (const suffix of suffixes.split(' ')) {
        const [one = ''] = read({ app: `a.${suffix}`, sampleRate: 100 });
        const [, name, types] = /__name__=([^,]*), .* \| (.*)$/.exec(one) ?? [];
        equal(`${name} ${types}`, stored);
      }
    });
  }

  test('gives counts no period at a sample rate of zero, and is refused at one over a billion', () => {
    deepEqual(read({ app: 'z.wall', sampleRate: 0 }), [
      '__name__=wall, __delta__=false, pyroscope_spy=x, service_name=z | samples/count',
    ]);
    deepEqual(stacksOf('groups', 'a 7', { sampleRate: 1_000_000_000 }), { a: 7n });
    throws(() => read({ sampleRate: 1_000_000_001 }), { message: /sampleRate: at most 1000000000/ });
    doesNotThrow(() => read({ app: 'a.live', sampleRate: 1_000_000_001 }));
  });

  test('gives way to a service among the tags, and is app_name then', () => {
    const [first] = read({ app: 'f.cpu', tags: [{ name: 'service_name', value: 'svc' }] });
    const [second] = read({
      app: 'g.cpu',
      tags: [
        { name: 'service_name', value: 'svc' },
        { name: 'app_name', value: 'mine' },
      ],
    });

    ok(first?.startsWith('__name__=process_cpu, __delta__=false, pyroscope_spy=x, service_name=svc, app_name=f |'));
    ok(second?.startsWith('__name__=process_cpu, __delta__=false, pyroscope_spy=x, service_name=svc, app_name=mine |'));
  });

  test('makes an upload vanish that is the profile of a span', () => {
    for (const format of ['groups', 'lines', 'tree', 'trie', 'speedscope'] as const) {
      deepEqual(converted(format, 'a 1', { tags: [{ name: 'profile_id', value: 'abc' }] }), []);
    }
  });
});

describe('the bounds of a conversion', () => {
  const bounds = (changed: Partial<(typeof defaultBounds)['limits']>) => ({
    ...defaultBounds,
    limits: { ...defaultBounds.limits, ...changed },
  });

  test('a profile is refused when it would be larger than its tenant may send, before it is', () => {
    const names = Array.from({ length: 5000 }, (_, i) => `function_number_${i} 1`).join('\n');

    throws(() => converted('groups', names, counts, bounds({ maxProfileSizeBytes: 100_000 })), {
      code: 'invalid-argument',
      message: /larger than --validation.max-profile-size-bytes: limit 100000 bytes/,
    });
    doesNotThrow(() => converted('groups', names, counts, bounds({ maxProfileSizeBytes: 0 })));
  });

  test('names are refused as they come, before anything is written', () => {
    const stacks = new StackCollector({
      maxDepth: 0,
      sizeLimit: { bytes: 1000, name: 'some_limit' },
      maxStacks: 100,
      secret: testSecret,
    });

    throws(
      () => {
        for (let i = 0; i < 1000; i++) {
          const name = Buffer.from(`name ${i % 60}`);
          stacks.name(name, 0, name.length);
        }
      },
      { message: /larger than some_limit: limit 1000 bytes/ },
    );
    const nothing = Array.from({ length: 5000 }, (_, i) => `function_number_${i} 0`).join('\n');
    deepEqual(converted('groups', nothing, counts, bounds({ maxProfileSizeBytes: 1000 })), []);
  });

  test('a chain of nodes, each a stack, comes to the limit instead of a square', () => {
    const chain = (depth: number): Buffer =>
      Buffer.concat([
        Buffer.from([0, 0, 1]),
        Buffer.alloc(4 * depth, Uint8Array.of(1, 0x61, 1, 1)),
        Buffer.from([0, 0, 0]),
      ]);

    throws(() => converted('tree', chain(100_000), counts, bounds({ maxProfileStacktraceDepth: 0 })), {
      message: /larger than --validation.max-profile-size-bytes/,
    });
    const cut = Object.entries(stacksOf('tree', chain(100_000), counts, bounds({ maxProfileStacktraceDepth: 10 })));
    equal(cut.length, 10);
    deepEqual(cut.at(-1), ['a;a;a;a;a;a;a;a;a;a', 99_991n]);
  });

  test('a trie whose nodes read one long name again and again is refused', () => {
    const name = 'x'.repeat(1 << 20);
    const children = Array.from({ length: 65 }, (): TreeNode => [';', 1]);

    equal(SHARED_BYTES_MAX, 64 << 20);
    throws(
      () => converted('trie', treeBytes(['', 0, [name, 0, ...children]])),
      undecodable(/share more than 67108864 bytes of names/),
    );
    doesNotThrow(() => converted('trie', treeBytes(['', 0, [name, 0, ...children.slice(0, 32)]])));
  });

  test('a profile has so many different stacks and no more', () => {
    const stacks = new StackCollector({
      maxDepth: 0,
      sizeLimit: { bytes: 1000, name: '' },
      maxStacks: 100,
      secret: testSecret,
    });
    for (let name = 1; name < 100; name++) stacks.childOf(0, name);

    equal(stacks.childOf(0, 99), 99);
    throws(() => stacks.childOf(0, 100), {
      code: 'invalid-argument',
      message: /too many different stacks: limit 100 nodes/,
    });
  });
});

describe('a conversion', () => {
  const steps = (work: Steps<unknown>): number => {
    let count = 0;
    while (!work.next().done) count++;
    return count;
  };
  const big: [TextFormat, () => Steps<unknown>][] = [
    ['groups', () => converterOf('groups')(upload('groups', 'a;b;c;d;e 1\n'.repeat(30_000), counts), defaultBounds)],
    ['tree', () => converterOf('tree')(upload('tree', treeBytes(['', 0, ...nodes(8000, 'a')]), counts), defaultBounds)],
    [
      'trie',
      () => converterOf('trie')(upload('trie', treeBytes(['', 0, ...nodes(8000, 'a;')]), counts), defaultBounds),
    ],
  ];
  for (const [format, work] of big) {
    test(`of ${format} pauses every few milliseconds`, () => {
      const count = steps(work());

      ok(count >= 2, `${count} steps`);
    });
  }
});

/** @returns so many nodes, each with ten children */
function nodes(count: number, name: string): TreeNode[] {
  const children = Array.from({ length: 10 }, (_, i): TreeNode => [`${name}${i}`, 1]);
  return Array.from({ length: count }, (): TreeNode => [name, 1, ...children]);
}

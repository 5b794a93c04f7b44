import { deepEqual, equal, match, ok, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { StoreError } from '#src/domain/errors.ts';
import { isUndecodable } from '#src/domain/upload/upload.ts';
import {
  AGENT_TYPES,
  type ChunkSpec,
  type EventSpec,
  everyKindOfEvent,
  JfrBytes,
  jfrChunk,
  nestedTypesChunk,
  type TypeSpecs,
} from '../../../fixtures/jfr-builder.ts';
import { labelsSnapshot } from '../../../fixtures/labels-snapshot.ts';
import { defaultProfileLimits } from '../../../fixtures/limits.ts';
import { mutated } from '../../../fixtures/mutated.ts';
import { Random, runSeed } from '../../../fixtures/random.ts';
import { bounds, convert, shown, stepCount, uploadOf } from './converted.ts';

const seed = runSeed();
const events: EventSpec[] = [{ event: 'profiler.LiveObject', stack: 'A.a;B.b' }];

/** The message that a recording is refused with. */
function refusalOf(recording: Uint8Array): string {
  try {
    convert(uploadOf(recording));
  } catch (error) {
    ok(error instanceof StoreError && error.code === 'invalid-argument' && isUndecodable(error), String(error));
    return error.message;
  }
  throw new Error('it was taken');
}

/** A recording with some bytes of its header replaced. */
function withHeader(write: (view: DataView) => void): Uint8Array {
  const chunk = jfrChunk({ events });
  write(new DataView(chunk.buffer));
  return chunk;
}

describe('a malformed recording', () => {
  const chunk = jfrChunk({ events });
  const headers: [string, (view: DataView) => void, RegExp][] = [
    ['another magic', (v) => v.setUint32(0, 0x504b0304), /begins with 0x504b0304, not with 0x464c5200 .*offset 0$/],
    ['another version', (v) => v.setUint32(4, 0x1_0009), /version 1.9, known is 2.x, at offset 4$/],
    ['no size', (v) => v.setBigUint64(8, 0n), /the size of a chunk is 0, which is not from 68 to \d+, at offset 8$/],
    ['a size beyond the end', (v) => v.setBigUint64(8, 2n ** 60n), /the size of a chunk is 1152921504606846976/],
    ['constants in the header', (v) => v.setBigUint64(16, 67n), /the offset of the constants is 67, .*offset 16$/],
    ['constants beyond the end', (v) => v.setBigUint64(16, 2n ** 64n - 1n), /constants is 18446744073709551615/],
    ['metadata beyond the end', (v) => v.setBigUint64(24, 2n ** 40n), /the offset of the metadata is 1099511627776/],
    ['no ticks', (v) => v.setBigUint64(56, 0n), /0 ticks per second, at offset 56$/],
    ['plain integers', (v) => v.setUint32(64, 0), /integers that are not compressed, at offset 64$/],
    ['events for metadata', (v) => v.setBigUint64(24, 68n), /where the metadata should be is an event of type \d+/],
    [
      'metadata for constants',
      (v) => v.setBigUint64(16, v.getBigUint64(24)),
      /constants should be is an event of type 0/,
    ],
  ];
  for (const [what, write, message] of headers) {
    test(`is refused by name: ${what}`, () => match(refusalOf(withHeader(write)), message));
  }

  test('is refused wherever it is cut off', () => {
    for (let length = 1; length < chunk.length; length++) {
      match(refusalOf(chunk.subarray(0, length)), length < 68 ? /there are \d+, at offset 0/ : /the size of a chunk/);
      // The same with a header that knows of it.
      const cut = chunk.slice(0, length);
      if (length >= 68) new DataView(cut.buffer).setBigUint64(8, BigInt(length));
      refusalOf(cut);
    }
    match(refusalOf(Buffer.concat([chunk, chunk.subarray(0, 99)])), /the size of a chunk is/);
    match(refusalOf(Buffer.concat([chunk, Buffer.of(1, 2, 3)])), /with 68 bytes, and there are 3, at offset \d+$/);
  });

  test('is refused when an event has no size, or too much of it', () => {
    const none = chunk.slice();
    none.set([0x80, 0x80, 0x80, 0], 68);
    match(refusalOf(none), /an event of 0 bytes, where \d+ are left in the chunk, at offset 68$/);
    const large = chunk.slice();
    large.set([0xff, 0xff, 0xff, 0x7f], 68);
    match(refusalOf(large), /an event of 268435455 bytes/);
    const small = chunk.slice();
    small.set([0x86, 0x80, 0x80, 0], 68);
    match(refusalOf(small), /it ends within an integer, at offset 74$/);
  });

  test('is refused when its constants lead out of the chunk, or go round in circles', () => {
    const withDelta = (delta: bigint) => refusalOf(jfrChunk({ events, checkpoints: 2, delta }));

    match(withDelta(1n), /the constants before are 1 bytes away, outside of the chunk/);
    match(withDelta(2n ** 62n), /4611686018427387904 bytes away/);
    match(withDelta(-(2n ** 40n)), /-1099511627776 bytes away/);
    // A little before, the last bytes of another event look like the size of one that would overlap this one.
    for (let delta = -1n; delta > -40n; delta--) ok(withDelta(delta).length > 0);
  });

  test('is refused when constants overlap those behind them', () => {
    // A checkpoint in the value of a setting, which claims to reach into the true one: size, type, three times, kind, pools.
    const claimed = [0x80 | 100, 0x80, 0x80, 0, 1, 0, 0, 0, 0, 0];
    const forged = (delta: bigint) =>
      jfrChunk({
        events: [{ event: 'jdk.ActiveSetting', name: 'x', value: 'forged' }],
        text: (bytes, text) => (text === 'forged' ? bytes.raw([3, claimed.length, ...claimed]) : bytes.text(text)),
        delta,
      });
    const chunk = forged(-1n);
    const at = Buffer.from(chunk).indexOf(Buffer.from(claimed));
    const last = Number(new DataView(chunk.buffer).getBigUint64(16));

    match(refusalOf(forged(BigInt(at - last))), new RegExp(`constants of 100 bytes, where ${last - at} are free`));
  });

  test('is refused when a type that samples need is missing', () => {
    for (const name of ['jdk.types.StackTrace', 'jdk.types.Method', 'java.lang.Class', 'jdk.types.ThreadState']) {
      const types = Object.fromEntries(
        Object.entries(AGENT_TYPES).map(([key, fields]) => [key === name ? 'X' : key, fields]),
      );
      const bare = Object.fromEntries(
        Object.entries(types).map(([key, fields]) => [
          key,
          fields.map((one) => (one.type === name ? { ...one, type: 'X' } : one)),
        ]),
      );
      match(
        refusalOf(jfrChunk({ events: [], types: bare })),
        new RegExp(`the metadata has no type ${name}, at offset`),
      );
    }
  });

  const endless: [string, TypeSpecs, RegExp][] = [
    ['a type within itself', { T: [{ name: 'self', type: 'T' }] }, /types in one another, the limit is 8/],
    [
      'types that double each other',
      Object.fromEntries(
        Array.from({ length: 8 }, (_, i) => [
          i === 0 ? 'T' : `T${i}`,
          Array.from({ length: 12 }, (_, k) => ({ name: `f${k}`, type: i === 7 ? 'Empty' : `T${i + 1}` })),
        ]),
      ),
      /its types have more than 65536 fields/,
    ],
    [
      'an array of nothing',
      { T: [{ name: 'all', type: 'Empty', kind: 'array' }] },
      /an array of a type that has no fields/,
    ],
  ];
  for (const [what, types, message] of endless) {
    test(`is refused for ${what}`, () => {
      const pools = { T: [[1, new JfrBytes().int(2 ** 31)] as const] };
      match(refusalOf(jfrChunk({ events, types: { ...AGENT_TYPES, ...types, Empty: [] }, pools })), message);
    });
  }

  test('is refused when it has more frames, items or names than it may', () => {
    const frames = new JfrBytes()
      .raw([0])
      .int(16_385)
      .raw(new Uint8Array(4 * 16_385));
    const deep = jfrChunk({
      events: [{ event: 'profiler.LiveObject', stackTrace: 77 }],
      pools: { 'jdk.types.StackTrace': [[77, frames]] },
    });
    match(refusalOf(deep), /a stacktrace of 16385 frames, the limit is 16384, at offset \d+$/);

    const items = new JfrBytes()
      .raw([0])
      .int(300_000)
      .raw(new Uint8Array(4 * 300_000));
    const long = jfrChunk({ events, pools: { 'jdk.types.StackTrace': [[77, items]] } });
    match(refusalOf(long), /an array of 300000 items, the limit is 262144/);

    // One class with a long name, and many methods: the names are very much larger than the recording.
    const name = 'x'.repeat(1 << 16);
    const stack = Array.from({ length: 300 }, (_, i) => `${name}.m${i}`).join(';');
    const named = jfrChunk({ events: [{ event: 'profiler.LiveObject', stack }] });
    ok(named.length < 100_000);
    match(refusalOf(named), /its names of functions take more than 16777216 bytes/);
  });

  const fields = (count: number) => Array.from({ length: count }, (_, i) => ({ name: `f${i % 100}`, type: 'int' }));
  const typesOf = (count: number, fieldCount: number): TypeSpecs =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`T${i}`, fields(fieldCount)]));

  test('is refused when its metadata describes more than it may', () => {
    const types = (more: TypeSpecs) => jfrChunk({ events, types: { ...AGENT_TYPES, ...more } });

    match(refusalOf(jfrChunk({ events, emptyStrings: 1 << 18 })), /its metadata has more than 262144 strings, at/);
    match(refusalOf(types(typesOf(1 << 14, 0))), /its metadata has more than 16384 classes, at offset \d+$/);
    match(refusalOf(types(typesOf(1, 1 << 16))), /its metadata has more than 65536 fields, at offset \d+$/);
    match(
      refusalOf(jfrChunk({ events, attributes: 4095 })),
      /an element of the metadata has 4097 attributes, the limit is 4096, at offset \d+$/,
    );
    equal(convert(uploadOf(jfrChunk({ events, attributes: 4094, emptyStrings: 200_000 }))).length, 1);
    equal(convert(uploadOf(types({ ...typesOf(1 << 13, 0), T: fields(1 << 15) }))).length, 1);
  });

  test('is refused when the types of its chunks, which nest, have more fields than it may', () => {
    const chunk = nestedTypesChunk();
    const fields = 12 * (1 + 16 + 16 ** 2 + 16 ** 3);
    ok(chunk.length < 4096 && fields < 1 << 16 && 2 * fields > 1 << 16);

    equal(convert(uploadOf(chunk)).length, 0);
    const refused = refusalOf(Buffer.concat([chunk, chunk]));
    match(refused, /the types of its chunks have more fields than one of its size may: limit 65536, at offset \d+$/);
    // One for each 16 bytes: what is large may have more. The planned classes of the agent have some forty.
    const symbols = [[77, new JfrBytes().text('x'.repeat(65_000))]] as const;
    const padding = jfrChunk({ events: [], pools: { 'jdk.types.Symbol': symbols } });
    const padded = (chunks: number, paddings: number): Uint8Array =>
      Buffer.concat([...Array(chunks).fill(chunk), ...Array(paddings).fill(padding)]);
    const needed = Math.ceil((16 * 4 * (fields + 100)) / padding.length);
    equal(convert(uploadOf(padded(4, needed))).length, 0);
    match(refusalOf(padded(5, needed)), /more fields than one of its size may: limit 21\d{4},/);
  });

  test('is refused when the types of a chunk would take too much memory, and not for those of all together', () => {
    const few = { tableBytesMax: 600_000 };
    const taken = jfrChunk({ events, types: { ...AGENT_TYPES, ...typesOf(100, 10) } });
    for (const more of [{ types: typesOf(1000, 0) }, { types: typesOf(10, 500) }, { emptyStrings: 15_000 }]) {
      const { types = {}, ...others } = { types: {}, ...more };
      const upload = uploadOf(jfrChunk({ events, types: { ...AGENT_TYPES, ...types }, ...others }));
      throws(() => convert(upload, bounds, few), {
        message:
          /its types, constants, stacktraces, labels and samples take more memory than those of its size may: limit 600000 bytes/,
      });
      equal(convert(upload).length, 1);
    }

    equal(convert(uploadOf(Buffer.concat(Array.from({ length: 50 }, () => taken))), bounds, few).length, 1);
  });

  test('is read in steps of what is gone through, of parts that have nothing in them too', () => {
    const steps = (chunk: ChunkSpec) => stepCount(uploadOf(jfrChunk(chunk)));
    const plain = steps({ events: [] });

    ok(steps({ events: [], emptyPools: 100_000 }) >= plain + 6);
    // They are stepped over as events too, which takes as many steps as of other events of 16 bytes.
    const checkpoints = 100_000;
    const { length } = jfrChunk({ events: [], checkpoints });
    const others = Array.from({ length: length / 16 }, () => ({ event: 'profiler.Free', address: -1 }));
    ok(steps({ events: [], checkpoints }) >= steps({ events: others }) + 4);
    ok(steps({ events: [], types: { ...AGENT_TYPES, ...typesOf(100, 500) } }) >= plain + 6);
    ok(steps({ events: [], emptyStrings: 200_000 }) >= plain + 10);
    // Functions that are new, beside the bytes of their constants.
    const functions = (names: number) =>
      Array.from({ length: 1000 }, (_, i) => {
        const frames = Array.from({ length: 20 }, (_, k) => `A.f${(20 * i + k) % names}:${i}`);
        return { event: 'profiler.LiveObject', stack: frames.join(';') };
      });
    ok(steps({ events: functions(20_000) }) >= steps({ events: functions(10) }) + 5);
    // There may be very many small chunks.
    ok(stepCount(uploadOf(Buffer.concat(Array.from({ length: 100 }, () => jfrChunk({ events: [] }))))) >= 100);
  });

  test('is refused when its tables would take too much memory, of constants, stacktraces, spans or samples', () => {
    const keys = (base: bigint) => Array.from({ length: 20_000 }, (_, i) => base + BigInt(i));
    const symbols = keys(1n << 40n).map((key) => [key, new JfrBytes().raw([3]).int(1).raw([65])] as const);
    const spans = Array.from({ length: 20_000 }, (_, i) => ({
      event: 'jdk.ExecutionSample',
      stack: 'A.a',
      spanId: i + 1,
    }));
    const stacks = Array.from({ length: 200 }, (_, i) => ({
      event: 'profiler.LiveObject',
      stack: Array.from({ length: 200 }, (_, k) => `A.m${(i * k) % 197}`).join(';'),
    }));
    for (const recording of [
      jfrChunk({ events, pools: { 'jdk.types.Symbol': symbols } }),
      jfrChunk({ events: spans }),
      jfrChunk({ events: stacks }),
    ]) {
      const upload = uploadOf(recording);
      throws(() => convert(upload, bounds, { tableBytesMax: 400_000 }), {
        code: 'invalid-argument',
        message: /take more memory than those of its size may: limit 400000 bytes/,
      });
      ok(convert(upload, bounds).length > 0);
    }
    equal(convert(uploadOf(jfrChunk({ events })), bounds, { tableBytesMax: 400_000 }).length, 1);
  });

  test('is refused when the labels that are sent with it would take too much memory', () => {
    const ids = Array.from({ length: 2000 }, (_, i) => i);
    const strings = Object.fromEntries(ids.map((id) => [id, `text ${id}`]));
    const labels = Object.fromEntries(ids.map((id) => [id, id]));
    const recording = jfrChunk({ events });
    for (const jfrLabels of [
      labelsSnapshot({ contexts: {}, strings }),
      labelsSnapshot({ contexts: { 1: labels }, strings: {} }),
      labelsSnapshot({ contexts: Object.fromEntries(ids.map((id) => [id, {}])), strings: {} }),
      labelsSnapshot({
        contexts: {},
        strings: { 1: 'a'.repeat(60_000), 2: 'b'.repeat(60_000), 3: 'c'.repeat(60_000) },
      }),
    ]) {
      const upload = uploadOf(recording, { jfrLabels });
      throws(() => convert(upload, bounds, { tableBytesMax: 400_000 }), {
        code: 'invalid-argument',
        message: /take more memory than those of its size may: limit 400000 bytes/,
      });
      equal(convert(upload).length, 1);
    }
    const same = Object.fromEntries(ids.slice(0, 100).map((id) => [id, 'a'.repeat(10_000)]));
    const few = uploadOf(recording, { jfrLabels: labelsSnapshot({ contexts: {}, strings: same }) });
    equal(convert(few, bounds, { tableBytesMax: 400_000 }).length, 1);
  });

  test('names contexts that its labels do not have, which are not noted', (t) => {
    const chunkOf = (contexts: number) =>
      jfrChunk({
        events: Array.from({ length: 100 }, (_, i) => ({
          ...{ event: 'jdk.ExecutionSample', stack: 'A.a', contextId: 1 + (i % contexts) },
        })),
      });
    const jfrLabels = labelsSnapshot({ contexts: { 1: { 1: 2 } }, strings: { 1: 'a', 2: 'b' } });
    const noted = (contexts: number) => {
      const upload = uploadOf(chunkOf(contexts), { jfrLabels });
      const set = t.mock.method(Map.prototype, 'set');
      const [profile] = convert(upload);
      set.mock.restore();
      return { samples: profile && shown(profile).samples, entries: set.mock.callCount() };
    };

    const [one, many] = [noted(1), noted(100)];
    deepEqual(one.samples, ['A.a {a=b} 1000000000']);
    deepEqual(many.samples, ['A.a 990000000', 'A.a {a=b} 10000000']);
    equal(many.entries, one.entries);
  });

  test('is refused when its tables would be very much larger than it is, and small', () => {
    // Just more than a power of two, with keys of four bytes that are not small ones.
    const nothing = new JfrBytes().raw([0]);
    const constants = Array.from({ length: 2 ** 19 + 1 }, (_, i) => [2 ** 26 + i, nothing] as const);
    const pools = { 'jdk.types.Symbol': constants, 'jdk.types.ThreadState': constants, 'java.lang.String': constants };
    const recording = jfrChunk({ events, pools });

    ok(recording.length < 8 << 20);
    match(refusalOf(recording), /take more memory than those of its size may: limit 67108864 bytes \(64 MiB\)$/);
    // What is larger may have more: eight times as much.
    const text = new JfrBytes().text('x'.repeat(2_500_000));
    const padding = jfrChunk({ events, pools: { 'java.lang.String': [[77, text]] } });
    equal(convert(uploadOf(Buffer.concat([recording, padding]))).length, 1);
  });

  test('is refused when the profile of it would be too large', () => {
    // Very many labels on each of very many samples, from one context.
    const labels = Object.fromEntries(Array.from({ length: 4000 }, (_, i) => [String(i), i]));
    const strings = Object.fromEntries(Array.from({ length: 4000 }, (_, i) => [String(i), `label ${i}`]));
    const many = Array.from({ length: 5000 }, (_, i) => ({
      event: 'jdk.ExecutionSample',
      stack: 'A.a',
      contextId: 1,
      spanId: i + 1,
    }));
    const upload = uploadOf(jfrChunk({ events: many }), {
      jfrLabels: labelsSnapshot({ contexts: { 1: labels }, strings }),
    });

    throws(() => convert(upload, { ...bounds, limits: defaultProfileLimits }), {
      code: 'invalid-argument',
      message: /larger than --validation.max-profile-size-bytes: limit 4194304 bytes/,
    });
  });

  test('is refused when its profiles are too large together', () => {
    const stack = Array.from({ length: 100 }, (_, i) => `A.m${i}`).join(';');
    const chunk = jfrChunk({
      events: ['profiler.LiveObject', 'profiler.Malloc', 'jdk.ThreadPark'].map((event) => ({ event, stack })),
    });
    const sizes = convert(uploadOf(chunk)).map(({ profile }) => profile.length);
    const maxBytes = (sizes[0] ?? 0) + (sizes[1] ?? 0) + 1000;

    throws(() => convert(uploadOf(chunk), { ...bounds, maxBytes }), {
      message: new RegExp(
        `larger than what is left of ${maxBytes} bytes for all profiles of a recording: limit 1\\d{3} bytes`,
      ),
    });
  });

  test(`never breaks anything, whatever bytes are changed (seed ${seed})`, () => {
    const random = new Random(seed);
    const whole = everyKindOfEvent(random);
    const snapshot = labelsSnapshot({ contexts: { 1: { 1: 2 } }, strings: { 1: 'a', 2: 'b' } });
    const outcomes = { taken: 0, refused: 0 };

    for (let round = 0; round < 1500; round++) {
      const recording = mutated(random, whole, [whole, snapshot]);
      const jfrLabels = random.chance(0.2) ? mutated(random, snapshot, [whole]) : snapshot;
      try {
        for (const profile of convert(uploadOf(recording, { jfrLabels }))) shown(profile);
        outcomes.taken++;
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        outcomes.refused++;
      }
    }

    // It must have bitten, and not everything may be refused at the door.
    ok(outcomes.taken > 50 && outcomes.refused > 50, JSON.stringify(outcomes));
    deepEqual(convert(uploadOf(whole)).length, 9);
  });
});

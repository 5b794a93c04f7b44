import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decodeProfile } from '#src/domain/pprof/decode.ts';
import { textAt } from '#src/domain/pprof/plain-profile.ts';
import { type BuiltHeader, PprofBuilder } from '#src/domain/pprof/pprof-builder.ts';
import { textWorkOf } from '../../../fixtures/text-work.ts';

const header: BuiltHeader = {
  sampleTypes: [
    { type: 'samples', unit: 'count' },
    { type: 'cpu', unit: 'nanoseconds' },
  ],
  timeNanos: 1_700_000_000_000_000_001n,
  durationNanos: 10_000_000_000n,
  periodType: { type: 'cpu', unit: 'nanoseconds' },
  period: 10_000_000n,
};

function texts(builder: PprofBuilder, count: number, length: number): void {
  for (let i = 0; i < count; i++) builder.text(`${'x'.repeat(length)}${i}`);
}

describe('PprofBuilder', () => {
  for (const [what, fill, steps] of [
    ['many texts', (builder: PprofBuilder) => texts(builder, 100_000, 100), 2],
    ['long texts', (builder: PprofBuilder) => texts(builder, 20, 1 << 20), 4],
    [
      'large samples',
      (builder: PprofBuilder) => {
        const locations = new Array(100_000).fill(1);
        for (let i = 0; i < 200; i++) builder.sample(locations, [1n, 2n]);
      },
      4,
    ],
  ] as const) {
    test(`is taken in steps where it has ${what}, and is the same`, () => {
      const [atOnce, inSteps] = [new PprofBuilder(header), new PprofBuilder(header)];
      fill(atOnce);
      fill(inSteps);
      const taking = inSteps.takeInSteps();
      let count = 0;
      let step = taking.next();
      for (; !step.done; step = taking.next()) count++;

      ok(count >= steps && count <= 2 * steps + 2, `${count} steps`);
      ok(Buffer.from(step.value).equals(atOnce.take()));
    });
  }

  test('writes samples and texts of who knows that they are new as others', () => {
    const [known, plain] = [new PprofBuilder(header), new PprofBuilder(header)];
    const halves = [-1, 2 ** 31 - 1, -5, -1];
    known.values.set(halves);
    const key = known.text('key');
    equal(known.newBytes(Buffer.from('größe')), plain.text('key') + 1);
    plain.text('größe');
    // It is not looked for, so that it may be there twice.
    equal(known.text('größe'), plain.text('other') + 0);
    const label = { key, text: key + 1, number: -(2n ** 63n), unit: 1 };
    known.sampleOfValues(Uint16Array.of(1, 300, 70, 9), 3, [label, { key }]);
    plain.sample([1, 300, 70], [2n ** 63n - 1n, -5n], [label, { key }]);

    const [ofKnown, ofPlain] = [known.take(), plain.take()].map((bytes) => decodeProfile(bytes));
    deepEqual(ofKnown?.samples, ofPlain?.samples);
    deepEqual(ofKnown?.samples[0]?.values, [2n ** 63n - 1n, -5n]);
    equal(ofKnown?.strings.length, ofPlain?.strings.length);
  });

  test('writes what a decoder reads', () => {
    const builder = new PprofBuilder(header);
    const mapping = builder.mapping({
      memoryStart: 0x1000n,
      memoryLimit: 2n ** 64n - 1n,
      fileOffset: 3n,
      filename: builder.text('libc.so'),
      buildId: builder.text('abc'),
      hasFunctions: true,
      hasLineNumbers: true,
    });
    const work = builder.newFunction({ name: builder.text('work'), filename: builder.text('w.c'), startLine: 7 });
    const inlined = builder.newFunction({ name: builder.text('größe'), systemName: builder.text('_Z') });
    const location = builder.newLocation({
      mapping,
      address: 0x1234n,
      lines: [{ function: inlined, line: 9 }, { function: work }],
    });
    const bare = builder.newLocation({ address: 2n ** 63n, lines: [] });
    builder.sample(
      [location, bare],
      [2n ** 63n - 1n, -1n],
      [
        { key: builder.text('thread'), text: builder.text('main') },
        { key: builder.text('size'), number: -5n, unit: builder.text('bytes') },
      ],
    );

    const profile = decodeProfile(builder.take());

    const text = (row: bigint): string => textAt(profile, row);
    deepEqual(
      profile.sampleTypes.map(({ type, unit }) => `${text(type)}/${text(unit)}`),
      ['samples/count', 'cpu/nanoseconds'],
    );
    equal(text(profile.periodType?.type ?? 0n), 'cpu');
    deepEqual(
      [profile.timeNanos, profile.durationNanos, profile.period],
      [1_700_000_000_000_000_001n, 10_000_000_000n, 10_000_000n],
    );
    const [{ memoryStart, memoryLimit, fileOffset, filename, buildId, ...flags }] = profile.mappings as [
      (typeof profile.mappings)[0],
    ];
    const { hasFunctions, hasFilenames, hasLineNumbers, hasInlineFrames } = flags;
    deepEqual([hasFunctions, hasFilenames, hasLineNumbers, hasInlineFrames], [true, false, true, false]);
    deepEqual(
      [memoryStart, memoryLimit, fileOffset, text(filename), text(buildId)],
      [0x1000n, 2n ** 64n - 1n, 3n, 'libc.so', 'abc'],
    );
    deepEqual(
      profile.functions.map((fn) => [fn.id, text(fn.name), text(fn.systemName), text(fn.filename), fn.startLine]),
      [
        [1n, 'work', 'work', 'w.c', 7n],
        [2n, 'größe', '_Z', '', 0n],
      ],
    );
    deepEqual(
      profile.locations.map(({ id, mappingId, address, lines }) => [
        id,
        mappingId,
        address,
        ...lines.map(({ functionId, line }) => `${functionId}:${line}`),
      ]),
      [
        [1n, 1n, 0x1234n, '2:9', '1:0'],
        [2n, 0n, 2n ** 63n],
      ],
    );
    const [sample] = profile.samples;
    deepEqual(sample?.locationIds, [1n, 2n]);
    deepEqual(sample?.values, [2n ** 63n - 1n, -1n]);
    deepEqual(
      sample?.labels.map(({ key, str, num, numUnit }) => [text(key), text(str), num, text(numUnit)]),
      [
        ['thread', 'main', 0n, ''],
        ['size', '', -5n, 'bytes'],
      ],
    );
  });

  test('makes one of equal texts and mappings, by keys that are short', () => {
    const builder = new PprofBuilder(header);
    const name = builder.text('f');
    const large = 2n ** 64n - 1n;
    const mapping = { memoryStart: large, memoryLimit: large, fileOffset: large, filename: 2 ** 31, buildId: 2 ** 31 };
    const lines = Array.from({ length: 10_000 }, (_, i) => ({ function: i + 1, line: 9 }));

    equal(builder.text(''), 0);
    equal(builder.bytes(Buffer.from('f')), name);
    equal(builder.mapping({ fileOffset: 1n }), builder.mapping({ fileOffset: 1n, filename: 0 }));
    const { longestKey } = textWorkOf(() => {
      equal(builder.mapping(mapping), builder.mapping({ ...mapping }));
      for (let i = 0; i < 3; i++) builder.newLocation({ lines });
    });

    ok(longestKey < 128, `a key of ${longestKey} characters`);
  });

  test('writes functions and locations as they come', () => {
    const builder = new PprofBuilder(header);
    const name = builder.text('f');

    const functions = [builder.newFunction({ name }), builder.newFunction({ name, systemName: 0 })];
    const lines = [{ function: 2, line: 3 }];
    const locations = [
      builder.newLocation({ lines }),
      builder.newLineLocation(0, 2, 3),
      builder.newLocation({ lines }),
    ];
    builder.sample(locations, [1n, 2n]);

    const profile = decodeProfile(builder.take());
    deepEqual([...functions, ...locations], [1, 2, 1, 2, 3]);
    deepEqual(
      profile.functions.map((fn) => [fn.id, fn.name, fn.systemName]),
      [
        [1n, BigInt(name), BigInt(name)],
        [2n, BigInt(name), 0n],
      ],
    );
    deepEqual(
      profile.locations.map(({ id, lines: [line] }) => [id, line]),
      [1n, 2n, 3n].map((id) => [id, { functionId: 2n, line: 3n }]),
    );
    deepEqual(profile.samples[0]?.locationIds, [1n, 2n, 3n]);
  });

  test('keeps bytes that are no text as they are', () => {
    const builder = new PprofBuilder(header);
    const row = builder.bytes(Uint8Array.of(0xff, 0x00, 0x80));

    const { strings } = decodeProfile(builder.take());

    deepEqual([...(strings[row]?.bytes ?? [])], [0xff, 0x00, 0x80]);
  });

  test('never says less than its size, and ends at its limit whatever grows', () => {
    const builder = new PprofBuilder(header);
    for (let i = 0; i < 20_000; i++) {
      const fn = builder.newFunction({ name: builder.text(`function number ${i}`) });
      builder.sample([builder.newLocation({ lines: [{ function: fn }] })], [BigInt(i), 1n]);
    }
    const { sizeBytes } = builder;
    const written = builder.take();
    ok(written.length <= sizeBytes && sizeBytes < written.length * 1.1, `${written.length} of ${sizeBytes}`);
    equal(written.buffer.byteLength, written.length);

    const small = () => new PprofBuilder({ ...header, sizeLimit: { bytes: 1000, name: 'some_limit' } });
    const endless: readonly ((builder: PprofBuilder, i: number) => unknown)[] = [
      (b, i) => b.text(`text ${i}`),
      (b, i) => b.mapping({ fileOffset: BigInt(i) }),
      (b, i) => b.newFunction({ name: 0, startLine: i }),
      (b, i) => b.newLocation({ address: BigInt(i), lines: [] }),
      (b) => b.sample([1], [1n, 1n]),
    ];
    for (const grow of endless) {
      const builder = small();
      throws(
        () => {
          for (let i = 0; i < 1000; i++) grow(builder, i);
        },
        { code: 'invalid-argument', message: /larger than some_limit: limit 1000 bytes/ },
      );
      ok(builder.sizeBytes < 1100);
    }
  });

  test('refuses a sample whose values are not one per type', () => {
    throws(() => new PprofBuilder(header).sample([], [1n]), RangeError);
  });
});

import { deepEqual, equal, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runSteps, type Steps } from '#src/domain/model/steps.ts';
import { type RequestLabels, requestLabels } from '#src/domain/series/request-labels.ts';
import { type PackedSeries, packSeries, SeriesReader, StepCount } from '#src/workers/packed-series.ts';
import { buffersOf } from '#src/workers/transfer.ts';
import { labelList } from '../../fixtures/labels.ts';
import { defaultLimits } from '../../fixtures/limits.ts';
import { Random, runSeed } from '../../fixtures/random.ts';

function unpacked(packed: PackedSeries, step = new StepCount(1 << 30, 1 << 30)): RequestLabels[] {
  const reader = new SeriesReader(packed);
  return Array.from(packed.ends, () => runSteps(reader.next(step)));
}

function thereAndBack(series: readonly RequestLabels[]): RequestLabels[] {
  return unpacked(runSteps(packSeries(series)));
}

describe('packed series', () => {
  test('come back as they were, whatever their texts are', () => {
    const texts = ['', 'plain', 'größe', '\u0000\u00ff', 'Ω', '日本語', '\u{1f600}', 'half \ud83d', 'a\udc00b', 'ÿĀ'];
    const series = texts.map((text) => requestLabels(labelList({ __name__: text, [`${text}x`]: text }), defaultLimits));
    const none = requestLabels([], defaultLimits);
    const named = requestLabels(labelList({ service_name: 'shop', a: 'b' }), defaultLimits);

    deepEqual(thereAndBack([...series, none, named]), [...series, none, named]);
    equal(thereAndBack([named])[0]?.service, 'shop');
    equal(thereAndBack([none])[0]?.service, 'unknown_service');
    deepEqual(thereAndBack([]), []);
  });

  test('keep why no series can have the labels', () => {
    const long = requestLabels(labelList({ a: '\ud800'.repeat(5000) }), defaultLimits);
    const many = requestLabels(
      Array.from({ length: 100 }, (_, i) => ({ name: `l${i}`, value: 'x' })),
      defaultLimits,
    );
    ok(long.labelFault !== undefined && many.labelFault !== undefined);

    const plain = requestLabels(labelList({ a: 'b' }), defaultLimits);
    deepEqual(thereAndBack([long, plain, many, plain]), [long, plain, many, plain]);
  });

  const seed = runSeed();
  test(`come back at random (seed ${seed})`, () => {
    const random = new Random(seed);
    const text = () =>
      String.fromCharCode(
        ...Array.from({ length: random.int(0, 9) }, () => random.int(0, random.pick([127, 255, 0xffff]))),
      );
    const series = Array.from({ length: 200 }, () => {
      const labels = Array.from({ length: random.int(0, 6) }, () => ({ name: `${text()}n`, value: `${text()}v` }));
      return requestLabels(labels, defaultLimits);
    });

    deepEqual(thereAndBack(series), series);
  });

  test('are a few buffers that move, however many they are', () => {
    const series = Array.from({ length: 50_000 }, (_, i) => requestLabels(labelList({ a: `${i}` }), defaultLimits));
    const packed = runSteps(packSeries(series));

    equal(buffersOf(packed).length, 4);
    deepEqual(
      Object.values(packed).map((column) => ArrayBuffer.isView(column)),
      [true, true, true, true],
    );
    const [only, ...others] = Object.values(structuredClone(packed, { transfer: buffersOf(packed) }));
    ok(only instanceof Uint8Array && others.every((column) => column instanceof Uint32Array));
  });

  test('are packed and read in steps of bounded texts and bytes', () => {
    const short = Array.from({ length: 40_000 }, () => requestLabels(labelList({ a: 'b', c: 'd' }), defaultLimits));
    const long = requestLabels(
      Array.from({ length: 3000 }, () => ({ name: 'a', value: 'x'.repeat(2000) })),
      { ...defaultLimits, maxLabelNamesPerSeries: 0, maxLabelValueLength: 0 },
    );
    for (const [series, packSteps, readSteps] of [
      [short, (4 * 40_000) >> 13, (4 * 40_000) >> 10],
      [[long], 6_000_000 >> 20, 6_000_000 >> 16],
    ] as const) {
      const packing = packSeries(series);
      ok(countOf(packing) >= 2 * packSteps - 1);
      const packed = runSteps(packSeries(series));
      const reader = new SeriesReader(packed);
      const step = new StepCount(1 << 10, 64 << 10);
      let count = 0;
      for (let i = 0; i < packed.ends.length; i++) count += countOf(reader.next(step));
      ok(count >= readSteps * 0.9, `${count} of ${readSteps}`);
    }
  });
});

function countOf(steps: Steps<unknown>): number {
  let count = 0;
  while (!steps.next().done) count++;
  return count;
}

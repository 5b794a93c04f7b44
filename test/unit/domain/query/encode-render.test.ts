import { deepEqual, equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseProfileType } from '#src/domain/model/profile-type.ts';
import { runSteps } from '#src/domain/model/steps.ts';
import { diffFlamegraph } from '#src/domain/profile/diff.ts';
import { flamegraph } from '#src/domain/profile/flamegraph.ts';
import { encodeRender, encodeRenderDiff } from '#src/domain/query/encode-render.ts';
import { foldedTree, treeOf } from '../profile/folded-tree.ts';

const text = (pieces: readonly Uint8Array[]) => Buffer.concat(pieces).toString();
const timeline = { startSeconds: 30, stepSeconds: 15, samples: [0n, 7n] };

function typeOf(id: string) {
  const type = parseProfileType(id);
  if (!type) throw new Error(`${id} is no profile type`);
  return type;
}
const cpu = typeOf('process_cpu:cpu:nanoseconds:cpu:nanoseconds');

describe('encodeRender', () => {
  test('writes numbers as numbers, and every key', () => {
    equal(
      text(runSteps(encodeRender(runSteps(flamegraph(foldedTree('a 7'), 0)), cpu, timeline, undefined))),
      '{"version":1,"flamebearer":{"names":["total","a"],"levels":[[0,7,0,0],[0,7,7,1]],"numTicks":7,"maxSelf":7},' +
        '"metadata":{"format":"single","spyName":"","sampleRate":1000000000,"units":"samples","name":"cpu"},' +
        '"timeline":{"startTime":30,"samples":[0,7],"durationDelta":15,"watermarks":null},"groups":null,"heatmap":null}',
    );
  });

  test('writes a timeline per group, under any name', () => {
    const groups = new Map([
      ['"é', timeline],
      ['*', { ...timeline, samples: [] }],
    ]);
    const json = JSON.parse(text(runSteps(encodeRender(runSteps(flamegraph(treeOf([]), 0)), cpu, timeline, groups))));
    deepEqual(Object.keys(json.groups), ['"é', '*']);
    deepEqual(json.groups['*'].samples, []);
    equal(json.flamebearer.numTicks, 0);
  });

  for (const [id, units, sampleRate] of [
    ['memory:inuse_objects:count:space:bytes', 'objects', 100],
    ['memory:alloc_space:bytes:space:bytes', 'bytes', 100],
    ['goroutine:goroutine:count:goroutine:count', 'objects', 100],
    ['process_cpu:samples:count:cpu:nanoseconds', 'objects', 100],
    ['mutex:delay:nanoseconds:mutex:count', 'nanoseconds', 100],
  ] as const) {
    test(`describes ${id} as ${units}`, () => {
      const { metadata } = JSON.parse(
        text(runSteps(encodeRender(runSteps(flamegraph(treeOf([]), 0)), typeOf(id), timeline, undefined))),
      );
      deepEqual([metadata.units, metadata.sampleRate], [units, sampleRate]);
    });
  }
});

test('encodeRenderDiff writes both sides, and no ticks of a side without value', () => {
  const json = JSON.parse(
    text(runSteps(encodeRenderDiff(runSteps(diffFlamegraph(foldedTree('a 1'), treeOf([]), 0)), cpu))),
  );
  equal(json.metadata.format, 'double');
  deepEqual(json.flamebearer.levels[1], [0, 1, 1, 0, 0, 0, 1]);
  equal(json.timeline, null);
  equal(json.leftTicks, 1);
  equal('rightTicks' in json, false);
});

import { deepEqual, equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runSteps } from '#src/domain/model/steps.ts';
import { diffFlamegraph } from '#src/domain/profile/diff.ts';
import { flamegraph } from '#src/domain/profile/flamegraph.ts';
import { truncateTwice } from '#src/domain/profile/truncate.ts';
import { encodeFlamegraphJson, encodeFlamegraphProto } from '#src/domain/query/encode-flamegraph.ts';
import { encodeDiffJson, encodeDiffProto } from '#src/domain/query/encode-flamegraph-diff.ts';
import { foldedTree, shop, shopLater, treeOf } from '../profile/folded-tree.ts';

const text = (pieces: readonly Uint8Array[]) => Buffer.concat(pieces).toString();
const base64 = (pieces: readonly Uint8Array[]) => Buffer.concat(pieces).toString('base64');

describe('encodeFlamegraphProto', () => {
  // Bytes that the system this API comes from answers for the same stacks.
  test('writes the bytes that clients know', () => {
    equal(
      base64(runSteps(encodeFlamegraphProto(runSteps(flamegraph(foldedTree('a;b;e 1\na;c 2\na;c;d 1'), 0))))),
      'CkIKBXRvdGFsCgFhCgFjCgFkCgFiCgFlEgYKBAAEAAASBgoEAAQAARIKCggAAQAEAAMCAhIKCggAAQEFAgEBAxgEIAI=',
    );
    equal(
      base64(runSteps(encodeFlamegraphProto(runSteps(flamegraph(foldedTree(shop), 0))))),
      'CnIKBXRvdGFsCgRtYWluCgR3b3JrCgVwYXJzZQoFYWxsb2MKAmlvCgV3cml0ZQoEcmVhZAoCZ2MSBgoEAGQAABIKCggAAgIIAGIAARIKCggCDQAFAFUUAhIOCgwCCgoHAAMDBhRBKAMSBgoESxkZBBhkICg=',
    );
    equal(
      base64(runSteps(encodeFlamegraphProto(runSteps(flamegraph(runSteps(truncateTwice(foldedTree(shop), 4)), 4))))),
      'ClwKBXRvdGFsCgVvdGhlcgoEbWFpbgoEd29yawoFcGFyc2UKBWFsbG9jEgYKBABkAAASCgoIAGIAAgACAgESCgoIAFUUAwANDQESBgoEFEEoBBIGCgQ8GRkFGGQgKA==',
    );
  });

  test('writes values of 63 bits and bars further to the left', () => {
    const graph = runSteps(flamegraph(foldedTree('a;b 4611686018427387904\na;c 9007199254740993'), 0));
    equal(
      text(runSteps(encodeFlamegraphJson(graph))),
      '{"flamegraph":{"names":["total","a","c","b"],"levels":[' +
        '{"values":["0","4620693217682128897","0","0"]},{"values":["0","4620693217682128897","0","1"]},' +
        '{"values":["0","4611686018427387904","4611686018427387904","3","0","9007199254740993","9007199254740993","2"]}],' +
        '"total":"4620693217682128897","maxSelf":"4611686018427387904"}}',
    );
  });
});

describe('encodeFlamegraphJson', () => {
  test('leaves zeros out, but not in the levels', () => {
    const empty = '{"flamegraph":{"names":["total"],"levels":[{"values":["0","0","0","0"]}]}}';
    equal(text(runSteps(encodeFlamegraphJson(runSteps(flamegraph(treeOf([]), 0))))), empty);
  });

  test('writes any name', () => {
    const json = JSON.parse(
      text(runSteps(encodeFlamegraphJson(runSteps(flamegraph(treeOf([[['"é\\\n😀'], 1n]]), 0))))),
    );
    deepEqual(json.flamegraph.names, ['total', '"é\\\n😀']);
  });
});

describe('encodeDiff', () => {
  const graph = runSteps(diffFlamegraph(foldedTree('a 1'), foldedTree('b 300'), 0));

  test('writes the sums of both sides', () => {
    equal(
      text(runSteps(encodeDiffJson(graph))),
      '{"flamegraph":{"names":["total","b","a"],"levels":[{"values":["0","1","0","0","300","0","0"]},' +
        '{"values":["0","1","1","0","0","0","2","0","0","0","0","300","300","1"]}],' +
        '"total":"301","maxSelf":"300","leftTicks":"1","rightTicks":"300"}}',
    );
    deepEqual(
      [...Buffer.concat(runSteps(encodeDiffProto(graph)))],
      [
        ...[10, 56],
        ...[10, 5, ...Buffer.from('total'), 10, 1, 0x62, 10, 1, 0x61],
        ...[18, 10, 10, 8, 0, 1, 0, 0, 0xac, 2, 0, 0],
        ...[18, 18, 10, 16, 0, 1, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0xac, 2, 0xac, 2, 1],
        ...[24, 0xad, 2, 32, 0xac, 2, 40, 1, 48, 0xac, 2],
      ],
    );
  });

  test('leaves a side without value out', () => {
    const { flamegraph: json } = JSON.parse(
      text(runSteps(encodeDiffJson(runSteps(diffFlamegraph(foldedTree(shop), treeOf([]), 0))))),
    );
    equal(json.leftTicks, '100');
    equal(json.rightTicks, undefined);
  });

  test('agrees with its JSON on the number of levels', () => {
    const { flamegraph: json } = JSON.parse(
      text(runSteps(encodeDiffJson(runSteps(diffFlamegraph(foldedTree(shop), foldedTree(shopLater), 4))))),
    );
    equal(json.levels.length, 5);
  });
});

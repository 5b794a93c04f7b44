import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { StoreError } from '#src/domain/errors.ts';
import { runSteps } from '#src/domain/model/steps.ts';
import { truncateTwice } from '#src/domain/profile/truncate.ts';
import { encodeTreeJson, encodeTreeProto } from '#src/domain/query/encode-tree.ts';
import { decodeTree, encodeTree } from '#src/domain/query/tree-bytes.ts';
import { testSecret } from '../../../fixtures/hash-secret.ts';
import { Random } from '../../../fixtures/random.ts';
import { foldedTree, pathsOf, randomStacks, shop, treeOf } from '../profile/folded-tree.ts';

const seed = Number(process.env['SEED'] ?? 1);

describe('encodeTree', () => {
  // Bytes that the system this API comes from answers for the same stacks.
  test('writes the bytes that clients know', () => {
    const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
    equal(hex(runSteps(encodeTree(foldedTree('a 1\na;b 3\na;c 2')))), '000001' + '01610102' + '01630200' + '01620300');
    equal(
      Buffer.concat(encodeTreeProto(runSteps(encodeTree(foldedTree(shop))))).toString('base64'),
      'EjoAAAIEbWFpbgACBHdvcmsUAQVwYXJzZSgBBWFsbG9jGQACaW8AAgV3cml0ZQMABHJlYWQKAAJnYwIA',
    );
    equal(
      Buffer.concat(encodeTreeProto(runSteps(encodeTree(runSteps(truncateTwice(foldedTree(shop), 4)))))).toString(
        'base64',
      ),
      'EjEAAAIFb3RoZXICAARtYWluAAIEd29yaxQBBXBhcnNlKAEFYWxsb2MZAAVvdGhlcg0A',
    );
  });

  test('writes nothing for a tree without nodes', () => {
    equal(runSteps(encodeTree(treeOf([]))).length, 0);
    deepEqual(encodeTreeProto(new Uint8Array(0)), []);
    equal(Buffer.concat(runSteps(encodeTreeJson(new Uint8Array(0)))).toString(), '{}');
    deepEqual(pathsOf(decodeTree(new Uint8Array(0), testSecret)), []);
  });

  test(`is read back by decodeTree (seed ${seed})`, () => {
    const random = new Random(seed);
    for (let round = 0; round < 100; round++) {
      const tree = treeOf(randomStacks(random, random.int(0, 80)));
      deepEqual(pathsOf(decodeTree(runSteps(encodeTree(tree)), testSecret)), pathsOf(tree));
    }
  });
});

test('encodeTreeJson writes base64 across the borders of its pieces', () => {
  for (const size of [1, 2, 3, 49_151, 49_152, 49_153, 200_000]) {
    const bytes = new Random(size).bytes(size);
    const { tree } = JSON.parse(Buffer.concat(runSteps(encodeTreeJson(bytes))).toString());
    deepEqual(new Uint8Array(Buffer.from(tree, 'base64')), bytes);
  }
});

describe('decodeTree', () => {
  test('takes siblings in any order and adds up those of one name', () => {
    const bytes = Buffer.from('000003' + '01610100' + '01620200' + '01610400', 'hex');
    deepEqual(pathsOf(decodeTree(bytes, testSecret)), ['a 5/5', 'b 2/2']);
  });

  for (const [hex, message] of [
    ['00', /ends beyond the last byte, at offset 1/],
    ['0000', /ends beyond the last byte/],
    ['000001', /child count 1 is more than fits in the rest, 0/],
    ['000001' + '056161', /name length 5 is more than fits in the rest, 2/],
    ['0000ffffffffffffffff7f', /child count/],
    ['00ffffffffffffffffff01', /more than 63 bits/],
    ['80', /ends beyond/],
    ['00000000', /1 bytes follow the tree/],
  ] as const) {
    test(`refuses ${hex}`, () => {
      throws(() => decodeTree(Buffer.from(hex, 'hex'), testSecret), { code: 'corrupted', message });
    });
  }

  test(`survives any damage (seed ${seed})`, () => {
    const random = new Random(seed);
    const good = runSteps(encodeTree(treeOf(randomStacks(random, 40))));
    let refused = 0;
    for (let round = 0; round < 500; round++) {
      const bytes = good.slice(0, random.chance(0.3) ? random.int(0, good.length) : good.length);
      for (let i = 0; i < 3 && bytes.length > 0; i++) bytes[random.int(0, bytes.length - 1)] = random.int(0, 255);
      try {
        decodeTree(bytes, testSecret);
      } catch (error) {
        ok(error instanceof StoreError && error.code === 'corrupted', String(error));
        refused++;
      }
    }
    ok(refused > 100, `only ${refused} were refused`);
  });

  test('reads a stack of any depth', () => {
    const n = 100_000;
    const bytes = Buffer.alloc(3 + n * 4);
    bytes[2] = 1;
    for (let i = 0; i < n; i++) bytes.set([1, 0x66, 0, i === n - 1 ? 0 : 1], 3 + i * 4);
    equal(decodeTree(bytes, testSecret).parent.length, n + 1);
  });
});

import { flamegraph } from '#src/domain/profile/flamegraph.ts';
import { mergeFunctionTreesPlain } from '#src/domain/profile/merge-function-trees.ts';
import { encodeFlamegraphJson, encodeFlamegraphProto } from '#src/domain/query/encode-flamegraph.ts';
import { FunctionTreeBuilder } from '#src/kernels/function-tree-builder.ts';
import { StackSums } from '#src/kernels/stack-sums.ts';
import { testKernels } from '../../test/fixtures/kernels.ts';
import { measure } from '../measure.ts';
import { headOf } from './corpus-head.ts';

const kernels = testKernels();
const query = testKernels();

// What a query finds in a segment: the profiles of one service, or of a dozen.
const cases: readonly (readonly [name: string, kinds: readonly string[]])[] = [
  ['one service', ['go-cpu']],
  [
    'a dozen services',
    ['go-cpu', 'go-heap', 'go-cpu-compiler', 'python-cpu', 'python-memory', 'node-wall', 'rust-cpu'],
  ],
];

for (const [name, kinds] of cases) {
  const [{ symbols, datasets }] = headOf(kernels, kinds).take();
  const stacks = symbols.stacks.parent.length;
  const build = () => {
    query.exports.resetScratch();
    const builder = new FunctionTreeBuilder(query);
    const sums = new StackSums(query, symbols);
    for (const { columns } of datasets) sums.add(columns.samples);
    builder.addStacks(sums);
    return builder;
  };
  measure(`kernels/FunctionTreeBuilder.addStacks ${name}`, { count: stacks, unit: 'stack' }, build);

  const tree = build().take();
  const work = { count: tree.parent.length, unit: 'node' };
  measure(`kernels/FunctionTreeBuilder.addTree two of ${name} wasm`, work, () => {
    const builder = new FunctionTreeBuilder(query);
    for (let i = 0; i < 2; i++) {
      query.exports.resetScratch();
      builder.addTree(tree);
    }
    return builder.take();
  });
  measure(`kernels/FunctionTreeBuilder.addTree two of ${name} plain`, work, () =>
    mergeFunctionTreesPlain([tree, tree]),
  );
  measure(`profile/flamegraph ${name}`, work, () => flamegraph(tree, 0));
  const graph = flamegraph(tree, 0);
  measure(`query/encodeFlamegraphProto ${name}`, work, () => encodeFlamegraphProto(graph));
  measure(`query/encodeFlamegraphJson ${name}`, work, () => encodeFlamegraphJson(graph));
}

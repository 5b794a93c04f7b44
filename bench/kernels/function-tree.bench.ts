import { symbolsOfFamily } from '#src/domain/block/space-columns.ts';
import { runSteps } from '#src/domain/model/steps.ts';
import { flamegraph } from '#src/domain/profile/flamegraph.ts';
import { mergeFunctionTreesPlain } from '#src/domain/profile/merge-function-trees.ts';
import { encodeFlamegraphJson, encodeFlamegraphProto } from '#src/domain/query/encode-flamegraph.ts';
import { FunctionTreeBuilder } from '#src/kernels/function-tree-builder.ts';
import { StackSums } from '#src/kernels/stack-sums.ts';
import { testKernels } from '../../test/fixtures/kernels.ts';
import { takenHead } from '../../test/fixtures/taken-head.ts';
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
  const [{ symbols, datasets }] = takenHead(kernels, headOf(kernels, kinds));
  const families = symbols.families.map(({ sampledStacks }, family) => {
    const samples = datasets.flatMap(({ columns }) => {
      const { stack, values } = columns.families[family];
      return values.map((value) => ({ stack: stack.map((place) => sampledStacks[place]), value }));
    });
    return { symbols: symbolsOfFamily(symbols, family), samples };
  });
  const stacks = symbols.families.reduce((sum, family) => sum + family.stacks.parent.length, 0);
  const build = () => {
    const builder = new FunctionTreeBuilder(query);
    for (const family of families) {
      query.exports.resetScratch();
      const sums = new StackSums(query, family.symbols);
      for (const samples of family.samples) sums.add(samples);
      runSteps(builder.addStacks(sums));
    }
    return builder;
  };
  measure(`kernels/FunctionTreeBuilder.addStacks ${name}`, { count: stacks, unit: 'stack' }, build);

  const tree = build().take();
  const work = { count: tree.parent.length, unit: 'node' };
  measure(`kernels/FunctionTreeBuilder.addTree two of ${name} wasm`, work, () => {
    const builder = new FunctionTreeBuilder(query);
    for (let i = 0; i < 2; i++) {
      query.exports.resetScratch();
      runSteps(builder.addTree(tree));
    }
    return builder.take();
  });
  measure(`kernels/FunctionTreeBuilder.addTree two of ${name} plain`, work, () =>
    mergeFunctionTreesPlain([tree, tree]),
  );
  measure(`profile/flamegraph ${name}`, work, () => runSteps(flamegraph(tree, 0)));
  const graph = runSteps(flamegraph(tree, 0));
  measure(`query/encodeFlamegraphProto ${name}`, work, () => runSteps(encodeFlamegraphProto(graph)));
  measure(`query/encodeFlamegraphJson ${name}`, work, () => runSteps(encodeFlamegraphJson(graph)));
}

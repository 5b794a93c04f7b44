import type { ByteStrings } from '#src/domain/symbols/symbol-columns.ts';

/**
 * A call tree by function name: what flame graphs are made of. Files, lines and addresses play no role in it.
 *
 * Row i is a node named `names[name[i]]` under the node in row `parent[i]`. Row 0 is the root, which has no name.
 * Two children of one node never have the same name. The order of siblings means nothing.
 *
 * @shapes    parent Int32Array[n], name Uint32Array[n], self BigInt64Array[n]
 * @invariant n >= 1, parent[0] = -1, 0 <= parent[i] < i otherwise
 * @units     self: the unit of the sample type; >= 0
 */
export type FunctionTree = {
  readonly parent: Int32Array;
  readonly name: Uint32Array;
  readonly self: BigInt64Array;
  readonly names: ByteStrings;
};

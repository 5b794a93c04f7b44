import { StoreError } from '#src/domain/errors.ts';
import { LimitFlag } from '#src/domain/model/limit-flags.ts';

/** @units nodes. `nodesDefault` 0: no folding unless asked for; `nodesMax` 0: any number may be asked for. */
export type MaxNodesLimits = { readonly nodesDefault: number; readonly nodesMax: number };

/**
 * How many nodes a flame graph or a tree should have.
 *
 * @param   requested undefined or 0: the default
 * @returns 0: all
 * @throws  StoreError 'invalid-argument' when it is over the limit, or negative where there is a limit
 */
export function validateMaxNodes(requested: number | undefined, limits: MaxNodesLimits): number {
  if (requested === undefined || requested === 0) return limits.nodesDefault;
  if (limits.nodesMax > 0 && requested > limits.nodesMax) {
    throw new StoreError(
      'invalid-argument',
      `max_nodes is more than --${LimitFlag.flamegraphNodes}: limit ${limits.nodesMax}, actual ${requested}`,
    );
  }
  if (limits.nodesMax > 0 && requested < 0) {
    throw new StoreError('invalid-argument', `max_nodes ${requested} must not be negative`);
  }
  return Math.max(requested, 0);
}

/** How many nodes a difference should have: what either side asks for, whichever is more. @throws as validateMaxNodes */
export function validateDiffMaxNodes(
  left: number | undefined,
  right: number | undefined,
  limits: MaxNodesLimits,
): number {
  return validateMaxNodes(Math.max(left ?? 0, right ?? 0), limits);
}

/** How many nodes an exported profile should have. No limit applies; 0 and negative numbers mean all. */
export function exportMaxNodes(requested: number | undefined): number {
  return Math.max(requested ?? 0, 0);
}

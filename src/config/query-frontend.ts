import { LimitFlag } from '#src/domain/model/limit-flags.ts';
import type { DurationMs } from '#src/domain/model/units.ts';
import { duration, integer, onOff } from './kinds.ts';
import type { Section } from './section.ts';

export type QueryFrontendConfig = {
  /** Older data is not looked at: a range is clamped to it, without an error. 0: no limit. */
  readonly maxQueryLookbackMs: DurationMs;
  /** Longer ranges are refused, measured after the clamp. 0: no limit. */
  readonly maxQueryLengthMs: DurationMs;
  /** Nodes of a flame graph or tree when the request does not say. 0: all. */
  readonly maxFlamegraphNodesDefault: number;
  /** A request for more is refused. 0: no limit. */
  readonly maxFlamegraphNodesMax: number;
  /** Whether both apply to merged pprof as well. */
  readonly maxFlamegraphNodesOnSelectMergeProfile: boolean;
};

const anyLength = duration(0, 100 * 365 * 86_400_000);

export const queryFrontendSection: Section<QueryFrontendConfig> = {
  title: 'Queries (0: no limit)',
  defaults: {
    maxQueryLookbackMs: 7 * 86_400_000,
    maxQueryLengthMs: 86_400_000,
    maxFlamegraphNodesDefault: 8192,
    maxFlamegraphNodesMax: 1_048_576,
    maxFlamegraphNodesOnSelectMergeProfile: false,
  },
  knobs: {
    maxQueryLookbackMs: {
      flag: 'querier.max-query-lookback',
      kind: anyLength,
      meaning: 'How far back a query sees; a longer range is cut.',
    },
    maxQueryLengthMs: {
      flag: LimitFlag.queryLength,
      kind: anyLength,
      meaning: 'The longest range of a query; longer ones are refused.',
    },
    maxFlamegraphNodesDefault: {
      flag: 'querier.max-flamegraph-nodes-default',
      kind: integer(0, 2 ** 31 - 1),
      meaning: 'Nodes of a flame graph when the query does not say.',
    },
    maxFlamegraphNodesMax: {
      flag: LimitFlag.flamegraphNodes,
      kind: integer(0, 2 ** 31 - 1),
      meaning: 'Most nodes that a query may ask for.',
    },
    maxFlamegraphNodesOnSelectMergeProfile: {
      flag: 'querier.max-flamegraph-nodes-on-select-merge-profile',
      kind: onOff,
      meaning: 'Whether both apply to merged pprof as well.',
    },
  },
  check(config, refuse) {
    const { maxFlamegraphNodesDefault, maxFlamegraphNodesMax } = config;
    if (maxFlamegraphNodesMax > 0 && maxFlamegraphNodesDefault > maxFlamegraphNodesMax) {
      refuse(
        'maxFlamegraphNodesDefault',
        `${maxFlamegraphNodesDefault} is more than --querier.max-flamegraph-nodes-max=${maxFlamegraphNodesMax}`,
      );
    }
  },
};

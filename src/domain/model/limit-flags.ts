/**
 * What sets the limits that a refusal may be about, as an operator types it without the two dashes. `src/config/` gives
 * them their values under the same names, so that a message leads to the knob: `--${LimitFlag.profileSize}`.
 */
export const LimitFlag = {
  ingestionRate: 'distributor.ingestion-rate-limit-mb',
  ingestionBurst: 'distributor.ingestion-burst-size-mb',
  ingestionBody: 'distributor.ingestion-body-limit-mb',
  ingestBuffer: 'ingest-buffer-bytes-max',
  labelNameLength: 'validation.max-length-label-name',
  labelValueLength: 'validation.max-length-label-value',
  labelNames: 'validation.max-label-names-per-series',
  profileSize: 'validation.max-profile-size-bytes',
  samples: 'validation.max-profile-stacktrace-samples',
  sampleLabels: 'validation.max-profile-stacktrace-sample-labels',
  symbolLength: 'validation.max-profile-symbol-value-length',
  newerThan: 'validation.reject-newer-than',
  olderThan: 'validation.reject-older-than',
  queryLength: 'querier.max-query-length',
  flamegraphNodes: 'querier.max-flamegraph-nodes-max',
  queue: 'pool.queue-max',
  openQueue: 'pool.open-queue-max',
  openWait: 'pool.open-wait-max',
  headBytes: 'pool.head-bytes-max',
  taskBytes: 'pool.task-bytes-max',
} as const;

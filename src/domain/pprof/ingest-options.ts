import type { UnixNanos } from '#src/domain/model/units.ts';

/**
 * What `/ingest` knows about a pprof body that Push does not. Push sends `undefined`.
 *
 * @source reference of the public API, "POST /ingest", pprof
 */
export type IngestOptions = {
  /** `spyName` of the request; selects the fix-ups for script languages and .NET. */
  readonly spyName: string;
  /** Taken when the profile's own time falls in 1970. */
  readonly fromNanos: UnixNanos;
  /** `display-name` per sample type, from `sample_type_config`; undefined when none was sent. */
  readonly displayNames: Readonly<Record<string, string>> | undefined;
};

/** Per-tenant limits that a profile is checked against when it is decoded. 0 switches a limit off. */
export type ProfileLimits = {
  readonly maxProfileSizeBytes: number;
  readonly maxProfileStacktraceSamples: number;
  readonly maxProfileStacktraceSampleLabels: number;
  readonly maxProfileStacktraceDepth: number;
  readonly maxProfileSymbolValueLength: number;
  readonly rejectNewerThanMs: number;
  readonly rejectOlderThanMs: number;
  readonly maxLabelNamesPerSeries: number;
  readonly maxLabelNameLength: number;
  readonly maxLabelValueLength: number;
  readonly disableLabelSanitization: boolean;
  readonly maxSessionsPerSeries: number;
  /** Where the built-in relabeling rules stand among the operator's, of which there are none yet. */
  readonly ingestionRelabelingDefaultRulesPosition: 'first' | 'last' | 'disabled';
};

/** Why a profile was refused or dropped: the `reason` label of the discard metrics. */
export type DiscardReason =
  | 'unknown'
  | 'invalid_labels'
  | 'missing_labels'
  | 'rate_limited'
  | 'not_in_ingestion_window'
  | 'max_label_names_per_series'
  | 'label_name_too_long'
  | 'label_value_too_long'
  | 'duplicate_label_names'
  | 'samples_limit'
  | 'profile_size_limit'
  | 'sample_labels_limit'
  | 'malformed_profile'
  | 'body_size_limit_exceeded'
  | 'dropped_by_relabel_rules';

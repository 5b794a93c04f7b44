import { LimitFlag } from '#src/domain/model/limit-flags.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import type { ProfileLimits } from '#src/domain/pprof/ingest-options.ts';
import { bytes, duration, integer, megabytes, oneOf, onOff } from './kinds.ts';
import type { Section } from './section.ts';

/** What a tenant may send. 0 switches a limit off, save `maxSessionsPerSeries`, where it removes the label. */
export type LimitsConfig = ProfileLimits & {
  /** Bytes per second and tenant; what does not fit is refused with 429. */
  readonly ingestionRateBytes: Bytes;
  /**
   * How far a tenant may run ahead of its rate. Pyroscope's default is below the largest profile it takes, and is
   * kept: a profile between the two is always refused while the rate limit is on.
   */
  readonly ingestionBurstBytes: Bytes;
  /** Of one request. */
  readonly ingestionBodyBytesMax: Bytes;
};

const anyCount = integer(0, 2 ** 31 - 1);
const anySize = bytes(0, 2 ** 40);
const anyMegabytes = megabytes(0, 2 ** 40);
const anyAge = duration(0, 100 * 365 * 86_400_000);

export const limitsSection: Section<LimitsConfig> = {
  title: 'Limits of a tenant (0: no limit)',
  defaults: {
    ingestionRateBytes: 4 << 20,
    ingestionBurstBytes: 2 << 20,
    ingestionBodyBytesMax: 256 << 20,
    ingestionRelabelingDefaultRulesPosition: 'first',
    maxLabelNameLength: 1024,
    maxLabelValueLength: 2048,
    maxLabelNamesPerSeries: 30,
    disableLabelSanitization: true,
    maxSessionsPerSeries: 0,
    maxProfileSizeBytes: 4 << 20,
    maxProfileStacktraceSamples: 16_000,
    maxProfileStacktraceSampleLabels: 100,
    maxProfileStacktraceDepth: 1000,
    maxProfileSymbolValueLength: 65_535,
    rejectNewerThanMs: 600_000,
    rejectOlderThanMs: 3_600_000,
  },
  knobs: {
    ingestionRateBytes: {
      flag: LimitFlag.ingestionRate,
      kind: anyMegabytes,
      meaning: 'Uncompressed profiles per second.',
      defaultNote: '4 with multi-tenancy, else 0',
    },
    ingestionBurstBytes: {
      flag: LimitFlag.ingestionBurst,
      kind: anyMegabytes,
      meaning: 'How far a tenant may run ahead of its rate.',
    },
    ingestionBodyBytesMax: {
      flag: LimitFlag.ingestionBody,
      kind: anyMegabytes,
      meaning: 'Size of a request.',
    },
    ingestionRelabelingDefaultRulesPosition: {
      flag: 'distributor.ingestion-relabeling-default-rules-position',
      kind: oneOf('first', 'last', 'disabled'),
      meaning: 'Where the built-in relabeling rules stand.',
    },
    maxLabelNameLength: {
      flag: LimitFlag.labelNameLength,
      kind: anyCount,
      meaning: 'Bytes of a label name.',
    },
    maxLabelValueLength: {
      flag: LimitFlag.labelValueLength,
      kind: anyCount,
      meaning: 'Bytes of a label value.',
    },
    maxLabelNamesPerSeries: {
      flag: LimitFlag.labelNames,
      kind: anyCount,
      meaning: 'Labels of a series.',
    },
    disableLabelSanitization: {
      flag: 'validation.disable-label-sanitization',
      kind: onOff,
      meaning: 'Take label names as they are; otherwise "." becomes "_".',
    },
    maxSessionsPerSeries: {
      flag: 'validation.max-sessions-per-series',
      kind: anyCount,
      meaning: 'Values of __session_id__ per series, more are folded together; 0 removes the label.',
    },
    maxProfileSizeBytes: {
      flag: LimitFlag.profileSize,
      kind: anySize,
      meaning: 'Uncompressed bytes of a profile.',
    },
    maxProfileStacktraceSamples: {
      flag: LimitFlag.samples,
      kind: anyCount,
      meaning: 'Samples of a profile.',
    },
    maxProfileStacktraceSampleLabels: {
      flag: LimitFlag.sampleLabels,
      kind: anyCount,
      meaning: 'Labels of a sample.',
    },
    maxProfileStacktraceDepth: {
      flag: 'validation.max-profile-stacktrace-depth',
      kind: anyCount,
      meaning: 'Locations of a stacktrace; longer ones keep those next to the root.',
    },
    maxProfileSymbolValueLength: {
      flag: LimitFlag.symbolLength,
      kind: anyCount,
      meaning: 'Bytes of a function or file name; longer ones keep their end.',
    },
    rejectNewerThanMs: {
      flag: LimitFlag.newerThan,
      kind: anyAge,
      meaning: 'How far in the future a profile may lie.',
    },
    rejectOlderThanMs: {
      flag: LimitFlag.olderThan,
      kind: anyAge,
      meaning: 'How far in the past a profile may lie.',
    },
  },
  check(config, refuse) {
    if (config.ingestionRateBytes > 0 && config.ingestionBurstBytes === 0) {
      refuse('ingestionBurstBytes', '0 lets nothing through while the rate limit is on');
    }
  },
};

/** The part that travels with each profile to the thread that decodes it. */
export function profileLimitsOf(limits: LimitsConfig): ProfileLimits {
  return {
    maxProfileSizeBytes: limits.maxProfileSizeBytes,
    maxProfileStacktraceSamples: limits.maxProfileStacktraceSamples,
    maxProfileStacktraceSampleLabels: limits.maxProfileStacktraceSampleLabels,
    maxProfileStacktraceDepth: limits.maxProfileStacktraceDepth,
    maxProfileSymbolValueLength: limits.maxProfileSymbolValueLength,
    rejectNewerThanMs: limits.rejectNewerThanMs,
    rejectOlderThanMs: limits.rejectOlderThanMs,
    maxLabelNamesPerSeries: limits.maxLabelNamesPerSeries,
    maxLabelNameLength: limits.maxLabelNameLength,
    maxLabelValueLength: limits.maxLabelValueLength,
    disableLabelSanitization: limits.disableLabelSanitization,
    maxSessionsPerSeries: limits.maxSessionsPerSeries,
    ingestionRelabelingDefaultRulesPosition: limits.ingestionRelabelingDefaultRulesPosition,
  };
}

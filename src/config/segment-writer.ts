import type { Bytes, DurationMs } from '#src/domain/model/units.ts';
import { bytes, duration } from './kinds.ts';
import type { Section } from './section.ts';

export type SegmentWriterConfig = {
  /**
   * How long a segment collects profiles before it is flushed. A push is acknowledged only after the flush, so on a
   * busy node this is most of its latency. Shorter segments mean more objects: more to pay for on remote stores, more
   * to compact everywhere. A local disk charges nothing for objects, so the default is a fifth of Pyroscope's 500 ms.
   */
  readonly segmentDurationMs: DurationMs;
  /** Uncompressed profiles after which a segment is flushed early. Bounds the memory of a window. */
  readonly segmentBytesMax: Bytes;
  /** How long storing a segment may take before its pushes are refused. */
  readonly uploadTimeoutMs: DurationMs;
  /** How long telling the metastore may take before its pushes are refused. */
  readonly metadataUpdateTimeoutMs: DurationMs;
};

export const segmentWriterSection: Section<SegmentWriterConfig> = {
  title: 'Segment writer',
  defaults: {
    segmentDurationMs: 100,
    segmentBytesMax: 32 << 20,
    uploadTimeoutMs: 2_000,
    metadataUpdateTimeoutMs: 2_000,
  },
  knobs: {
    segmentDurationMs: {
      flag: 'segment-writer.segment-duration',
      kind: duration(1, 60_000),
      meaning: 'How long a segment collects profiles before it is stored.',
    },
    segmentBytesMax: {
      flag: 'segment-writer.segment-bytes-max',
      kind: bytes(1 << 20, 2 ** 30),
      meaning: 'Uncompressed profiles after which a segment is stored early.',
    },
    uploadTimeoutMs: {
      flag: 'segment-writer.upload-timeout',
      kind: duration(100, 600_000),
      meaning: 'How long storing a segment may take.',
    },
    metadataUpdateTimeoutMs: {
      flag: 'segment-writer.metadata-update-timeout',
      kind: duration(100, 600_000),
      meaning: 'How long telling the metastore about a segment may take.',
    },
  },
};

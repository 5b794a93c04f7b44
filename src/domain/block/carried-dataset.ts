import { LabelName, valueOf } from '#src/domain/model/labels.ts';
import { Section } from './block-format.ts';
import type { DatasetMeta } from './block-meta.ts';
import { checkedBytesOf, rawBytesOf } from './chunk-reader.ts';
import type { Chunk, ChunkTable } from './chunk-table.ts';
import type { ChunkWriter } from './chunk-writer.ts';
import type { ProfileColumns, PushColumns } from './dataset-columns.ts';
import { type EncodedDataset, finishDatasetOf, writeProfiles, writePushes } from './dataset-writer.ts';
import { bytesAt, type FetchedRange } from './fetched-ranges.ts';

// Takes a symbol space and its datasets over into another object, because they are too large to be merged there. Offsets
// in them count from their own starts, so a copy is as good as the original.

/**
 * The bytes of a symbol space or a dataset as they are, in a buffer of their own.
 *
 * @throws StoreError 'corrupted' when a checksum differs: a copy vouches for what it copies
 * @cost   O(bytes)
 */
export function carriedBytes(table: ChunkTable, fetched: readonly FetchedRange[]): Uint8Array<ArrayBuffer> {
  for (const chunk of table.chunks) checkedBytesOf(chunk, fetched);
  return Uint8Array.from(bytesAt(fetched, table.range));
}

/** The rows of a dataset that tell its pushes. */
export type PushesAndProfiles = { readonly pushes: PushColumns; readonly profiles: ProfileColumns };

/**
 * A dataset without some of its pushes: series, runs and samples stay as they are, where values may then belong to no
 * profile. Totals would count those, so they are left out as well.
 *
 * @param kept    per push: whether it stays; at least one does, with a profile
 * @param writer  of a dataset, new
 * @throws StoreError 'corrupted' when a chunk is not what its checksum or its length promise
 */
export function withoutPushes(
  { service, labels }: Pick<DatasetMeta, 'service' | 'labels'>,
  { table, fetched, rows }: { table: ChunkTable; fetched: readonly FetchedRange[]; rows: PushesAndProfiles },
  kept: readonly boolean[],
  writer: ChunkWriter,
): EncodedDataset {
  const { pushes, profiles } = keptRows(rows, kept);
  let open: { chunk: Chunk; raw: Uint8Array } | undefined;
  let before: Section | undefined;
  for (const { section, family, column, chunk, offset, rawBytes, rowCount } of table.pages) {
    if (open?.chunk !== chunk) {
      writer.closeChunk();
      open = { chunk, raw: rawBytesOf(chunk, fetched) };
    }
    if (section === Section.pushes) {
      if (section !== before) writePushes(writer, pushes);
    } else if (section === Section.profiles) {
      if (section !== before) writeProfiles(writer, profiles);
    } else if (section !== Section.types && section !== Section.totals) {
      writer.page({ section, family, column }, rowCount, open.raw.subarray(offset, offset + rawBytes));
    }
    before = section;
  }
  const types = new Set(labels.map((set) => valueOf(set, LabelName.profileType) ?? ''));
  return finishDatasetOf(writer, service, { timeNanos: pushes.timeNanos, types });
}

function keptRows({ pushes, profiles }: PushesAndProfiles, kept: readonly boolean[]): PushesAndProfiles {
  let count = 0;
  const rowOf = Int32Array.from(kept, (stays) => (stays ? count++ : -1));
  const ofPush = (_: unknown, row: number): boolean => kept[row];
  const ofProfile = (_: unknown, row: number): boolean => kept[profiles.push[row]];
  return {
    pushes: {
      timeNanos: pushes.timeNanos.filter(ofPush),
      durationNanos: pushes.durationNanos.filter(ofPush),
      period: pushes.period.filter(ofPush),
      id: pushes.id.filter((_, at) => kept[at >>> 4]),
    },
    profiles: {
      series: profiles.series.filter(ofProfile),
      push: profiles.push.filter(ofProfile).map((row) => rowOf[row]),
      run: profiles.run.filter(ofProfile),
      column: profiles.column.filter(ofProfile),
      total: profiles.total.filter(ofProfile),
    },
  };
}

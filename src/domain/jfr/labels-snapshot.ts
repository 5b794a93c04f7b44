import type { BinaryReader } from '@bufbuild/protobuf/wire';
import { eachField, int64, message } from '#src/domain/pprof/wire-fields.ts';
import { undecodableUpload } from '#src/domain/upload/upload.ts';

/** What an agent knows about the numbers that events carry: names of labels, and what they are set to. */
export type LabelsSnapshot = {
  /** By `snapshotKey` of the id: pairs of numbers of strings. */
  readonly contexts: ReadonlyMap<string, readonly (readonly [key: bigint, value: bigint])[]>;
  /** By their numbers, in the form of `snapshotKey` as well. */
  readonly strings: ReadonlyMap<string, string>;
};

/** Numbers are texts in maps: the hash of a number can be foreseen, and that of such a text has a secret of the process. */
export function snapshotKey(id: bigint): string {
  return `n${id}`;
}

export const emptySnapshot: LabelsSnapshot = { contexts: new Map(), strings: new Map() };

/** A field takes two bytes of the message and two hundred of memory. An agent sends some thousands in ten seconds. */
const FIELDS_MAX = 1 << 18;

/**
 * Reads the labels that an agent sends beside a recording.
 *
 *     LabelsSnapshot { contexts = 1: map of int64 to Context, strings = 2: map of int64 to string }
 *     Context        { labels = 1: map of int64 to int64 }
 *
 * @throws StoreError 'invalid-argument' when it is no such message, or has too many fields
 */
export function readLabelsSnapshot(bytes: Uint8Array): LabelsSnapshot {
  let fields = 0;
  const each = (part: Uint8Array, take: (field: number, wire: number, reader: BinaryReader) => boolean) =>
    eachField(part, (field, wire, reader) => {
      if (++fields > FIELDS_MAX) throw new Error(`more than ${FIELDS_MAX} fields`);
      return take(field, wire, reader);
    });
  const readPairs = (part: Uint8Array): [bigint, bigint][] => {
    const pairs = new Map<string, [bigint, bigint]>();
    each(part, (field, wire, reader) => {
      if (field !== 1) return false;
      let [key, value] = [0n, 0n];
      each(message(reader, wire), (of, type, inner) => {
        if (of === 1) key = int64(inner, type);
        else if (of === 2) value = int64(inner, type);
        else return false;
        return true;
      });
      pairs.set(snapshotKey(key), [key, value]);
      return true;
    });
    return [...pairs.values()];
  };

  const contexts = new Map<string, [bigint, bigint][]>();
  const strings = new Map<string, string>();
  try {
    each(bytes, (field, wire, reader) => {
      if (field !== 1 && field !== 2) return false;
      let key = 0n;
      let value = new Uint8Array(0);
      each(message(reader, wire), (of, type, inner) => {
        if (of === 1) key = int64(inner, type);
        else if (of === 2) value = message(inner, type) as Uint8Array<ArrayBuffer>;
        else return false;
        return true;
      });
      if (field === 1) contexts.set(snapshotKey(key), readPairs(value));
      else strings.set(snapshotKey(key), Buffer.from(value.buffer, value.byteOffset, value.length).toString('utf8'));
      return true;
    });
  } catch (error) {
    const what = error instanceof Error ? error.message : 'unknown reason';
    throw undecodableUpload('jfr', `its labels are no such message: ${what}`);
  }
  return { contexts, strings };
}

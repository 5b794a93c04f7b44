import type { LogIndex, StateChange } from '#src/services/metastore/ports.ts';

/** What stands at this index: what is read back can be told from what should be there. */
export function commandOf(logIndex: LogIndex): Uint8Array {
  return Buffer.from(`command ${logIndex} ${'x'.repeat(logIndex % 700)}`);
}

/** The row that applying it makes. */
export function rowOf(logIndex: LogIndex): StateChange {
  const key = Buffer.alloc(8);
  key.writeBigUInt64BE(BigInt(logIndex));
  return { key, value: commandOf(logIndex) };
}

import { assert } from '#src/platform/assert.ts';
import { decodeBlock } from './block-codec.ts';
import { decodeCommand } from './command.ts';
import { MetadataIndex } from './metadata-index.ts';
import type { LogIndex, StateChange } from './ports.ts';
import { ulidBytes } from './ulid.ts';

/** Rows of one kind share the first byte of their keys. `block | 16 bytes of ULID`: the block as block-codec.ts says. */
const BLOCK_TABLE = 0x01;

/** What a command did. */
export type Outcome = 'added' | 'known';

/** What applying a command returns: its outcome, and how the durable rows change. */
export type Applied = { readonly outcome: Outcome; readonly changes: readonly StateChange[] };

/**
 * What the metastore knows, as a pure function of the commands of the log: no clock, no randomness, no order but the
 * log's. The rows on disk are the state; the index is made from them, or alongside, and never says anything else.
 */
export class StateMachine {
  readonly index = new MetadataIndex();
  #applied: LogIndex = 0;

  /** The index of the last command that was applied. */
  get applied(): LogIndex {
    return this.#applied;
  }

  /** Starts from rows that were kept, instead of from nothing. @order once, before the first `apply` */
  restore(applied: LogIndex, rows: Iterable<{ readonly key: Uint8Array; readonly value: Uint8Array }>): void {
    assert(this.#applied === 0 && this.index.blockCount === 0, 'state machine: restored twice');
    for (const { key, value } of rows) {
      assert(key[0] === BLOCK_TABLE, `state machine: a row of table ${key[0]}`);
      this.index.add(decodeBlock(value));
    }
    this.#applied = applied;
  }

  /**
   * Applies the next command of the log. Total: every command that was checked before it was appended has an outcome.
   *
   * @throws StoreError 'unimplemented' when only a later version knows the command; nothing has changed then
   */
  apply(logIndex: LogIndex, command: Uint8Array): Applied {
    assert(logIndex === this.#applied + 1, `state machine: applying ${logIndex} after ${this.#applied}`);
    const { block, blockBytes } = decodeCommand(command);
    this.#applied = logIndex;

    // A block's content follows from its id, so what comes later under a known id says nothing new.
    if (!this.index.add(block)) return { outcome: 'known', changes: [] };
    const key = Buffer.concat([Uint8Array.of(BLOCK_TABLE), ulidBytes(block.id)]);
    return { outcome: 'added', changes: [{ key, value: blockBytes }] };
  }
}

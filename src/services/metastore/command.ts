// Commands as the log keeps them.
//
//   u16 command | u16 version | u32 flags | payload                  big-endian
//
// The payload of a command is a protobuf message; AddBlock's is written and read here, field by field:
//
//   message AddBlockCommand { Block block = 1; }                     Block: see block-codec.ts

import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import type { BlockMeta } from '#src/domain/block/block-meta.ts';
import { StoreError } from '#src/domain/errors.ts';
import { decodeBlock, encodeBlock } from './block-codec.ts';

/** Numbers are for ever: logs hold them. */
const CommandNumber = { addBlock: 1 } as const;
const ADD_BLOCK_VERSION = 1;
const ENVELOPE_BYTES = 8;

/** block = 1, length-delimited. */
const BLOCK_TAG = (1 << 3) | 2;

export type Command = {
  readonly kind: 'add-block';
  readonly block: BlockMeta;
  /** The block as it stands in the command: what the state keeps. */
  readonly blockBytes: Uint8Array;
};

export function encodeAddBlock(block: BlockMeta): Uint8Array {
  const payload = new BinaryWriter().uint32(BLOCK_TAG).bytes(encodeBlock(block)).finish();
  const bytes = Buffer.alloc(ENVELOPE_BYTES + payload.length);
  bytes.writeUInt16BE(CommandNumber.addBlock, 0);
  bytes.writeUInt16BE(ADD_BLOCK_VERSION, 2);
  bytes.set(payload, ENVELOPE_BYTES);
  return bytes;
}

/**
 * @throws StoreError 'unimplemented' for a command, version or flag that only a later version of this program knows,
 *         'corrupted' when the payload does not decode
 */
export function decodeCommand(bytes: Uint8Array): Command {
  if (bytes.length < ENVELOPE_BYTES) throw new StoreError('corrupted', `a command has only ${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const [command, version, flags] = [view.getUint16(0), view.getUint16(2), view.getUint32(4)];
  if (command !== CommandNumber.addBlock || version !== ADD_BLOCK_VERSION || flags !== 0) {
    throw new StoreError('unimplemented', 'the log has a command of a later version: start that version', {
      command,
      version,
      flags,
    });
  }
  const blockBytes = blockOf(bytes.subarray(ENVELOPE_BYTES));
  return { kind: 'add-block', block: decodeBlock(blockBytes), blockBytes };
}

function blockOf(payload: Uint8Array): Uint8Array {
  try {
    const reader = new BinaryReader(payload);
    const tag = reader.uint32();
    const block = reader.bytes();
    if (tag === BLOCK_TAG && reader.pos === payload.length) return block;
  } catch (cause) {
    throw new StoreError('corrupted', 'an AddBlock command does not decode', {}, { cause });
  }
  throw new StoreError('corrupted', 'an AddBlock command is not one block');
}

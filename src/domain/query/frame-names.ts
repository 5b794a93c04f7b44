import { nameText } from '#src/domain/profile/name-table.ts';
import type { SymbolColumns } from '#src/domain/symbols/symbol-columns.ts';

/**
 * What a location without lines is called: where in which file it is, as debuggers and symbol servers ask for it.
 *
 *     libc.so.6+0x29d90        offset in the file: address - start of the mapping + offset of the mapping
 *     0x7f2a61229d90           the address, when the mapping or its file is unknown
 *
 * Without it, stacks of programs that have no symbols would vanish from flame graphs.
 */
export function frameName(symbols: SymbolColumns, location: number): Uint8Array {
  const { mappings, locations, strings } = symbols;
  const mapping = locations.mapping[location];
  const address = locations.address[location];
  const file = nameText(strings, mappings.filename[mapping]);
  const base = file.slice(file.lastIndexOf('/') + 1);
  if (mapping === 0 || base === '') return Buffer.from(`0x${address.toString(16)}`);
  const offset = BigInt.asUintN(64, address - mappings.memoryStart[mapping] + mappings.fileOffset[mapping]);
  return Buffer.from(`${base}+0x${offset.toString(16)}`);
}

import { nameText } from '#src/domain/profile/name-table.ts';
import type { SymbolColumns } from '#src/domain/symbols/symbol-columns.ts';

/** Where a location lies. */
export type MappingPlace = {
  readonly file: string;
  readonly memoryStart: bigint;
  readonly fileOffset: bigint;
  /** False for "no mapping". */
  readonly known: boolean;
};

/**
 * What a location without lines is called: where in which file it is, as debuggers and symbol servers ask for it.
 *
 *     libc.so.6+0x29d90        offset in the file: address - start of the mapping + offset of the mapping
 *     0x7f2a61229d90           the address, when the mapping or its file is unknown
 *
 * Without it, stacks of programs that have no symbols would vanish from flame graphs.
 */
export function madeUpName(address: bigint, { file, memoryStart, fileOffset, known }: MappingPlace): Uint8Array {
  const base = file.slice(file.lastIndexOf('/') + 1);
  if (!known || base === '') return Buffer.from(`0x${address.toString(16)}`);
  return Buffer.from(`${base}+0x${BigInt.asUintN(64, address - memoryStart + fileOffset).toString(16)}`);
}

/** `madeUpName` of a location of a symbol table. */
export function frameName(symbols: SymbolColumns, location: number): Uint8Array {
  const { mappings, locations, strings } = symbols;
  const mapping = locations.mapping[location];
  return madeUpName(locations.address[location], {
    file: nameText(strings, mappings.filename[mapping]),
    memoryStart: mappings.memoryStart[mapping],
    fileOffset: mappings.fileOffset[mapping],
    known: mapping !== 0,
  });
}

import type { SymbolColumns } from '#src/domain/symbols/symbol-columns.ts';
import { Section } from './block-format.ts';
import { type ColumnFault, lengthFault, offsetsFault, referenceFault } from './column-fault.ts';

/**
 * The first place where columns break the invariants of `SymbolColumns`: what writers assert, what readers check, and
 * what kernels then rely on without looking.
 *
 * @cost O(rows), without allocation
 */
export function symbolFault(symbols: SymbolColumns): ColumnFault | undefined {
  return (
    stringFault(symbols) ??
    functionFault(symbols) ??
    mappingFault(symbols) ??
    locationFault(symbols) ??
    stackFault(symbols)
  );
}

function stringFault({ strings }: SymbolColumns): ColumnFault | undefined {
  if (strings.offsets.length < 2) return missingRow(Section.strings);
  return (
    offsetsFault(Section.strings, 'string offsets', strings.offsets, strings.bytes.length) ??
    zeroFault(Section.strings, [strings.offsets[1]])
  );
}

function functionFault({ strings, functions }: SymbolColumns): ColumnFault | undefined {
  const { name, systemName, filename, startLine } = functions;
  const stringCount = strings.offsets.length - 1;
  const section = Section.functions;
  if (name.length < 1) return missingRow(section);
  return (
    lengthFault(section, name.length, [systemName.length, filename.length, startLine.length]) ??
    zeroFault(section, [name[0], systemName[0], filename[0], startLine[0]]) ??
    referenceFault(section, 'name', name, stringCount) ??
    referenceFault(section, 'systemName', systemName, stringCount) ??
    referenceFault(section, 'filename', filename, stringCount)
  );
}

function mappingFault({ strings, mappings }: SymbolColumns): ColumnFault | undefined {
  const { memoryStart, memoryLimit, fileOffset, filename, buildId, flags } = mappings;
  const stringCount = strings.offsets.length - 1;
  const section = Section.mappings;
  if (filename.length < 1) return missingRow(section);
  const lengths = [memoryStart.length, memoryLimit.length, fileOffset.length, buildId.length, flags.length];
  return (
    lengthFault(section, filename.length, lengths) ??
    zeroFault(section, [memoryStart[0], memoryLimit[0], fileOffset[0], filename[0], buildId[0], flags[0]]) ??
    referenceFault(section, 'filename', filename, stringCount) ??
    referenceFault(section, 'buildId', buildId, stringCount)
  );
}

function locationFault({ functions, mappings, locations }: SymbolColumns): ColumnFault | undefined {
  const { mapping, address, folded, lineOffsets, lineFunction, line } = locations;
  const section = Section.locations;
  if (mapping.length < 1) return missingRow(section);
  return (
    lengthFault(section, mapping.length, [address.length, folded.length, lineOffsets.length - 1]) ??
    lengthFault(section, lineFunction.length, [line.length]) ??
    offsetsFault(section, 'line offsets', lineOffsets, lineFunction.length) ??
    zeroFault(section, [mapping[0], address[0], folded[0], lineOffsets[1]]) ??
    referenceFault(section, 'mapping', mapping, mappings.filename.length) ??
    referenceFault(section, 'lineFunction', lineFunction, functions.name.length)
  );
}

function stackFault({ locations, stacks }: SymbolColumns): ColumnFault | undefined {
  const { parent, location } = stacks;
  const section = Section.stacks;
  if (parent.length < 1) return missingRow(section);
  const lengths = lengthFault(section, parent.length, [location.length]);
  if (lengths !== undefined) return lengths;
  if (parent[0] !== -1) return { section, problem: 'the root has a parent', row: 0, value: parent[0], limit: -1 };
  for (let i = 1; i < parent.length; i++) {
    if (parent[i] < 0 || parent[i] >= i) {
      return { section, problem: 'parent is not a row before', row: i, value: parent[i], limit: i };
    }
    if (location[i] === 0) return { section, problem: 'a stack has no location', row: i, value: 0, limit: 1 };
  }
  return zeroFault(section, [location[0]]) ?? referenceFault(section, 'location', location, locations.mapping.length);
}

/** Row 0 stands for "none", so that a reference can always be followed. */
function zeroFault(section: Section, row: readonly (number | bigint)[]): ColumnFault | undefined {
  const value = row.find((field) => field !== 0 && field !== 0n);
  if (value === undefined) return undefined;
  return { section, problem: 'row 0 is not empty', row: 0, value, limit: 0 };
}

function missingRow(section: Section): ColumnFault {
  return { section, problem: 'row 0 is missing', row: 0, value: 0, limit: 1 };
}

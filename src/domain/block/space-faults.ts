import type { ByteStrings } from '#src/domain/symbols/symbol-columns.ts';
import { familiesMax, Section } from './block-format.ts';
import {
  type ColumnFault,
  faultIn,
  lengthFault,
  offsetsFault,
  referenceFault,
  strictRiseFault,
} from './column-fault.ts';
import type { FamilyColumns, FoldedStacks, SpaceColumns } from './space-columns.ts';

/**
 * The first place where columns break the invariants of `SpaceColumns`: what writers assert, what readers check, and
 * what kernels then rely on without looking.
 *
 * @cost O(rows), without allocation
 */
export function spaceFault(space: SpaceColumns): ColumnFault | undefined {
  const { families } = space;
  if (families.length > familiesMax + 1) {
    return {
      section: Section.stacks,
      problem: 'too many families',
      row: 0,
      value: families.length,
      limit: familiesMax,
    };
  }
  return (
    stringFault(Section.names, space.names) ??
    stringFault(Section.texts, space.texts) ??
    functionFault(space) ??
    mappingFault(space) ??
    locationFault(space) ??
    families.map((family, i) => faultIn(familyFault(space, family), i)).find((fault) => fault !== undefined)
  );
}

function familyFault(space: SpaceColumns, { stacks, sampledStacks, folded }: FamilyColumns): ColumnFault | undefined {
  return (
    treeFault(Section.stacks, stacks.parent, stacks.location, space.locations.mapping.length, 1) ??
    referenceFault(Section.sampledStacks, 'stack', sampledStacks, stacks.parent.length) ??
    strictRiseFault(Section.sampledStacks, 'stacks', sampledStacks) ??
    (folded && foldedFault(folded, space.names.offsets.length - 1, sampledStacks.length))
  );
}

function foldedFault({ parent, name, node }: FoldedStacks, names: number, sampled: number): ColumnFault | undefined {
  return (
    treeFault(Section.functionTree, parent, name, names, 0) ??
    lengthFault(Section.foldedStacks, sampled, [node.length]) ??
    referenceFault(Section.foldedStacks, 'node', node, parent.length)
  );
}

function stringFault(section: Section, strings: ByteStrings): ColumnFault | undefined {
  if (strings.offsets.length < 2) return missingRow(section);
  return (
    offsetsFault(section, 'string offsets', strings.offsets, strings.bytes.length) ??
    zeroFault(section, [strings.offsets[1]])
  );
}

function functionFault({ names, texts, functions }: SpaceColumns): ColumnFault | undefined {
  const { name, systemName, filename, startLine } = functions;
  const nameCount = names.offsets.length - 1;
  const details = Section.functionDetails;
  if (name.length < 1) return missingRow(Section.functions);
  return (
    lengthFault(details, name.length, [systemName.length, filename.length, startLine.length]) ??
    zeroFault(Section.functions, [name[0]]) ??
    zeroFault(details, [systemName[0], filename[0], startLine[0]]) ??
    referenceFault(Section.functions, 'name', name, nameCount) ??
    referenceFault(details, 'systemName', systemName, nameCount) ??
    referenceFault(details, 'filename', filename, texts.offsets.length - 1)
  );
}

function mappingFault({ texts, mappings }: SpaceColumns): ColumnFault | undefined {
  const { memoryStart, memoryLimit, fileOffset, filename, buildId, flags } = mappings;
  const textCount = texts.offsets.length - 1;
  const section = Section.mappings;
  if (filename.length < 1) return missingRow(section);
  const lengths = [memoryStart.length, memoryLimit.length, fileOffset.length, buildId.length, flags.length];
  return (
    lengthFault(section, filename.length, lengths) ??
    zeroFault(section, [memoryStart[0], memoryLimit[0], fileOffset[0], filename[0], buildId[0], flags[0]]) ??
    referenceFault(section, 'filename', filename, textCount) ??
    referenceFault(section, 'buildId', buildId, textCount)
  );
}

function locationFault({ functions, mappings, locations }: SpaceColumns): ColumnFault | undefined {
  const { mapping, address, folded, lineOffsets, lineFunction, line } = locations;
  const section = Section.locations;
  const details = Section.locationDetails;
  if (mapping.length < 1) return missingRow(section);
  return (
    lengthFault(section, mapping.length, [lineOffsets.length - 1]) ??
    lengthFault(details, mapping.length, [address.length, folded.length]) ??
    lengthFault(details, lineFunction.length, [line.length]) ??
    offsetsFault(section, 'line offsets', lineOffsets, lineFunction.length) ??
    zeroFault(section, [lineOffsets[1]]) ??
    zeroFault(details, [mapping[0], address[0], folded[0]]) ??
    referenceFault(section, 'lineFunction', lineFunction, functions.name.length) ??
    referenceFault(details, 'mapping', mapping, mappings.filename.length)
  );
}

/** @param keyMin  the lowest key of a row other than the root */
function treeFault(
  section: Section,
  parent: Int32Array,
  key: Uint32Array,
  keyCount: number,
  keyMin: number,
): ColumnFault | undefined {
  if (parent.length < 1) return missingRow(section);
  const lengths = lengthFault(section, parent.length, [key.length]);
  if (lengths !== undefined) return lengths;
  if (parent[0] !== -1) return { section, problem: 'the root has a parent', row: 0, value: parent[0], limit: -1 };
  for (let i = 1; i < parent.length; i++) {
    if (parent[i] < 0 || parent[i] >= i) {
      return { section, problem: 'parent is not a row before', row: i, value: parent[i], limit: i };
    }
    if (key[i] < keyMin) return { section, problem: 'a stack has no location', row: i, value: key[i], limit: keyMin };
  }
  return zeroFault(section, [key[0]]) ?? referenceFault(section, 'key', key, keyCount);
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

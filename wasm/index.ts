// The list of kernels. src/kernels/instance.ts has their types.
export {
  allocHead, allocScratch, arenaFull, arenaInit, headPeak, headUsed, resetHead, resetScratch, scratchPeak, scratchUsed,
} from './arena';
export { hashInit } from './bytes';
export { intern, tableBytes, tableNew, tableOffsets, tableRows } from './intern-table';
export { treeChild, treeNew, treeNodes, treeRows, treeValues } from './tree';
export {
  sourceRowsReset, spaceAddStacks, spaceFunctions, spaceInternString, spaceLocations, spaceMappings, spaceNew,
  spaceStacks, spaceStrings,
} from './symbol-space';
export { decodeDetail, decodeDetail2, decodeError, decodeProfile, decodeWhat, dropAddresses } from './pprof-decode';
export { repairGoStacks } from './go-stacks';
export { findMarker, stripGoShapes } from './go-symbols';
export {
  collectLabelKeys, groupSamples, groupTable, hasSpans, labelKeys, sampleGroup, setLabelRole,
} from './label-groups';
export { appendSamples, datasetNew, insertStacks, keepSamples, keptSamples, resultRows, rowCount } from './ingest-samples';
export { markNeeded, sumSamples, treeAddStacks, treeMerge } from './aggregate';

// The list of kernels. src/kernels/instance.ts has their types.
export {
  allocHead, allocScratch, arenaFull, arenaInit, peakBytes, headUsed, resetHead, resetScratch, scratchUsed, shrinkScratch,
} from './arena';
export { hashInit } from './bytes';
export { intern, tableBytes, tableNew, tableOffsets, tableRows } from './intern-table';
export { treeChild, treeNew, treeNodes, treeRows, treeValues } from './tree';
export {
  sourceRowsReset, spaceAddStacks, spaceFamily, spaceFunctions, spaceLocations, spaceMappings, spaceNames, spaceNew, spaceStacks,
  spaceTexts,
} from './symbol-space';
export { decodeDetail, decodeDetail2, decodeError, decodeProfile, decodeWhat, dropAddresses } from './pprof-decode';
export { findMarker, stripGoShapes } from './go-symbols';
export {
  collectLabelKeys, groupSamples, groupTable, hasSpans, labelKeys, sampleGroup, setLabelRole,
} from './label-groups';
export { appendSamples, datasetFamily, datasetNew, keepSamples, keptSamples, resultRows, rowCount } from './ingest-samples';
export { markNeeded, sumSamples, treeAddStacks, treeMerge } from './aggregate';
export {
  fieldU32, fieldU64, locationColumns, lowBytes, markStacks, placesOf, placeStacks, subtractU32, treeColumns,
} from './head-columns';

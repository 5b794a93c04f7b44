// The list of kernels. src/kernels/instance.ts has their types.
export {
  allocHead, allocScratch, arenaFull, arenaInit, arenaNeed, arenaTop, headPeak, headUsed, releaseScratch, reserveHead, resetHead,
  resetScratch, scratchPeak, scratchUsed, shrinkScratch,
} from './arena';
export { hashInit } from './bytes';
export { intern, tableBytes, tableNew, tableOffsets, tableRows } from './intern-table';
export { treeChild, treeNew, treeNodes, treeRows, treeValues } from './tree';
export {
  inlinedFrames, sourceRowsReset, spaceAddStacks, spaceFamily, spaceFunctions, spaceLocations, spaceMappings, spaceNames, spaceNew, spaceStacks,
  spaceTexts,
} from './symbol-space';
export { decodeProfile, decodeWhat, dropAddresses } from './pprof-decode';
export { decodeDetail, decodeDetail2, decodeError } from './protobuf';
export { repairGoStacks } from './go-stacks';
export { findMarker, stripGoShapes } from './go-symbols';
export {
  collectLabelKeys, groupSamples, groupTable, hasSpans, labelKeys, sampleGroup, setLabelRole,
} from './label-groups';
export { appendSamples, datasetFamily, datasetNew, keepSamples, keptSamples, reserveSamples, resultRows, rowCount } from './ingest-samples';
export { markNeeded, sumSamples, treeAddStacks, treeMerge } from './aggregate';
export {
  fieldU32, fieldU64, locationColumns, lowBytes, markStacks, placesOf, placeStacks, subtractU32, treeColumns,
} from './head-columns';
export {
  columnBytes, columnFirstUse, columnI64, columnI64Deltas, columnNumber, columnStrings, columnU32, columnU32Deltas,
  columnU64, columnValues, outputLength, outputNew, outputPointer, outputReset,
} from './column-encode';
export {
  columnDetail, columnDetail2, columnDetail3, columnError, readBytes, readerClaim, readerEnd, readerNew, readerOffset,
  readFirstUse, readI64, readI64Deltas, readNumber, readStrings, readU32, readU32Deltas, readU64, readValues,
} from './column-decode';
export { allBelow, offsetsOfCounts, rises } from './column-checks';
export {
  addStartLines, addU32, firstNotRising, firstZero, foldSums, hasTooLarge, parentRows, selectRows, shiftReferences,
  spreadSums, stringRows, timesOfRows,
} from './block-columns';
export { sortRows } from './sort';
export { mergeRuns, stackMapNew } from './merge-samples';
export { internSeries, labelOfSeries } from './merge-series';
export { neededRows, projectStacks, stampLocations } from './project-stacks';
export { foldStacks } from './fold-stacks';
export { ascending, gatherU32, gatherU64, nonZeroValues, orderSpans, sampleKeys } from './order-samples';

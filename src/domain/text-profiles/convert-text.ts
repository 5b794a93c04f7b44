import type { Steps } from '#src/domain/model/steps.ts';
import {
  type ConversionBounds,
  type ConvertedProfile,
  type Converter,
  convertedSizeLimit,
  type Upload,
} from '#src/domain/upload/upload.ts';
import { isSpanUpload, uploadLabels } from '#src/domain/upload/upload-labels.ts';
import { readFolded } from './read-folded.ts';
import { readTree } from './read-tree.ts';
import { readTrie } from './read-trie.ts';
import { type CollectorLimits, STACKS_MAX, StackCollector } from './stack-collector.ts';
import { typedApp } from './value-kind.ts';
import { writeStacks } from './write-stacks.ts';

export const convertGroups = textConverter((upload, stacks) => readFolded('groups', upload.body, stacks));
export const convertLines = textConverter((upload, stacks) => readFolded('lines', upload.body, stacks));
export const convertTrie = textConverter((upload, stacks) => readTrie(upload.body, stacks));
export const convertTree = textConverter((upload, stacks, { limits }) => readTree(upload.body, stacks, limits));

type Read = (upload: Upload, stacks: StackCollector, bounds: ConversionBounds) => Steps<void>;

/** The formats that are stacks with counts, and nothing else. */
function textConverter(read: Read): Converter {
  return function* convertText(upload, bounds): Steps<readonly ConvertedProfile[]> {
    if (isSpanUpload(upload.tags)) return [];
    const { service, kind } = typedApp(upload.app, upload.sampleRate);
    const limits = collectorLimits(bounds);
    const stacks = new StackCollector(limits);
    yield* read(upload, stacks, bounds);
    const profile = yield* writeStacks(stacks.take(), kind, {
      timeNanos: upload.fromNanos,
      sizeLimit: limits.sizeLimit,
      scale: kind.periodNanos,
    });
    return profile === undefined ? [] : [{ labels: uploadLabels(upload, kind.profileName, service), profile }];
  };
}

export function collectorLimits({ limits }: ConversionBounds): CollectorLimits {
  const maxDepth = limits.maxProfileStacktraceDepth;
  return { maxDepth, sizeLimit: convertedSizeLimit(limits), maxStacks: STACKS_MAX };
}

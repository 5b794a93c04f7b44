import type { Steps } from '#src/domain/model/steps.ts';
import {
  type ConversionMeans,
  type ConvertedProfile,
  type Converter,
  convertedSizeLimit,
  type Upload,
} from '#src/domain/upload/upload.ts';
import { isSpanUpload, uploadLabels } from '#src/domain/upload/upload-labels.ts';
import { readFolded } from './read-folded.ts';
import { readTree } from './read-tree.ts';
import { readTrie } from './read-trie.ts';
import { type CollectorOptions, STACKS_MAX, StackCollector } from './stack-collector.ts';
import { typedApp } from './value-kind.ts';
import { writeStacks } from './write-stacks.ts';

export const convertGroups = textConverter((upload, stacks) => readFolded('groups', upload.body, stacks));
export const convertLines = textConverter((upload, stacks) => readFolded('lines', upload.body, stacks));
export const convertTrie = textConverter((upload, stacks) => readTrie(upload.body, stacks));
export const convertTree = textConverter((upload, stacks, { limits }) => readTree(upload.body, stacks, limits));

type Read = (upload: Upload, stacks: StackCollector, means: ConversionMeans) => Steps<void>;

/** The formats that are stacks with counts, and nothing else. */
function textConverter(read: Read): Converter {
  return function* convertText(upload, means): Steps<readonly ConvertedProfile[]> {
    if (isSpanUpload(upload.tags)) return [];
    const { service, kind } = typedApp(upload.app, upload.sampleRate);
    const options = collectorOptions(means);
    const stacks = new StackCollector(options);
    yield* read(upload, stacks, means);
    const profile = yield* writeStacks(stacks.take(), kind, {
      timeNanos: upload.fromNanos,
      sizeLimit: options.sizeLimit,
      scale: kind.periodNanos,
    });
    return profile === undefined ? [] : [{ labels: uploadLabels(upload, kind.profileName, service), profile }];
  };
}

export function collectorOptions({ limits, secret }: ConversionMeans): CollectorOptions {
  const maxDepth = limits.maxProfileStacktraceDepth;
  return { maxDepth, sizeLimit: convertedSizeLimit(limits), maxStacks: STACKS_MAX, secret };
}

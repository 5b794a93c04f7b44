import { decodeProfile as decodePlain } from '#src/domain/pprof/decode.ts';
import { ingestPlain } from '#src/domain/pprof/ingest-profile.ts';
import { groupSamples } from '#src/kernels/ingest.ts';
import { DecodedProfile, decodeProfile } from '#src/kernels/pprof-decode.ts';
import { Head } from '#src/workers/head.ts';
import { Inflater } from '#src/workers/inflater.ts';
import { ingestProfile } from '#src/workers/ingest-profile.ts';
import { testKernels } from '../../test/fixtures/kernels.ts';
import { measure } from '../measure.ts';
import { corpusBody, corpusRaw, itemOf, limits, NOW_MS } from './corpus-head.ts';

// Stages of a profile's way into a head, each with those before it: what one costs is the difference. The bytes are put
// into the arena anew each time, which is 0.05 ms per MB of all but the last stage.
//
//     decode            columns of samples, symbols and strings
//     decode, group     which samples are kept, and their labels
//     all but inflate   and symbols, stacktraces and samples in an empty head
//     again             the same for a profile whose symbols and stacktraces the head has
//     whole             inflate first

const kernels = testKernels();
const inflater = Inflater.create();

function decoded(raw: Uint8Array): DecodedProfile {
  kernels.exports.resetScratch();
  const profile = decodeProfile(kernels, { pointer: kernels.put(raw), length: raw.length }, limits);
  if (!(profile instanceof DecodedProfile)) throw new Error(`the corpus has a profile that is ${profile.kind}`);
  return profile;
}

// A CPU profile of ten seconds, the heap of a server, and one with labels and stacks at the limit of Go's runtime.
for (const kind of ['go-cpu', 'go-heap', 'go-cpu-labels', 'python-cpu']) {
  const raw = corpusRaw(kind);
  const work = { count: raw.length / 1e6, unit: 'raw MB' };
  const twice = { ...work, count: 2 * work.count };
  const rawItem = itemOf(raw);
  const item = itemOf(corpusBody(kind));

  measure(`kernels/ingest ${kind} decode`, work, () => decoded(raw));
  measure(`kernels/ingest ${kind} decode, group`, work, () => groupSamples(kernels, decoded(raw)));
  measure(`kernels/ingest ${kind} all but inflate`, work, () =>
    ingestProfile(kernels, new Head(kernels), rawItem, limits, NOW_MS, inflater),
  );
  measure(`kernels/ingest ${kind} all but inflate, and again`, twice, () => {
    const head = new Head(kernels);
    ingestProfile(kernels, head, rawItem, limits, NOW_MS, inflater);
    return ingestProfile(kernels, head, rawItem, limits, NOW_MS, inflater);
  });
  measure(`kernels/ingest ${kind} whole`, work, () =>
    ingestProfile(kernels, new Head(kernels), item, limits, NOW_MS, inflater),
  );

  measure(`domain/decodeProfile ${kind} plain`, work, () => decodePlain(raw));
  measure(`domain/ingestProfile ${kind} plain`, work, () =>
    ingestPlain(raw, { labels: item.labels, ingest: undefined, limits, nowMs: NOW_MS }),
  );
}

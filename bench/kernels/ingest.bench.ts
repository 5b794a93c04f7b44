import { decodeProfile as decodePlain } from '#src/domain/pprof/decode.ts';
import { ingestPlain } from '#src/domain/pprof/ingest-profile.ts';
import { decodeProfile } from '#src/kernels/pprof-decode.ts';
import { Head } from '#src/workers/head.ts';
import { Inflater } from '#src/workers/inflater.ts';
import { ingestProfile } from '#src/workers/ingest-profile.ts';
import { testKernels } from '../../test/fixtures/kernels.ts';
import { measure } from '../measure.ts';
import { corpusBody, corpusRaw, itemOf, limits, NOW_MS } from './corpus-head.ts';

const kernels = testKernels();
const inflater = Inflater.create();

// A CPU profile of ten seconds, the heap of a server, and one with labels and stacks at the limit of Go's runtime.
for (const kind of ['go-cpu', 'go-heap', 'go-cpu-labels', 'python-cpu']) {
  const raw = corpusRaw(kind);
  const work = { count: raw.length / 1e6, unit: 'raw MB' };

  measure(`kernels/decodeProfile ${kind} wasm`, work, () => {
    kernels.exports.resetScratch();
    return decodeProfile(kernels, { pointer: kernels.put(raw), length: raw.length }, limits);
  });
  measure(`kernels/decodeProfile ${kind} plain`, work, () => decodePlain(raw));

  const item = itemOf(corpusBody(kind));
  measure(`workers/ingestProfile ${kind} wasm, with inflate`, work, () =>
    ingestProfile(kernels, new Head(kernels), item, limits, NOW_MS, inflater),
  );
  measure(`workers/ingestProfile ${kind} plain, without inflate`, work, () =>
    ingestPlain(raw, { labels: item.labels, ingest: undefined, limits, nowMs: NOW_MS }),
  );
}

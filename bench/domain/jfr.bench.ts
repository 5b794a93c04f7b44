import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { convertJfr } from '#src/domain/jfr/convert-jfr.ts';
import { runSteps } from '#src/domain/model/steps.ts';
import type { InflateSteps } from '#src/domain/pprof/gzip-fault.ts';
import type { Upload } from '#src/domain/upload/upload.ts';
import { inflateInSteps } from '#src/workers/inflate-steps.ts';
import { limits } from '../kernels/corpus-head.ts';
import { measure } from '../measure.ts';

// Recordings of 15 and 20 seconds by async-profiler: CPU alone, and with wall clock, allocations and locks; and one of
// the JDK itself, a third of which is the description of its types. Inflating them is not measured.

const bounds = { maxBytes: 256 << 20, limits };
const inflate: InflateSteps = (file, maxBytes) => inflateInSteps(file, maxBytes, undefined);

for (const file of ['java-cpu', 'java-multi', 'java-jdk']) {
  const body = gunzipSync(readFileSync(new URL(`../../test/data/corpus/${file}.jfr.gz`, import.meta.url)));
  const upload: Upload = {
    ...{ format: 'jfr', body, fromForm: false, jfrLabels: undefined, app: 'app', tags: [], spyName: 'javaspy' },
    ...{ fromNanos: 0n, untilNanos: 10_000_000_000n, sampleRate: 100 },
  };
  const work = { count: body.length / 1e6, unit: 'raw MB' };

  measure(`domain/convertJfr ${file}`, work, () =>
    runSteps(convertJfr(upload, { ...bounds, secret: [1, 2] }, { inflate })),
  );
}

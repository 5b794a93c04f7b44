// Runs the benchmarks of kernels and functions. See README.md.
//
//     npm run bench -- [PATTERN]

import { writeResults } from './load/report.ts';
import { runAll } from './measure.ts';

await import('./kernels/ingest.bench.ts');
await import('./kernels/samples.bench.ts');
await import('./kernels/function-tree.bench.ts');
await import('./kernels/block-part.bench.ts');
await import('./kernels/block-read.bench.ts');
await import('./kernels/columns.bench.ts');
await import('./kernels/zstd.bench.ts');
await import('./kernels/merge.bench.ts');
await import('./domain/text-profiles.bench.ts');
await import('./domain/jfr.bench.ts');
await import('./domain/otlp.bench.ts');

writeResults('kernels', await runAll(new RegExp(process.argv[2] ?? '')));

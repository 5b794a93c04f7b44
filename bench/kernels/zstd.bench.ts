import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { ZstdCompressor, zstdBytesMax } from '#src/workers/zstd-compressor.ts';
import { ZstdDecompressor } from '#src/workers/zstd-decompressor.ts';
import { testKernels } from '../../test/fixtures/kernels.ts';
import { measure } from '../measure.ts';
import { corpusRaw } from './corpus-head.ts';

const LEVEL = 1;
const pprof = corpusRaw('go-allocs');
const kernels = testKernels();
const compressor = new ZstdCompressor(LEVEL);
const decompressor = new ZstdDecompressor();
const origin = { offset: 0, section: 'samples' };

// What a chunk may be: a section of a small dataset, of a large one, and a symbol table.
for (const [name, bytes] of [
  ['256 B', 256],
  ['4 KiB', 4 << 10],
  ['16 KiB', 16 << 10],
  ['64 KiB', 64 << 10],
  ['1 MiB', 1 << 20],
] as const) {
  const raw = Uint8Array.from({ length: bytes }, (_, i) => pprof[i % pprof.length]);
  const work = { count: bytes / 1024, unit: 'KiB' };
  const from = kernels.put(raw);
  const room = zstdBytesMax(bytes);
  const to = kernels.exports.allocScratch(room) >>> 0;
  const frame = compressor.compress(raw).slice();

  measure(`workers/zstdCompress ${name} once`, work, () =>
    zstdCompressSync(raw, {
      params: { [constants.ZSTD_c_compressionLevel]: LEVEL },
      pledgedSrcSize: bytes,
      chunkSize: bytes + 64,
    }),
  );
  measure(`workers/zstdCompress ${name} kept`, work, () => {
    const memory = kernels.u8();
    return compressor.compressInto(memory.subarray(from, from + bytes), memory.subarray(to, to + room));
  });
  measure(`workers/zstdDecompress ${name} once`, work, () =>
    zstdDecompressSync(frame, {
      maxOutputLength: bytes,
      chunkSize: bytes + 1,
      params: { [constants.ZSTD_d_windowLogMax]: 26 },
    }),
  );
  measure(`workers/zstdDecompress ${name} kept`, work, () => {
    decompressor.decompressInto(frame, kernels.u8().subarray(to, to + bytes), origin);
  });
}

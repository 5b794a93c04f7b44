import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { StoreError } from '#src/domain/errors.ts';
import type { KernelInstance } from '#src/kernels/instance.ts';
import { testKernels } from '../../fixtures/kernels.ts';

const SCRATCH_BYTES = 1 << 20;
const HEAD_BYTES = 1 << 19;
const smallKernels = () => testKernels({ scratchBytesMax: SCRATCH_BYTES, headBytesMax: HEAD_BYTES });

function refuses(kernels: KernelInstance, limit: string, limitBytes: number, allocate: () => unknown): void {
  throws(
    () => kernels.guard(allocate),
    (error: unknown) => {
      equal(error instanceof StoreError && error.code, 'limit-exceeded');
      const { actualBytes, ...details } = (error as StoreError).details;
      deepEqual(details, { arena: limit.replace('BytesMax', ''), limit, limitBytes });
      ok(typeof actualBytes === 'number' && actualBytes > limitBytes, `${actualBytes}`);
      ok((error as StoreError).message.includes(` ${actualBytes} bytes`));
      return true;
    },
  );
}

describe('an arena', () => {
  // Lengths just below 2^32 are what a sum of hostile lengths may come to.
  for (const bytes of [SCRATCH_BYTES + 1, 2 ** 31, 2 ** 32 - 65_536, 2 ** 32 - 32, 2 ** 32 - 31, 2 ** 32 - 1]) {
    test(`refuses ${bytes} bytes, which are more than it may have`, () => {
      const kernels = smallKernels();

      refuses(kernels, 'scratchBytesMax', SCRATCH_BYTES, () => kernels.exports.allocScratch(bytes));
      refuses(kernels, 'headBytesMax', HEAD_BYTES, () => kernels.exports.allocHead(bytes));

      equal(kernels.exports.scratchUsed(), 0);
      equal(kernels.exports.headUsed(), 0);
    });
  }

  test('gives all that it has, but for the readable bytes behind', () => {
    const kernels = smallKernels();

    kernels.exports.allocScratch(SCRATCH_BYTES - 16);
    kernels.exports.allocHead(HEAD_BYTES - 16);

    equal(kernels.exports.scratchUsed(), SCRATCH_BYTES);
    refuses(kernels, 'scratchBytesMax', SCRATCH_BYTES, () => kernels.exports.allocScratch(0));
    refuses(kernels, 'headBytesMax', HEAD_BYTES, () => kernels.exports.allocHead(0));
  });
});

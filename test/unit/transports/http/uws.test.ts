import { doesNotThrow, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { checkDigest } from '#src/transports/http/uws.ts';

test('takes the native library whose digest is known, and no other', () => {
  doesNotThrow(() => checkDigest('linux_x64_127', 'abc', 'abc'));
  throws(() => checkDigest('linux_x64_127', 'abc', 'abd'), { code: 'corrupted' });
});

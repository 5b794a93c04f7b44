import { throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runSteps } from '#src/domain/model/steps.ts';
import type { Upload } from '#src/domain/upload/upload.ts';
import { openUpload } from '#src/workers/open-upload.ts';
import { defaultLimits } from '../../fixtures/limits.ts';

const bounds = { maxBytes: 1 << 20, limits: defaultLimits };
const upload: Upload = {
  ...{ format: 'jfr', body: new Uint8Array(0), fromForm: false, jfrLabels: undefined, app: 'a', tags: [], spyName: '' },
  ...{ fromNanos: 0n, untilNanos: 0n, sampleRate: 100 },
};

describe('openUpload', () => {
  test('refuses formats that are not implemented', () => {
    throws(() => runSteps(openUpload({ upload, bounds })), { code: 'unimplemented', message: /"jfr"/ });
  });
});

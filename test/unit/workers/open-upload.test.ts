import { deepEqual, equal, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runSteps } from '#src/domain/model/steps.ts';
import { decodeProfile } from '#src/domain/pprof/decode.ts';
import type { Upload } from '#src/domain/upload/upload.ts';
import { Inflater } from '#src/workers/inflater.ts';
import { type OpenedMessage, profilesInSteps } from '#src/workers/open-message.ts';
import { openUpload, tableBytesWithin } from '#src/workers/open-upload.ts';
import { defaultLimits } from '../../fixtures/limits.ts';

const bounds = { maxBytes: 1 << 20, limits: defaultLimits };
const upload: Upload = {
  ...{
    format: 'trie',
    body: new Uint8Array(0),
    fromForm: false,
    jfrLabels: undefined,
    app: 'a',
    tags: [],
    spyName: '',
  },
  ...{ fromNanos: 0n, untilNanos: 0n, sampleRate: 100 },
};

const opening = { taskBytesMax: 64 << 20, inflater: Inflater.create() };

const opened = (message: OpenedMessage) => runSteps(profilesInSteps(message));

describe('openUpload', () => {
  test('has memory for as much as a task as it came, and for half of that in tables of a recording', () => {
    const groups: Upload = { ...upload, format: 'groups', body: Buffer.from(`${'a'.repeat(100)} 1`) };
    const open = (taskBytesMax: number) =>
      runSteps(openUpload({ upload: groups, bounds }, [1, 2], { taskBytesMax, inflater: undefined }));

    equal(open(102 * 4).ends.length, 0 + 1);
    throws(() => open(101), {
      code: 'invalid-argument',
      message: /larger than a thread has room for \(--pool\.task-bytes-max\): limit 101 bytes, actual 102 bytes/,
    });
    deepEqual(
      [0, 48 << 20, 256 << 20, 2 ** 40].map((taskBytesMax) => tableBytesWithin(taskBytesMax)),
      [1 << 20, 24 << 20, 128 << 20, 128 << 20],
    );
  });

  test('converts, and looks at the labels as at those of a push', () => {
    const tags = Array.from({ length: 40 }, (_, i) => ({ name: `tag${i}`, value: 'x' }));
    const groups: Upload = { ...upload, format: 'groups', body: Buffer.from('a;b 1') };

    const [profile] = opened(runSteps(openUpload({ upload: groups, bounds }, [1, 2], opening)));
    const [tooMany] = opened(runSteps(openUpload({ upload: { ...groups, tags }, bounds }, [1, 2], opening)));
    const none = runSteps(openUpload({ upload: { ...groups, body: new Uint8Array(0) }, bounds }, [1, 2], opening));

    equal(profile?.service, 'a');
    equal(decodeProfile(profile?.profile ?? new Uint8Array(0)).samples.length, 1);
    equal(tooMany?.labelFault?.details['reason'], 'max_label_names_per_series');
    deepEqual(opened(none), []);
  });
});

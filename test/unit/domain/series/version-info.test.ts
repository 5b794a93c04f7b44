import { equal } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { versionedBuildId, versionInfoOf } from '#src/domain/series/version-info.ts';
import { labelList } from '../../../fixtures/labels.ts';

describe('version info', () => {
  const buildId = (labels: Record<string, string>, before: string): string | undefined => {
    const version = versionInfoOf(labelList(labels));
    return version && versionedBuildId(version, before);
  };

  test('is compact JSON with the build id, in a fixed order', () => {
    equal(
      buildId(
        { service_root_path: 'sub', service_git_ref: 'abc', service_repository: 'https://example.com/r' },
        'deadbeef',
      ),
      '{"repository":"https://example.com/r","git_ref":"abc","build_id":"deadbeef","root_path":"sub"}',
    );
  });

  test('has only what there is', () => {
    equal(buildId({ service_git_ref: 'def' }, 'deadbeef'), '{"git_ref":"def","build_id":"deadbeef"}');
    equal(buildId({ service_git_ref: 'def' }, ''), '{"git_ref":"def"}');
  });

  test('is not there without a label that says anything', () => {
    equal(buildId({ service_name: 's', service_repository: '', service_ref: 'x' }, 'deadbeef'), undefined);
  });

  test('is escaped as Go does', () => {
    equal(buildId({ service_repository: 'a?b=<c>&d' }, ''), '{"repository":"a?b=\\u003cc\\u003e\\u0026d"}');
  });
});

import { deepEqual, equal, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { compileRelabelRule } from '#src/domain/series/relabel.ts';
import { type SeriesLabelsInput, seriesLabels } from '#src/domain/series/series-labels.ts';
import { labelList, labelText } from '../../../fixtures/labels.ts';
import { defaultProfileLimits as limits } from '../../../fixtures/limits.ts';

const cpu = { type: 'cpu', unit: 'nanoseconds' };

function textsOf(labels: Record<string, string>, changed: Partial<SeriesLabelsInput> = {}): string[] {
  const result = seriesLabels({
    ...{ requestLabels: labelList(labels), sampleLabels: [], sampleTypes: [cpu], periodType: cpu },
    ...{ ingest: undefined, limits },
    ...changed,
  });
  if (result.kind !== 'series') throw new Error(`dropped: ${result.reason}`);
  return result.labels.map(labelText);
}

const derived =
  '__period_type__=cpu, __period_unit__=nanoseconds, __profile_type__=process_cpu:cpu:nanoseconds:cpu:nanoseconds, ' +
  '__service_name__=s, __type__=cpu, __unit__=nanoseconds';

describe('seriesLabels', () => {
  test('stores other private labels, but no marks of the server and no lies about the type', () => {
    const labels = {
      __name__: 'process_cpu',
      service_name: 's',
      __foo__: 'bar',
      __delta__: 'false',
      __order__: 'x',
      __type__: 'lie',
    };

    deepEqual(textsOf(labels), [`__foo__=bar, __name__=process_cpu, ${derived}, service_name=s`]);
  });

  test('takes an empty value for no label, also that of the service', () => {
    const labels = { __name__: 'process_cpu', service_name: '', region: '', zone: 'z' };

    deepEqual(textsOf(labels), [
      `__name__=process_cpu, ${derived.replace('=s,', '=unknown_service,')}, service_name=unknown_service, zone=z`,
    ]);
  });

  test('leaves the period empty where the profile has none, and the unit away where it is empty', () => {
    const labels = { __name__: 'memory', service_name: 's' };

    deepEqual(textsOf(labels, { sampleTypes: [{ type: 'live', unit: 'count' }], periodType: undefined }), [
      '__name__=memory, __profile_type__=memory:live:count::, __service_name__=s, __type__=live, __unit__=count, service_name=s',
    ]);
    deepEqual(textsOf(labels, { sampleTypes: [{ type: 'live', unit: '' }], periodType: undefined }), [
      '__name__=memory, __profile_type__=memory:live:::, __service_name__=s, __type__=live, service_name=s',
    ]);
  });

  test('lets series labels win over sample labels, so that no sample changes its service', () => {
    const sampleLabels = labelList({ service_name: 'other', zone: 'b', endpoint: '/pay', empty: '' });

    const [text] = textsOf({ __name__: 'process_cpu', service_name: 's', zone: 'a' }, { sampleLabels });

    equal(text, `__name__=process_cpu, ${derived}, endpoint=/pay, service_name=s, zone=a`);
  });

  test('does not care in which order the samples have their labels', () => {
    const pair = [...labelList({ e: '2' }), ...labelList({ e: '1' })];
    const labels = { __name__: 'process_cpu', service_name: 's' };

    deepEqual(textsOf(labels, { sampleLabels: pair }), textsOf(labels, { sampleLabels: pair.toReversed() }));
  });

  test('drops session ids by default, before labels are counted', () => {
    const many = Object.fromEntries(Array.from({ length: 28 }, (_, i) => [`l${i}`, 'x']));
    const labels = { __name__: 'process_cpu', service_name: 's', __session_id__: '00000000000000ff', ...many };

    equal(textsOf(labels)[0]?.includes('__session_id__'), false);
    throws(() => textsOf({ ...labels, another: 'x' }), {
      details: {
        reason: 'max_label_names_per_series',
        limitName: 'validation.max-label-names-per-series',
        limit: 30,
        actual: 31,
      },
    });
  });

  test('drops and folds session ids of samples like those of the request', () => {
    const labels = { __name__: 'process_cpu', service_name: 's' };
    const sampleLabels = labelList({ __session_id__: '0d00000000000000' });
    const [text = ''] = textsOf(labels, { sampleLabels });
    const [folded = ''] = textsOf(labels, { sampleLabels, limits: { ...limits, maxSessionsPerSeries: 10 } });

    equal(text.includes('__session_id__'), false);
    equal(/__session_id__=([^,]*)/.exec(folded)?.[1], '0300000000000000');
  });

  test('renames all sample types of a profile at once', () => {
    const sampleTypes = [{ type: 'wall', unit: 'nanoseconds' }, cpu];
    const types = textsOf({ __name__: 'wall', service_name: 't', __type__: 'cpu' }, { sampleTypes }).map(
      (text) => /__profile_type__=([^,]*)/.exec(text)?.[1],
    );

    deepEqual(types, ['process_cpu:wall:nanoseconds:cpu:nanoseconds', 'process_cpu:cpu:nanoseconds:cpu:nanoseconds']);
  });

  test('names profiles of /ingest by their sample types, whatever the labels say', () => {
    const ingest = { displayNames: undefined };

    equal(textsOf({ service_name: 's' }, { ingest })[0]?.startsWith('__name__=process_cpu'), true);
    equal(textsOf({ service_name: 's', __name__: 'x' }, { ingest })[0]?.startsWith('__name__=process_cpu'), true);
  });

  test('says when a rule drops the group', () => {
    const relabelRules = [compileRelabelRule({ action: 'drop', sourceLabels: ['service_name'], regex: 's' })];
    const input = { sampleLabels: [], sampleTypes: [cpu], periodType: cpu, ingest: undefined, limits, relabelRules };

    deepEqual(seriesLabels({ requestLabels: labelList({ service_name: 's' }), ...input }), {
      kind: 'dropped',
      reason: 'dropped_by_relabel_rules',
    });
  });

  const divides = 'has a ":", which divides the parts of a profile type: nobody could ask for it';
  for (const [what, changed, message] of [
    ['a sample type', { sampleTypes: [cpu, { type: 'a:b', unit: 'c' }] }, `the name of sample type "a:b" ${divides}`],
    ['a unit', { sampleTypes: [{ type: 'a', unit: 'b:c' }] }, `the unit "b:c" of sample type "a" ${divides}`],
    ['a period type', { periodType: { type: ':', unit: 's' } }, `the period type ":" ${divides}`],
    ['the unit of a period', { periodType: { type: 'p', unit: 's:' } }, `the unit "s:" of the period ${divides}`],
  ] as const) {
    test(`refuses a colon in ${what}`, () => {
      throws(() => textsOf({ __name__: 'x', service_name: 's' }, changed), {
        ...{ code: 'invalid-argument', message: `malformed profile: ${message}` },
        details: { reason: 'malformed_profile' },
      });
    });
  }

  test('refuses a colon in the name of a profile, and in no other label', () => {
    throws(() => textsOf({ __name__: 'a:b', service_name: 's' }), {
      ...{ code: 'invalid-argument', message: `the label "__name__" is "a:b", and ${divides}` },
      details: { reason: 'invalid_labels' },
    });
    throws(() => textsOf({ service_name: 's' }, { ingest: { displayNames: { cpu: 'my:own' } } }), {
      message: /the label "__name__" is "my:own"/,
    });
    equal(textsOf({ __name__: 'x', service_name: 'a:b' })[0]?.includes('service_name=a:b'), true);
  });

  test('refuses what validation refuses', () => {
    throws(() => textsOf({ service_name: 's' }), { code: 'invalid-argument', message: /"__name__" is missing/ });
    const twice = [...labelList({ __name__: 'x', a: '1' }), ...labelList({ a: '1' })];
    throws(() => textsOf({}, { requestLabels: twice }), { details: { reason: 'duplicate_label_names' } });
  });
});

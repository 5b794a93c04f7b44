import { deepEqual, equal, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';
import { StoreError } from '#src/domain/errors.ts';
import type { Label } from '#src/domain/model/labels.ts';
import { type CompiledRelabelRule, compileRelabelRule } from '#src/domain/series/relabel.ts';
import { seriesLabeller } from '#src/domain/series/series-labeller.ts';
import { type RequestLabelsInput, type SeriesLabels, seriesLabels } from '#src/domain/series/series-labels.ts';
import { labelList } from '../../../fixtures/labels.ts';
import { defaultProfileLimits } from '../../../fixtures/limits.ts';
import { Random, runSeed } from '../../../fixtures/random.ts';

const cpu = { type: 'cpu', unit: 'nanoseconds' };
const limits = { ...defaultProfileLimits, maxLabelNameLength: 20, maxLabelValueLength: 20 };

/** What is often there, and what means something to a rule, to derived labels, to sanitization, or to nobody. */
const PLAIN_NAMES = ['a', 'b', 'zone', 'endpoint', '__foo__', 'ä', '😀'];
const ODD_NAMES = [
  ...['__name__', 'service_name', '__type__', '__unit__', '__delta__', '__order__', '__profile_type__'],
  ...['__service_name__', '__period_type__', '__session_id__', '__name_replaced__', 'target', 'source'],
  ...['a.b', 'a_b', '9', '', '\ud800', 'x'.repeat(21)],
];
const VALUES = ['1', '2', 'ö', ''];
const ODD_VALUES = ['godeltaprof_memory', 'wall', 'x'.repeat(21), 'ä'.repeat(11), '\udc00', '0123456789abcdef'];

const RULES: readonly CompiledRelabelRule[] = [
  compileRelabelRule({ sourceLabels: ['source'], targetLabel: 'target' }),
  compileRelabelRule({ sourceLabels: ['source', 'a'], action: 'keep', regex: '.*1.*' }),
  compileRelabelRule({ sourceLabels: ['source'], action: 'drop', regex: '2' }),
  compileRelabelRule({ sourceLabels: ['a'], action: 'keepequal', targetLabel: 'target' }),
  compileRelabelRule({ sourceLabels: ['a'], action: 'hashmod', modulus: 2, targetLabel: 'target' }),
  compileRelabelRule({ sourceLabels: ['a'], action: 'uppercase', targetLabel: 'b' }),
  compileRelabelRule({ action: 'labelmap', regex: '(a|z).*', replacement: 'mapped_$1' }),
  compileRelabelRule({ action: 'labeldrop', regex: 'z.*' }),
  compileRelabelRule({ action: 'labelkeep', regex: '_.*|service_name|a' }),
  compileRelabelRule({ sourceLabels: ['a'], targetLabel: '$1' }),
];

function randomLabels(random: Random, count: number, odd: number): Label[] {
  return Array.from({ length: count }, () => ({
    name: random.pick(random.chance(odd) ? ODD_NAMES : PLAIN_NAMES),
    value: random.pick(random.chance(odd) ? ODD_VALUES : VALUES),
  }));
}

function randomInput(random: Random): RequestLabelsInput {
  const named = labelList({ __name__: random.pick(['process_cpu', 'godeltaprof_memory', 'wall']), service_name: 's' });
  return {
    requestLabels: random.shuffled([
      ...(random.chance(0.9) ? named : []),
      ...new Map(randomLabels(random, random.int(0, 4), 0.05).map((label) => [label.name, label])).values(),
    ]),
    sampleTypes: random.pick([[cpu], [{ type: 'samples', unit: '' }, cpu]]),
    periodType: random.pick([cpu, undefined]),
    ingest: random.chance(0.2) ? { displayNames: undefined } : undefined,
    limits: {
      ...limits,
      maxLabelNamesPerSeries: random.pick([0, 4, 5, 6, 30]),
      disableLabelSanitization: random.chance(0.5),
      maxSessionsPerSeries: random.pick([0, 3]),
      ingestionRelabelingDefaultRulesPosition: random.pick(['first', 'disabled']),
    },
    ...(random.chance(0.5) ? { relabelRules: random.shuffled([...RULES]).slice(0, random.int(0, 2)) } : {}),
  };
}

function resultOf(labels: () => SeriesLabels): unknown {
  try {
    return labels();
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return { code: error.code, message: error.message, details: error.details };
  }
}

describe('seriesLabeller', () => {
  test('says of every group what seriesLabels says', (t) => {
    const seed = runSeed();
    t.diagnostic(`seed ${seed}`);
    const random = new Random(seed);
    const kinds = new Map<string, number>();
    for (let round = 0; round < 1500; round++) {
      const input = randomInput(random);
      const labelsOf = seriesLabeller(input);
      for (let group = 0; group < 4; group++) {
        const sampleLabels = randomLabels(random, random.int(0, 4), random.pick([0, 0.1]));
        const given = structuredClone(sampleLabels);

        const result = resultOf(() => labelsOf(sampleLabels));

        deepEqual(
          result,
          resultOf(() => seriesLabels({ ...input, sampleLabels: given })),
          inspect({ input, given }, { depth: 5 }),
        );
        deepEqual(sampleLabels, given);
        const kind = (result as { readonly kind?: string }).kind ?? 'refused';
        kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      }
    }
    for (const kind of ['series', 'dropped', 'refused']) ok((kinds.get(kind) ?? 0) > 50, `${kind}: ${kinds.get(kind)}`);
  });

  test('sees that a label of the request got the name of a label of a sample', () => {
    const input = {
      requestLabels: labelList({ __name__: 'process_cpu', service_name: 's', 'a.b': '1' }),
      ...{
        sampleTypes: [cpu],
        periodType: cpu,
        ingest: undefined,
        limits: { ...limits, disableLabelSanitization: false },
      },
    };

    for (const value of ['1', '2']) {
      const sampleLabels = [{ name: 'a_b', value }];
      deepEqual(
        resultOf(() => seriesLabeller(input)(sampleLabels)),
        resultOf(() => seriesLabels({ ...input, sampleLabels })),
      );
    }
  });

  test('shares what groups have in common', () => {
    const requestLabels = labelList({ __name__: 'process_cpu', service_name: 's', zone: 'z' });
    const labelsOf = seriesLabeller({
      ...{ requestLabels, sampleTypes: [cpu], periodType: cpu, ingest: undefined, limits },
    });

    const [a, b] = ['1', '2'].map((value) => labelsOf([{ name: 'endpoint', value }]));

    const zones = [a, b].map((found) =>
      found?.kind === 'series' ? found.labels[0]?.find(({ name }) => name === 'zone') : undefined,
    );
    equal(zones[0]?.value, 'z');
    equal(zones[0], zones[1]);
  });
});

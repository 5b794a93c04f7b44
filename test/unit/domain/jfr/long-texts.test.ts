import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LABEL_BYTES_MAX } from '#src/domain/jfr/labels-snapshot.ts';
import { PICTURED_BYTES_MAX } from '#src/domain/profile/name-table.ts';
import type { ConvertedProfile, Upload } from '#src/domain/upload/upload.ts';
import { AGENT_TYPES, type ChunkSpec, type EventSpec, JfrBytes, jfrChunk } from '../../../fixtures/jfr-builder.ts';
import { labelsSnapshot } from '../../../fixtures/labels-snapshot.ts';
import { textWorkOf } from '../../../fixtures/text-work.ts';
import { bounds, convert, shown, stepCount, stepsOf, uploadOf } from './converted.ts';

const LONG = 300_000;
const REFERENCES = 300;

/** A chunk in which a text that begins with `@` is the constant 77, which says `text`. */
function chunkOf(events: readonly EventSpec[], text: string | JfrBytes, pools: ChunkSpec['pools'] = {}) {
  const constant = typeof text === 'string' ? new JfrBytes().text(text) : text;
  return jfrChunk({
    events,
    pools: { 'java.lang.String': [[77, constant]], ...pools },
    text: (bytes, own) => (own.startsWith('@') ? bytes.raw([2]).int(77) : bytes.text(own)),
  });
}

const live: EventSpec = { event: 'profiler.LiveObject', stack: 'A.a' };

/** Converts, and finds that no text was looked at more than a few times. */
function convertsOnce(upload: Upload): readonly ConvertedProfile[] {
  let profiles: readonly ConvertedProfile[] = [];
  const { scanned, longestKey } = textWorkOf(() => {
    profiles = convert(upload);
  });
  const sent = upload.body.length + (upload.jfrLabels?.length ?? 0);
  ok(scanned <= 4 * sent, `${scanned} bytes were looked at of ${sent}`);
  ok(longestKey <= PICTURED_BYTES_MAX, `a map has a key of ${longestKey} characters`);
  return profiles;
}

function eventOf([profile]: readonly ConvertedProfile[]): string | undefined {
  return profile?.labels.find(({ name }) => name === 'jfr_event')?.value;
}

describe('a long text that very many refer to', () => {
  test('may be the name of settings', () => {
    const settings = Array.from({ length: REFERENCES }, () => ({ event: 'jdk.ActiveSetting', name: '@', value: 'x' }));
    const profiles = convertsOnce(uploadOf(chunkOf([live, ...settings], `event${'x'.repeat(LONG)}`)));

    equal(eventOf(profiles), undefined);
  });

  test('may be what was sampled by, of which as much counts as a name may have', () => {
    const settings = Array.from({ length: REFERENCES }, () => ({
      ...{ event: 'jdk.ActiveSetting', name: 'event', value: '@' },
    }));
    const text = `wall${'é'.repeat(LONG / 2)}`;
    const profiles = convertsOnce(uploadOf(chunkOf([live, ...settings], text)));

    // The last byte that may be read is the first half of a character.
    equal(eventOf(profiles), text.slice(0, 4 + (65_535 - 5) / 2));
    deepEqual(eventOf(convert(uploadOf(chunkOf([live, ...settings], 'alloc')))), 'alloc');
  });

  test('may be the name of methods', () => {
    const events = Array.from({ length: REFERENCES }, (_, i) => ({ ...live, stack: `A.@${i}` }));
    const of = (text: string) => shown(at(convertsOnce(uploadOf(chunkOf(events, text))))).samples;

    deepEqual(of(`größe${'x'.repeat(LONG)}`), [`A.größe${'x'.repeat(65_535 - 7)} ${REFERENCES}`]);
    deepEqual(of(`$$Lambda$1/0x${'1'.repeat(LONG)}`), [`A.$$Lambda_ ${REFERENCES}`]);
  });

  test('may be the name of states', () => {
    const states = Array.from({ length: REFERENCES }, (_, i) => [1000 + i, new JfrBytes().raw([2]).int(77)] as const);
    const events = states.map(([key]) => ({ event: 'jdk.ExecutionSample', stack: 'A.a', stateKey: key }));
    const of = (text: string) =>
      shown(at(convertsOnce(uploadOf(chunkOf(events, text, { 'jdk.types.ThreadState': states })))));

    deepEqual(of(`STATE_SLEEPING${'x'.repeat(LONG)}`).samples, ['A.a 3000000000']);
    deepEqual(convert(uploadOf(chunkOf(events, 'STATE_SLEEPING', { 'jdk.types.ThreadState': states }))), []);
  });

  test('may be the label of samples', () => {
    const [name, value] = ['n'.repeat(LABEL_BYTES_MAX), 'v'.repeat(LABEL_BYTES_MAX)];
    const events = Array.from({ length: REFERENCES }, (_, i) => ({
      ...{ event: 'jdk.ExecutionSample', stack: `A.m${i}`, contextId: 1, spanId: 7, spanName: 2 },
    }));
    const jfrLabels = labelsSnapshot({ contexts: { 1: { 1: 2 } }, strings: { 1: name, 2: value } });
    const { samples } = shown(at(convertsOnce(uploadOf(jfrChunk({ events }), { jfrLabels }))));

    equal(samples.length, REFERENCES);
    ok(samples[0]?.includes(`{${name}=${value} profile_id=0000000000000007 span_name=${value}} `));
  });

  test('may stand for the same label under very many numbers', () => {
    const value = 'v'.repeat(LABEL_BYTES_MAX);
    const ids = Array.from({ length: 40 }, (_, i) => i + 10);
    const events = ids.map((id) => ({ event: 'jdk.ExecutionSample', stack: 'A.a', contextId: id }));
    const jfrLabels = labelsSnapshot({
      contexts: Object.fromEntries(ids.map((id) => [id, { 1: id }])),
      strings: { 1: 'n', ...Object.fromEntries(ids.map((id) => [id, value])) },
    });

    equal(shown(at(convertsOnce(uploadOf(jfrChunk({ events }), { jfrLabels })))).samples.length, 1);
  });

  test('is no label when it is longer than one may be', () => {
    const strings = { 1: 'v'.repeat(LABEL_BYTES_MAX + 1) };
    throws(() => convert(uploadOf(chunkOf([live], 'x'), { jfrLabels: labelsSnapshot({ contexts: {}, strings }) })), {
      code: 'invalid-argument',
      message: /its labels are no such message: a string of 65536 bytes, the limit is 65535$/,
    });
  });
});

describe('a long text of single characters that very many refer to', () => {
  const LETTERS = 1 << 20;
  /** The end of such a text is found by going through all of it. */
  const chars = (text: string) =>
    new JfrBytes()
      .raw([4])
      .int(LETTERS)
      .raw(Buffer.from(text.padEnd(LETTERS, 'x')));
  const many = Array.from({ length: REFERENCES }, (_, i) => 1000 + i);

  /** As many steps as the bytes of the recording take: going through the text again for each would take some hundred. */
  function convertsInFewSteps(recording: Uint8Array): readonly ConvertedProfile[] {
    const upload = uploadOf(recording);
    ok(stepCount(upload) < 20, `${stepCount(upload)} steps`);
    return convert(upload);
  }

  test('may be the name of settings', () => {
    const settings = many.map(() => ({ event: 'jdk.ActiveSetting', name: '@', value: 'x' }));

    equal(eventOf(convertsInFewSteps(chunkOf([live, ...settings], chars('event')))), undefined);
  });

  test('may be what was sampled by', () => {
    const settings = many.map(() => ({ event: 'jdk.ActiveSetting', name: 'event', value: '@' }));

    equal(eventOf(convertsInFewSteps(chunkOf([live, ...settings], chars('wall')))), 'wall'.padEnd(65_535, 'x'));
  });

  test('may be the name of methods', () => {
    const events = many.map((i) => ({ ...live, stack: `A.@${i}` }));
    const profiles = convertsInFewSteps(chunkOf(events, chars('m')));

    deepEqual(shown(at(profiles)).samples, [`A.${'m'.padEnd(65_535, 'x')} ${REFERENCES}`]);
  });

  test('may be the name of states', () => {
    const states = many.map((key) => [key, new JfrBytes().raw([2]).int(77)] as const);
    const events = many.map((stateKey) => ({ event: 'jdk.ExecutionSample', stack: 'A.a', stateKey }));
    const recording = chunkOf(events, chars('STATE_SLEEPING'), { 'jdk.types.ThreadState': states });

    deepEqual(shown(at(convertsInFewSteps(recording))).samples, [`A.a ${REFERENCES}0000000`]);
  });
});

describe('long texts of one length', () => {
  const long = (i: number, length: number) => String(i).padStart(length, 'x');

  test('may be names of functions', () => {
    const events = Array.from({ length: 40 }, (_, i) => ({ ...live, stack: `A.${long(i, 30_000)}` }));
    const { samples } = shown(at(convertsOnce(uploadOf(jfrChunk({ events })))));

    equal(new Set(samples).size, 40);
  });

  test('may be names of types, of which no more is read than says that they are unknown', () => {
    const types = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [long(i, 30_000), []]));
    const profiles = convertsOnce(uploadOf(jfrChunk({ events: [live], types: { ...AGENT_TYPES, ...types } })));

    equal(profiles.length, 1);
  });

  test('may be labels', () => {
    const ids = Array.from({ length: 40 }, (_, i) => i + 10);
    const events = ids.map((id) => ({ event: 'jdk.ExecutionSample', stack: 'A.a', contextId: id }));
    const jfrLabels = labelsSnapshot({
      contexts: Object.fromEntries(ids.map((id) => [id, { 1: id }])),
      strings: { 1: 'n', ...Object.fromEntries(ids.map((id) => [id, long(id, 60_000)])) },
    });

    equal(shown(at(convertsOnce(uploadOf(jfrChunk({ events }), { jfrLabels })))).samples.length, 40);
  });

  test('are read in steps of their bytes', () => {
    const functions = (length: number) =>
      jfrChunk({ events: Array.from({ length: 100 }, (_, i) => ({ ...live, stack: `A.${long(i, length)}` })) });
    const labels = (length: number) => {
      const strings = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [i, long(i, length)]));
      return uploadOf(jfrChunk({ events: [live] }), { jfrLabels: labelsSnapshot({ contexts: {}, strings }) });
    };
    const metadata = (length: number) => {
      const types = Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [long(i, length), []]));
      return uploadOf(jfrChunk({ events: [live], types: { ...AGENT_TYPES, ...types } }));
    };

    // Five megabytes of texts, and five more of the names that they are joined to.
    ok(stepCount(uploadOf(functions(50_000))) >= 8 + stepCount(uploadOf(functions(50))));
    ok(stepCount(labels(50_000)) >= 4 + stepCount(labels(50)));
    ok(stepCount(metadata(1000)) >= 2 + stepCount(metadata(10)));
  });
});

describe('a stacktrace with long names', () => {
  const stack = Array.from({ length: 100 }, (_, i) => `A.${String(i).padStart(50_000, 'x')}`).join(';');
  const uploadWith = (event: string) => uploadOf(jfrChunk({ events: [{ event, stack }, live] }));

  test('is read in steps, and is the same', () => {
    const count = (event: string) => {
      const steps = stepsOf(uploadWith(event), bounds);
      let counted = 0;
      while (!steps.next().done) counted++;
      return counted;
    };

    // Five megabytes of names, of which nobody asks for those of memory that is free again.
    ok(count('profiler.LiveObject') >= 5 + count('profiler.Free'));
    deepEqual(shown(at(convert(uploadWith('profiler.LiveObject')))).samples, ['A.a 1', `${stack} 1`]);
  });
});

function at(profiles: readonly ConvertedProfile[]): ConvertedProfile {
  const [profile] = profiles;
  if (profile === undefined) throw new Error('there is no profile');
  return profile;
}

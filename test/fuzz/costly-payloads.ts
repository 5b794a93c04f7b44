import { gzipSync } from 'node:zlib';
import type { Bytes } from '#src/domain/model/units.ts';
import {
  dashedSampleTypes,
  functionsOfOneFile,
  labelledSamples,
  mappingsOfEmptyBuildIds,
  mappingsOfOneBuildId,
} from '../fixtures/amplified-pprof.ts';
import { hostileUploads } from '../fixtures/hostile-uploads.ts';
import { AGENT_TYPES, type EventSpec, JfrBytes, jfrChunk, nestedTypesChunk } from '../fixtures/jfr-builder.ts';
import { labelList } from '../fixtures/labels.ts';
import { type OtlpObject, otlpMessage, otlpProto } from '../fixtures/otlp-message.ts';
import { encodePprof, pprof } from '../fixtures/pprof-builder.ts';
import { pushProto } from '../fixtures/push-message.ts';
import { bomb } from './gzip-faults.ts';
import type { Payload } from './payload.ts';

/** A payload that costs its reader more than its sender, and its name. */
export type CostlyPayload = {
  readonly name: string;
  readonly payload: Payload;
  /** To be sent by as many at once as a task takes profiles. */
  readonly fillsBatch?: boolean;
};

/**
 * Bodies that are made to cost much, and gzip that inflates to more than may be. They come first in a run: what they need is
 * the most that is ever needed, so that memory that grows afterwards is lost.
 *
 * @param size  of each body that is not compressed, about
 */
export function* costlyPayloads(size: Bytes): Generator<CostlyPayload> {
  for (const mebibytes of [5, 65, 257]) yield* bombs(mebibytes);
  yield* otlpReferences(size);
  yield* amplified(size);
  yield* versioned(size);
  yield* labelled(size);
  yield* typed(size);
  for (const { name, format, body, bounds } of hostileUploads(size)) {
    const tenant = bounds.limits.maxProfileSizeBytes === 0 ? 'unlimited' : 'default';
    const headers = { 'x-scope-orgid': tenant, 'content-type': 'text/plain' };
    const path = `/ingest?name=x.bytes&format=${format}`;
    yield { name: `${format}: ${name}`, payload: { decoder: format, protocol: 'http', path, headers, body: body() } };
  }
  yield* recordings(size);
}

/**
 * Recordings of which one half is a text, and the other half refers to it; some with long texts of one length; and some of
 * very many parts that have nothing in them, of types that nothing has, or of types that multiply in each small chunk.
 */
function* recordings(size: Bytes): Generator<CostlyPayload> {
  const live: EventSpec = { event: 'profiler.LiveObject', stack: 'A.a' };
  const text = new JfrBytes().text('x'.repeat(size / 2));
  // Its end is found character by character.
  const characters = Math.min(size / 2, 1 << 20);
  const chars = new JfrBytes().raw([4]).int(characters).raw(Buffer.alloc(characters, 'x'));
  const referring = (events: readonly EventSpec[], states: readonly (readonly [number, JfrBytes])[] = [], to = text) =>
    jfrChunk({
      events: [live, ...events],
      pools: { 'java.lang.String': [[77, to]], 'jdk.types.ThreadState': states },
      text: (bytes, own) => (own.startsWith('@') ? bytes.raw([2]).int(77) : bytes.text(own)),
    });
  // About as many bytes as an event or a state takes.
  const many = Array.from({ length: size / 40 }, (_, i) => i + 1000);
  const states = many.map((key) => [key, new JfrBytes().raw([2]).int(77)] as const);
  const long = Array.from({ length: size / 60_000 }, (_, i) => String(i).padStart(60_000, 'x'));
  const types = Object.fromEntries(long.map((name) => [name, []]));
  const settings = many.map(() => ({ event: 'jdk.ActiveSetting', name: '@', value: '' }));
  const sampled = many.map((stateKey) => ({ event: 'jdk.ExecutionSample', stack: 'A.a', stateKey }));
  // As many frames as a stacktrace may have, of methods that have one text under other numbers.
  const methods = Array.from({ length: Math.min(16_000, Math.floor(size / 20)) }, (_, i) => `A.@${i}`).join(';');
  const fields = Array.from({ length: size / 20 }, (_, i) => ({ name: `f${i % 100}`, type: 'int' }));
  const nested = nestedTypesChunk();
  const contexts = many.map((contextId) => ({ event: 'jdk.ExecutionSample', stack: 'A.a', contextId }));
  const functions = many.map((key) => ({ ...live, stack: `A.f${key};B.f${key}` }));
  const bodies: Readonly<Record<string, () => Uint8Array>> = {
    'names of settings, of single characters': () => referring(settings, [], chars),
    'states, of single characters': () => referring(sampled, states, chars),
    'names of methods': () => referring([{ ...live, stack: methods }]),
    'names of methods, of single characters': () => referring([{ ...live, stack: methods }], [], chars),
    'pools without constants': () => jfrChunk({ events: [live], emptyPools: size / 2 }),
    'a chain of events with constants': () => jfrChunk({ events: [], checkpoints: size / 20 }),
    'empty strings of types': () => jfrChunk({ events: [live], emptyStrings: size }),
    'attributes of a type': () => jfrChunk({ events: [live], attributes: size / 2 }),
    'fields of a type': () => jfrChunk({ events: [live], types: { ...AGENT_TYPES, fields } }),
    'types that nest': () => Buffer.concat(Array.from({ length: size / nested.length }, () => nested)),
    contexts: () => jfrChunk({ events: contexts }),
    functions: () => jfrChunk({ events: functions }),
    'names of settings': () => referring(settings),
    'values of settings': () => referring(many.map(() => ({ event: 'jdk.ActiveSetting', name: 'event', value: '@' }))),
    states: () => referring(sampled, states),
    'long names of functions': () => jfrChunk({ events: long.map((name) => ({ ...live, stack: `A.${name}` })) }),
    'long names of types': () => jfrChunk({ events: [live], types: { ...AGENT_TYPES, ...types } }),
  };
  for (const [name, body] of Object.entries(bodies)) {
    const headers = { 'x-scope-orgid': 'unlimited', 'content-type': 'text/plain' };
    const path = '/ingest?name=x.bytes&format=jfr';
    yield {
      name: `jfr: ${name}`,
      payload: { decoder: 'jfr', protocol: 'http', path, headers, body: Buffer.from(body()) },
    };
  }
}

/** Pprofs of agents whose names are mended: a few bytes each refer to the same long one. */
function* amplified(size: Bytes): Generator<CostlyPayload> {
  const long = Math.min(size, 1_000_000);
  const functions = [
    ['long names', functionsOfOneFile(2000, long)],
    ['names that just fit', functionsOfOneFile(250, 65_000)],
    ['many short names', functionsOfOneFile(Math.min(60_000, size / 64), 100)],
  ] as const;
  const sampleTypes = [['long names', dashedSampleTypes(1000, long)]] as const;
  for (const spyName of ['pyspy', 'rbspy', 'scripting', 'dotnetspy']) {
    for (const [what, profile] of spyName === 'dotnetspy' ? sampleTypes : functions) {
      const body = gzipSync(encodePprof(profile));
      for (const tenant of ['default', 'unlimited']) {
        const path = `/ingest?name=fuzz&format=pprof&spyName=${spyName}`;
        const headers = { 'content-type': 'text/plain', 'x-scope-orgid': tenant };
        const payload = { decoder: 'pprof', protocol: 'http', path, headers, body } as const;
        yield { name: `pprof: ${what} of ${spyName}, ${tenant}`, payload, fillsBatch: true };
      }
    }
  }
}

/** Mappings, each of which is to carry where the source of a service is. */
function* versioned(size: Bytes): Generator<CostlyPayload> {
  const ofBytes = (bytes: number) =>
    labelList({
      ...{ __name__: 'process_cpu', service_name: 'shop', service_repository: 'r'.repeat(bytes) },
      ...{ service_git_ref: 'g'.repeat(bytes), service_root_path: 'p'.repeat(bytes) },
    });
  // As many bytes as a mapping takes, with a string of its own or without.
  const shared = gzipSync(encodePprof(mappingsOfOneBuildId(size / 16, 65_535)));
  const own = gzipSync(encodePprof(mappingsOfEmptyBuildIds(size / 18)));
  for (const [name, profile, labels] of [
    ['mappings of one build id, with a long version', shared, ofBytes(2048)],
    ['mappings of empty build ids, with a long version', own, ofBytes(2048)],
    ['mappings of empty build ids, with a short version', own, ofBytes(1)],
  ] as const) {
    yield pushed(`pprof: ${name}`, pushProto([{ labels, profiles: [profile] }]));
  }
}

/** Samples with labels of their own, all of which refer to one text. */
function* labelled(size: Bytes): Generator<CostlyPayload> {
  // As many as the default limit lets through, and as many bytes as a label with a string takes.
  const samples = Math.min(16_000, size / 96);
  const few = { samples, labelsPerSample: 8 };
  const [name, value] = ['k'.repeat(1024), 'v'.repeat(2048)];
  const number = (index: number): string => index.toString(36);
  for (const [what, profile] of [
    ['a name longer than may be', labelledSamples({ ...few, own: 'values', shared: 'k'.repeat(65_535), text: number })],
    ['a long name', labelledSamples({ ...few, own: 'values', shared: name, text: number })],
    [
      'a long name with values that are equal',
      labelledSamples({ ...few, own: 'values', shared: name, text: () => 'a' }),
    ],
    ['a long value', labelledSamples({ ...few, own: 'names', shared: value, text: (i) => `k${number(i)}` })],
    [
      'a name that is empty, and short values',
      labelledSamples({ samples: size / 32, labelsPerSample: 1, own: 'values', shared: '', text: number }),
    ],
    [
      'no name but that of the service',
      labelledSamples({ samples: size / 32, labelsPerSample: 1, own: 'values', shared: 'service_name', text: number }),
    ],
    [
      'one short name',
      labelledSamples({ samples: size / 32, labelsPerSample: 1, own: 'values', shared: 'k', text: number }),
    ],
  ] as const) {
    const labels = labelList({ __name__: 'process_cpu', service_name: 'shop' });
    const body = pushProto([{ labels, profiles: [gzipSync(encodePprof(profile))] }]);
    for (const tenant of ['default', 'unlimited']) yield pushed(`pprof: labels of ${what}`, body, tenant);
  }
}

/** Sample types that all have the name of the period in their profile type. */
function* typed(size: Bytes): Generator<CostlyPayload> {
  const types = Array.from({ length: 1000 }, () => 'a/b');
  const period = [`${'p'.repeat(Math.min(size, 1_000_000))}/c`, 1] as const;
  const profile = gzipSync(pprof({ types, period, samples: [{ stack: 'main', v: types.map(() => 1) }] }));
  const labels = labelList({ __name__: 'process_cpu', service_name: 'shop' });
  const body = pushProto([{ labels, profiles: [profile] }]);
  for (const tenant of ['default', 'unlimited']) yield pushed('pprof: types of one long period', body, tenant);
}

function pushed(name: string, body: Uint8Array, tenant = 'default'): CostlyPayload {
  const headers = { 'x-scope-orgid': tenant, 'content-type': 'application/proto' };
  const path = '/push.v1.PusherService/Push';
  const payload = { decoder: 'push-proto', protocol: 'http', path, headers, body } as const;
  return { name: `${name}, ${tenant}`, payload, fillsBatch: true };
}

function* bombs(mebibytes: number): Generator<CostlyPayload> {
  const body = bomb(mebibytes);
  const tenants = ['default', 'unlimited'];
  const ways: readonly (readonly [decoder: string, path: string, contentType: string])[] = [
    ['push-gzip', '/push.v1.PusherService/Push', 'application/proto'],
    ['push-gzip', '/push.v1.PusherService/Push', 'application/json'],
    ['pprof', '/ingest?name=fuzz&format=pprof', 'text/plain'],
    ['otlp-gzip', '/v1development/profiles', 'application/x-protobuf'],
    ['otlp-gzip', '/v1development/profiles', 'application/json'],
  ];
  for (const tenant of tenants) {
    for (const [decoder, path, contentType] of ways) {
      const encoded = decoder === 'pprof' ? {} : { 'content-encoding': 'gzip' };
      const headers = { 'x-scope-orgid': tenant, 'content-type': contentType, ...encoded };
      const name = `${decoder}: ${mebibytes} MiB of zeros as ${contentType}, ${tenant}`;
      yield { name, payload: { decoder, protocol: 'http', path, headers, body } };
    }
  }
}

/** OTLP messages that send a long text once, and refer to it from everything else. */
function* otlpReferences(size: Bytes): Generator<CostlyPayload> {
  const text = 'x'.repeat(size);
  const label = 'x'.repeat(16 << 10);
  const count = Math.ceil(size / 64);
  const messages: readonly (readonly [name: string, message: () => OtlpObject])[] = [
    ['a service of many samples', () => withService(text, count, 'shared')],
    ['a service of many samples, as long as a label may be', () => withService(label, count, 'shared')],
    ['a service of many attributes, as long as a label may be', () => withService(label, count, 'own')],
    ['a label of many resources', () => withResources(text, count)],
    ['a label of many resources, as long as it may be', () => withResources(label, count)],
  ];
  for (const [name, message] of messages) {
    const body = otlpProto(message());
    for (const tenant of ['default', 'unlimited']) {
      const headers = { 'x-scope-orgid': tenant, 'content-type': 'application/x-protobuf' };
      const payload = {
        decoder: 'otlp-proto',
        protocol: 'http',
        path: '/v1development/profiles',
        headers,
        body,
      } as const;
      yield { name: `otlp: ${name}, ${tenant}`, payload };
    }
  }
}

/** @param rows  of attributes: each sample has its own, or they share one */
function withService(service: string, count: number, rows: 'own' | 'shared'): OtlpObject {
  const message = otlpMessage([{ samples: [{ stack: 'a', values: [1] }] }]);
  const { stringTable, attributeTable } = message.dictionary;
  const keyStrindex = stringTable.push('service.name', service) - 2;
  const attribute = { keyStrindex, value: { stringValueStrindex: keyStrindex + 1 } };
  for (let i = 0; i < (rows === 'own' ? count : 1); i++) attributeTable.push(attribute);
  const [profile] = message.resourceProfiles[0]?.scopeProfiles[0]?.profiles ?? [];
  const [sample] = profile?.samples ?? [];
  const samples = Array.from({ length: count }, (_, i) => ({
    ...sample,
    attributeIndices: [rows === 'own' ? i + 1 : 1],
  }));
  return {
    ...message,
    resourceProfiles: [{ scopeProfiles: [{ profiles: [{ ...profile, samples }] }] }],
  };
}

function withResources(text: string, count: number): OtlpObject {
  const { dictionary, resourceProfiles } = otlpMessage([{ samples: [{ stack: 'a', values: [1] }] }]);
  const keyStrindex = dictionary.stringTable.push(text) - 1;
  const attributes = [{ keyStrindex, value: { stringValueStrindex: keyStrindex } }];
  const resources = Array.from({ length: count }, () => ({ resource: { attributes } }));
  return { resourceProfiles: [...resourceProfiles, ...resources], dictionary };
}

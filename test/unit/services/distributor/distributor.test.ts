import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import type { LimitsConfig } from '#src/config/limits.ts';
import { StoreError, toWire } from '#src/domain/errors.ts';
import type { AttributeRule } from '#src/domain/otlp/attribute-rules.ts';
import { malformed } from '#src/domain/pprof/profile-errors.ts';
import { withRequestLabels } from '#src/domain/series/request-labels.ts';
import { type ConversionBounds, type Upload, undecodableUpload } from '#src/domain/upload/upload.ts';
import { metrics } from '#src/platform/metrics.ts';
import { Distributor, distributorDefaults } from '#src/services/distributor/distributor.ts';
import type {
  MessageBounds,
  MessageOpener,
  OpenedProfile,
  OtlpMessage,
  OtlpProfiles,
  ProfileOutcome,
  ProfileWriter,
  PushedProfile,
  PushMessage,
  RoutedProfile,
} from '#src/services/distributor/ports.ts';
import { FakeClock } from '../../../fixtures/fake-clock.ts';
import { labelList } from '../../../fixtures/labels.ts';
import { defaultLimits } from '../../../fixtures/limits.ts';
import { pushProto } from '../../../fixtures/push-message.ts';

const signal = new AbortController().signal;
const limits: LimitsConfig = { ...defaultLimits, ingestionRateBytes: 0 };

class FakeWriter implements ProfileWriter {
  before: () => Promise<void> = async () => {};
  readonly waves: RoutedProfile[][] = [];
  outcomeOf = ({ profile }: RoutedProfile): ProfileOutcome => ({ kind: 'stored', rawBytes: profile.length });

  async write(
    profiles: readonly RoutedProfile[],
    _signal?: AbortSignal,
    _taken?: () => void,
  ): Promise<ProfileOutcome[]> {
    this.waves.push([...profiles]);
    await this.before();
    return profiles.map((profile) => this.outcomeOf(profile));
  }

  services(): string[] {
    return this.waves.flat().map(({ service }) => service);
  }
}

class FakeOpener implements MessageOpener {
  readonly opened: PushMessage[] = [];
  bounds: ConversionBounds | undefined;

  async open(message: PushMessage, { limits }: MessageBounds): Promise<OpenedProfile[]> {
    this.opened.push(message);
    return withRequestLabels([pushed('opened')], limits);
  }

  /** A profile per byte. */
  async openUpload({ body }: Upload, bounds: ConversionBounds): Promise<OpenedProfile[]> {
    this.bounds = bounds;
    if (body[0] === 0xff) throw undecodableUpload('groups', 'it is not');
    return withRequestLabels(
      Array.from(body, (_, i) => pushed(`converted ${i}`)),
      bounds.limits,
    );
  }

  otlp: Pick<OtlpProfiles, 'sources' | 'rejected'> & { readonly services: readonly string[] } = {
    services: [],
    sources: Uint32Array.of(),
    rejected: { count: 0, error: undefined, reasons: {} },
  };

  async openOtlp(_: OtlpMessage, __: readonly AttributeRule[], bounds: ConversionBounds): Promise<OtlpProfiles> {
    this.bounds = bounds;
    const { limits } = bounds;
    const { services, sources, rejected } = this.otlp;
    return {
      profiles: withRequestLabels(
        services.map((service) => pushed(service)),
        limits,
      ),
      sources,
      rejected,
    };
  }
}

function pushed(service: string, profile: Uint8Array = new Uint8Array(100)): PushedProfile {
  return { labels: labelList({ __name__: 'process_cpu', service_name: service }), profile, ingest: undefined };
}

function upload(body: Uint8Array): Upload {
  return {
    ...{ format: 'groups', body, fromForm: false, jfrLabels: undefined, app: 'a', tags: [], spyName: '' },
    ...{ fromNanos: 0n, untilNanos: 0n, sampleRate: 100 },
  };
}

function setUp(
  changed: Partial<LimitsConfig> = {},
  pushConcurrencyMax = distributorDefaults.pushConcurrencyMax,
  openedBytesMax = distributorDefaults.openedBytesMax,
) {
  const clock = new FakeClock();
  const writer = new FakeWriter();
  const opener = new FakeOpener();
  const limitsOf = (): LimitsConfig => ({ ...limits, ...changed });
  const distributor = new Distributor(
    { ...distributorDefaults, pushConcurrencyMax, openedBytesMax },
    { clock, writer, opener, limitsOf },
  );
  return { clock, writer, opener, distributor };
}

describe('Distributor', () => {
  test('routes every profile by the service of its request', async () => {
    const { distributor, writer } = setUp();
    const nameless = { ...pushed(''), labels: labelList({ __name__: 'x', service_name: '' }) };

    await distributor.pushProfiles('t', [pushed('a'), pushed('b'), nameless], signal);

    deepEqual(writer.services(), ['a', 'b', 'unknown_service']);
    equal(writer.waves[0]?.[0]?.tenant, 't');
    equal(writer.waves[0]?.[0]?.limits.maxProfileSizeBytes, 4 << 20);
  });

  test('reads plain messages itself and has all others opened', async () => {
    const { distributor, writer, opener } = setUp();
    const body = pushProto([{ labels: labelList({ service_name: 'read' }), profiles: [new Uint8Array(20)] }]);
    const many = pushProto(Array.from({ length: 3000 }, () => ({ labels: [], profiles: [new Uint8Array(1)] })));

    await distributor.pushMessage('t', { body, codec: 'proto', encoding: 'identity' }, signal);
    equal(opener.opened.length, 0);
    await distributor.pushMessage('t', { body, codec: 'proto', encoding: 'gzip' }, signal);
    await distributor.pushMessage('t', { body, codec: 'json', encoding: 'identity' }, signal);
    await distributor.pushMessage('t', { body: many, codec: 'proto', encoding: 'identity' }, signal);

    equal(opener.opened.length, 3);
    deepEqual(writer.services(), ['read', 'opened', 'opened', 'opened']);
  });

  test('holds a bounded number of bytes that threads have opened, until they are answered', async () => {
    // Of each of these a profile of 100 bytes, with 512 beside it, and two labels, with 96 beside each: some 840 bytes. Of
    // `otlp` two.
    const { distributor, writer, opener } = setUp({}, undefined, 3000);
    opener.otlp = { ...opener.otlp, services: ['otlp 1', 'otlp 2'], sources: Uint32Array.of(0, 1) };
    const body = new Uint8Array(1);
    const pushes = [
      () => distributor.pushMessage('t', { body, codec: 'json', encoding: 'identity' }, signal),
      () => distributor.pushUpload('t', upload(body), signal),
      () => distributor.pushOtlp('t', { body, codec: 'proto', encoding: 'identity' }, signal),
    ];
    let store = (): void => {};
    const stored = new Promise<void>((resolve) => {
      store = resolve;
    });
    writer.before = () => stored;

    const held = Promise.all(Array.from({ length: 3 }, () => pushes[0]?.()));
    await nextTurn();
    for (const push of pushes) {
      await rejects(push, {
        code: 'unavailable',
        message: /--ingest-buffer-bytes-max: limit \d+ bytes, actual \d+ bytes$/,
      });
    }
    equal(writer.waves.length, 3);
    store();
    await held;

    for (const push of pushes) await push();
    equal(writer.waves.length, 6);
  });

  test('takes a message that is larger than what may be open, where no other is', async () => {
    const { distributor, writer } = setUp({}, undefined, 1);

    await distributor.pushUpload('t', upload(Uint8Array.of(1, 2)), signal);

    equal(writer.services().length, 2);
  });

  test('has uploads converted, and takes their profiles in like others', async () => {
    const { distributor, writer, opener } = setUp();
    const push = (...body: number[]): Promise<void> =>
      distributor.pushUpload('t', upload(Uint8Array.from(body)), signal);

    await push(1, 2);
    deepEqual(writer.services(), ['converted 0', 'converted 1']);
    equal(opener.bounds?.maxBytes, 256 << 20);
    equal(opener.bounds?.limits.maxProfileSizeBytes, 4 << 20);

    await push();
    equal(writer.services().length, 2);
    await rejects(push(0xff), { code: 'invalid-argument', message: /cannot be decoded as groups: it is not/ });
  });

  test('refuses a message that is too large, and one that cannot be read', async () => {
    const { distributor } = setUp({ ingestionBodyBytesMax: 10 });
    const push = (body: Uint8Array): Promise<void> =>
      distributor.pushMessage('t', { body, codec: 'proto', encoding: 'identity' }, signal);

    await rejects(push(new Uint8Array(11)), { code: 'limit-exceeded', message: /limit 10 bytes, actual 11/ });
    await rejects(push(Buffer.alloc(5, 0xff)), { code: 'invalid-argument' });
  });

  describe('given an OTLP message', () => {
    const message = { body: new Uint8Array(9), codec: 'proto', encoding: 'gzip' } as const;
    const refuse = (service: string): ProfileOutcome => ({
      ...{ kind: 'refused', rawBytes: 1, reason: 'malformed_profile' },
      error: toWire(malformed(`it is ${service}`)),
    });

    test('has it converted by the rules of the operator, and stores what it holds', async () => {
      const { distributor, opener, writer } = setUp({ ingestionBodyBytesMax: 1000 });
      opener.otlp = { ...opener.otlp, services: ['a', 'b'], sources: Uint32Array.of(0, 1) };

      deepEqual(await distributor.pushOtlp('t', message, signal), { rejectedProfiles: 0, message: '' });
      deepEqual(writer.services(), ['a', 'b']);
      equal(opener.bounds?.maxBytes, 1000);
    });

    test('takes one without samples', async () => {
      const { distributor, writer } = setUp();
      deepEqual(await distributor.pushOtlp('t', message, signal), { rejectedProfiles: 0, message: '' });
      equal(writer.waves.length, 0);
    });

    test('tells what was rejected, where something is stored', async () => {
      metrics.resetMetrics();
      const { distributor, opener, writer } = setUp();
      const error = toWire(malformed('it has no stack'));
      opener.otlp = {
        ...{ services: ['good', 'bad', 'worse'], sources: Uint32Array.of(0, 2, 2) },
        rejected: { count: 2, error, reasons: { malformed_profile: 2 } },
      };
      writer.outcomeOf = ({ service }) => (service === 'good' ? { kind: 'stored', rawBytes: 1 } : refuse(service));

      const outcome = await distributor.pushOtlp('t', message, signal);

      deepEqual(outcome, { rejectedProfiles: 3, message: 'malformed profile: it has no stack' });
      match(await metrics.metrics(), /kiln_discarded_profiles_total\{reason="malformed_profile",tenant=""\} 4/);
    });

    test('fails where nothing is stored, or where it helps to send it again', async () => {
      const { distributor, opener, writer } = setUp();
      opener.otlp = { ...opener.otlp, services: ['bad', 'lost'], sources: Uint32Array.of(0, 1) };
      writer.outcomeOf = ({ service }) => refuse(service);
      await rejects(distributor.pushOtlp('t', message, signal), { code: 'invalid-argument', message: /it is bad/ });

      const error = new StoreError('unavailable', 'the segment is lost');
      writer.outcomeOf = ({ service }) => (service === 'lost' ? { kind: 'failed', error } : refuse(service));
      await rejects(distributor.pushOtlp('t', message, signal), { code: 'unavailable' });
    });

    test('asks for all of it again where an owner of some is away, and takes all then: at least once', async () => {
      const { distributor, opener, writer } = setUp();
      opener.otlp = { ...opener.otlp, services: ['good', 'lost', 'bad'], sources: Uint32Array.of(0, 1, 2) };
      const error = new StoreError('unavailable', 'the segment is lost');
      const stored: string[] = [];
      let isAway = true;
      writer.outcomeOf = ({ service }) => {
        if (service === 'bad') return refuse(service);
        if (service === 'lost' && isAway) return { kind: 'failed', error };
        stored.push(service);
        return { kind: 'stored', rawBytes: 1 };
      };

      await rejects(distributor.pushOtlp('t', message, signal), {
        code: 'unavailable',
        message: 'the segment is lost',
      });
      isAway = false;
      const outcome = await distributor.pushOtlp('t', message, signal);

      deepEqual(outcome, { rejectedProfiles: 1, message: 'malformed profile: it is bad' });
      deepEqual(stored, ['good', 'good', 'lost']);
    });

    test('refuses one that is larger than a request may be', async () => {
      const { distributor } = setUp({ ingestionBodyBytesMax: 8 });
      await rejects(distributor.pushOtlp('t', message, signal), {
        code: 'limit-exceeded',
        message: /--distributor.ingestion-body-limit-mb: limit 8 bytes, actual 9 bytes/,
      });
    });
  });

  test('refuses a push without profiles', async () => {
    const { distributor, writer } = setUp();

    await rejects(distributor.pushProfiles('t', [], signal), {
      code: 'invalid-argument',
      message: 'no profiles received',
    });
    await rejects(
      distributor.pushMessage('t', { body: new Uint8Array(0), codec: 'proto', encoding: 'identity' }, signal),
      /no profiles/,
    );
    equal(writer.waves.length, 0);
  });

  test('answers with the first failure, and stores the others all the same', async () => {
    const { distributor, writer } = setUp();
    writer.outcomeOf = ({ service }) =>
      service === 'good'
        ? { kind: 'stored', rawBytes: 1 }
        : { kind: 'refused', rawBytes: 1, reason: 'malformed_profile', error: toWire(malformed(`it is ${service}`)) };

    const push = distributor.pushProfiles(
      't',
      [pushed('good'), pushed('bad'), pushed('worse'), pushed('good')],
      signal,
    );

    await rejects(push, { name: 'StoreError', code: 'invalid-argument', message: /it is bad/ });
    equal(writer.services().length, 4);
  });

  test('settles each profile on its own when one of them could not be stored', async () => {
    metrics.resetMetrics();
    const { distributor, writer } = setUp();
    writer.outcomeOf = ({ service }) => {
      if (service === 'lost') return { kind: 'failed', error: new StoreError('unavailable', 'the segment is lost') };
      if (service === 'good') return { kind: 'stored', rawBytes: 50_000 };
      return { kind: 'refused', rawBytes: 321, reason: 'samples_limit', error: toWire(malformed('x')) };
    };

    const push = distributor.pushProfiles('t', [pushed('bad'), pushed('good'), pushed('lost')], signal);

    await rejects(push, { code: 'unavailable', message: 'the segment is lost' });
    const text = await metrics.metrics();
    equal(/kiln_discarded_bytes_total\{reason="samples_limit",tenant=""\} (\d+)/.exec(text)?.[1], '321');
    equal(/kiln_distributor_received_decompressed_bytes_sum\{.*\} (\d+)/.exec(text)?.[1], '50321');
  });

  test('lets others go on between the profiles of a large push, and answers with the first failure of all', async () => {
    const { distributor, writer } = setUp();
    writer.outcomeOf = ({ service }) => ({
      kind: 'refused',
      rawBytes: 1,
      reason: 'malformed_profile',
      error: toWire(malformed(service)),
    });
    const profiles = Array.from({ length: 5000 }, (_, i) => pushed(`number ${i}`));
    let turns = 0;
    let done = false;

    const push = distributor.pushProfiles('t', profiles, signal).finally(() => {
      done = true;
    });
    const refused = rejects(push, { message: /number 0$/ });
    for (; !done; turns++) await nextTurn();

    await refused;
    ok(turns >= 4, `${turns} turns`);
    equal(writer.services().length, 5000);
  });

  test('answers with a refusal rather than with a bug that came first', async () => {
    const { distributor, writer } = setUp();
    writer.outcomeOf = ({ service }) =>
      service === 'bug'
        ? { kind: 'failed', error: new TypeError('x is undefined') }
        : { kind: 'refused', rawBytes: 1, reason: 'malformed_profile', error: toWire(malformed('it is bad')) };

    await rejects(distributor.pushProfiles('t', [pushed('bug'), pushed('bad')], signal), { code: 'invalid-argument' });
    await rejects(distributor.pushProfiles('t', [pushed('bug')], signal), TypeError);
  });

  test('answers well when all that was sent is dropped', async () => {
    const { distributor, writer } = setUp();
    writer.outcomeOf = () => ({ kind: 'dropped', rawBytes: 1, reason: 'dropped_by_relabel_rules' });

    await distributor.pushProfiles('t', [pushed('a')], signal);
  });

  test('refuses the whole push when its profiles are together too large, by what they claim', async () => {
    const { distributor, writer } = setUp({ ingestionBodyBytesMax: 3000 });
    const zipped = gzipSync(new Uint8Array(1500));

    metrics.resetMetrics();
    await distributor.pushProfiles('t', [pushed('a', zipped), pushed('b', zipped)], signal);
    const push = distributor.pushProfiles('t', [pushed('a', zipped), pushed('b', zipped), pushed('c')], signal);

    await rejects(push, {
      code: 'invalid-argument',
      message: /limit 3000 bytes, actual 3100 bytes uncompressed, as gzip trailers say$/,
    });
    equal(writer.waves.length, 1);
    const counted = await metrics.metrics();
    match(counted, /^kiln_discarded_profiles_total\{reason="body_size_limit_exceeded",tenant=""\} 3$/m);
    match(counted, /^kiln_discarded_bytes_total\{reason="body_size_limit_exceeded",tenant=""\} 3100$/m);
  });

  test('refuses a profile by the size it claims, and stores the others', async () => {
    const { distributor, writer } = setUp();
    const large = gzipSync(new Uint8Array((4 << 20) + 1));

    await rejects(distributor.pushProfiles('t', [pushed('a', large), pushed('b')], signal), {
      code: 'invalid-argument',
      message:
        /--validation.max-profile-size-bytes: limit 4194304 bytes \(4 MiB\), actual 4194305 bytes \(4 MiB\), as its gzip trailer says$/,
    });
    deepEqual(writer.services(), ['b']);
  });

  describe('with a rate limit', () => {
    const rate = { ingestionRateBytes: 4 << 20, ingestionBurstBytes: 2 << 20 };
    const zipped = gzipSync(new Uint8Array(1.5 * 2 ** 20));
    const refused: ProfileOutcome = {
      kind: 'refused',
      rawBytes: 100,
      reason: 'malformed_profile',
      error: toWire(malformed('it is')),
    };

    test('takes a push of more than a burst when nothing is owed, and has it paid off', async () => {
      const { distributor, writer, clock } = setUp(rate);
      const push = (tenant: string, ...services: string[]): Promise<void> =>
        distributor.pushProfiles(
          tenant,
          services.map((service) => pushed(service, zipped)),
          signal,
        );

      await push('t', 'a', 'b', 'c');
      deepEqual(writer.services(), ['a', 'b', 'c']);

      // Three times 1.5 MiB and 32 bytes of labels are gone of 2 MiB.
      await rejects(push('t', 'd'), {
        code: 'limit-exceeded',
        message:
          'push rate limit exceeded: --distributor.ingestion-rate-limit-mb lets through 4 MiB a second, ' +
          '--distributor.ingestion-burst-size-mb 2097152 bytes (2 MiB) at once, and a profile and its labels of ' +
          '1572896 bytes (1.5 MiB) fit in 1s1ms',
      });
      await rejects(push('t', 'd', 'e'), { message: /2 profiles and their labels of .* fit in 626ms$/ });
      equal(writer.services().length, 3);
      await push('other', 'f');
      await clock.turn(626);
      await push('t', 'd', 'e');
      deepEqual(writer.services(), ['a', 'b', 'c', 'f', 'd', 'e']);
    });

    test('takes a push of more than a burst beside others that never let the bucket be full', async () => {
      const { distributor, writer, clock } = setUp({ ingestionRateBytes: 1000, ingestionBurstBytes: 300 });
      const push = (...services: string[]): Promise<void> =>
        distributor.pushProfiles(
          't',
          services.map((service) => pushed(service)),
          signal,
        );

      for (const services of ['s', 's', 'abc']) await push(...services);
      await clock.turn(360); // What is owed then.
      for (let i = 0; i < 10; i++) {
        await clock.turn(132);
        await push('s');
      }

      await push('a', 'b', 'c');
      equal(writer.services().filter((service) => service === 'c').length, 2);
    });

    test('lets a push that fits a burst in as a whole or not at all, so that sending it again stores nothing twice', async () => {
      const { distributor, writer, clock } = setUp({ ingestionRateBytes: 100, ingestionBurstBytes: 300 });
      const two = [pushed('a'), pushed('b')];
      await distributor.pushProfiles('t', [pushed('first')], signal);

      await rejects(distributor.pushProfiles('t', two, signal), (error: StoreError) => {
        deepEqual([error.code, error.details['retryAfterMs']], ['limit-exceeded', 1000]);
        match(error.message, /2 profiles and their labels of 264 bytes fit in 1s$/);
        return true;
      });
      deepEqual(writer.services(), ['first']);
      await clock.turn(1000);
      await distributor.pushProfiles('t', two, signal);
      deepEqual(writer.services(), ['first', 'a', 'b']);
    });

    describe('over OTLP', () => {
      const otlp = (services: readonly string[], changed: Partial<LimitsConfig>) => {
        const set = setUp(changed);
        const rejected = { count: 0, error: undefined, reasons: {} };
        set.opener.otlp = { services, sources: Uint32Array.from(services.keys()), rejected };
        const message: OtlpMessage = { body: new Uint8Array(1), codec: 'proto', encoding: 'identity' };
        return { ...set, push: () => set.distributor.pushOtlp('t', message, signal) };
      };

      test('writes nothing of a message that does not fit now', async () => {
        const { push, writer, clock } = otlp(['a', 'b'], { ingestionRateBytes: 100, ingestionBurstBytes: 300 });
        await push();

        await rejects(push(), { code: 'limit-exceeded', message: /fit in 2s280ms$/ });
        deepEqual(writer.services(), ['a', 'b']);
        await clock.turn(2280);
        deepEqual(await push(), { rejectedProfiles: 0, message: '' });
        deepEqual(writer.services(), ['a', 'b', 'a', 'b']);
      });

      test('takes a message of more than a burst when nothing is owed, and has it paid off', async () => {
        const { push, writer, clock, distributor } = otlp(['a', 'b', 'c'], {
          ingestionRateBytes: 100,
          ingestionBurstBytes: 300,
        });
        await push();
        deepEqual(writer.services(), ['a', 'b', 'c']);

        // 396 bytes are gone of 300.
        await rejects(distributor.pushProfiles('t', [pushed('d')], signal), {
          code: 'limit-exceeded',
          message: /a profile and its labels of 132 bytes fit in 2s280ms$/,
        });
        await rejects(push(), { code: 'limit-exceeded', message: /3 profiles and .* fit in 960ms$/ });
        await clock.turn(959);
        await rejects(push(), { code: 'limit-exceeded' });
        equal(writer.services().length, 3);
        await clock.turn(1);
        await push();
        equal(writer.services().length, 6);
      });

      test('counts a profile that is larger than a burst as rejected, and stores the others', async () => {
        const large = 'x'.repeat(400);
        const { push, writer } = otlp(['a', large], { ingestionRateBytes: 100, ingestionBurstBytes: 300 });

        const { rejectedProfiles, message } = await push();

        equal(rejectedProfiles, 1);
        match(message, /--distributor.ingestion-burst-size-mb 300 bytes at once, .* of 531 bytes never fit$/);
        deepEqual(writer.services(), ['a']);
        const alone = otlp([large], { ingestionRateBytes: 100, ingestionBurstBytes: 300 });
        await rejects(alone.push(), { code: 'limit-exceeded' });
      });
    });

    test('says of a profile that is larger than the burst, beside stored ones, that sending it again cannot help', async () => {
      const { distributor, writer } = setUp({ ingestionRateBytes: 100, ingestionBurstBytes: 300 });
      const large = (name: string): PushedProfile => pushed(name, new Uint8Array(400));

      await rejects(distributor.pushProfiles('t', [large('a'), pushed('b')], signal), {
        code: 'invalid-argument',
        message: /--distributor.ingestion-burst-size-mb 300 bytes at once, .* of 432 bytes never fit$/,
      });
      deepEqual(writer.services(), ['b']);
      // Where nothing is stored the answer is Pyroscope's.
      await rejects(distributor.pushProfiles('t', [large('a'), large('c')], signal), { code: 'limit-exceeded' });
      await distributor.pushProfiles('t', [pushed('d')], signal);
      // The good one may come again, and the push with it.
      await rejects(distributor.pushProfiles('t', [large('a'), pushed('e')], signal), (error: StoreError) => {
        deepEqual([error.code, error.details['retryAfterMs']], ['limit-exceeded', 960]);
        return true;
      });
      deepEqual(writer.services(), ['b', 'd']);
    });

    test('lets others have a turn between profiles that it refuses', async () => {
      const { distributor } = setUp({ ingestionRateBytes: 100, ingestionBurstBytes: 30 });
      const many = Array.from({ length: 1024 }, () => pushed('a'));
      let turns = 0;
      let pushing = true;

      const push = distributor.pushProfiles('t', many, signal).finally(() => {
        pushing = false;
      });
      const counting = (async () => {
        for (; pushing; turns++) await nextTurn();
      })();
      await rejects(push, { code: 'limit-exceeded' });
      await counting;

      ok(turns >= 10, `${turns} turns`);
    });

    test('counts what is over the rate, and what is larger than the burst', async () => {
      metrics.resetMetrics();
      const { distributor } = setUp({ ingestionRateBytes: 100, ingestionBurstBytes: 300 });
      const counted = async (): Promise<(string | undefined)[]> => {
        const text = await metrics.metrics();
        return ['profiles', 'bytes'].map((what) => {
          const line = `^kiln_discarded_${what}_total\\{reason="rate_limited",tenant=""\\} (\\d+)$`;
          return new RegExp(line, 'm').exec(text)?.[1];
        });
      };

      await distributor.pushProfiles('t', [pushed('a')], signal);
      await rejects(distributor.pushProfiles('t', [pushed('b'), pushed('c')], signal), { code: 'limit-exceeded' });
      deepEqual(await counted(), ['2', '200']);

      await rejects(distributor.pushProfiles('t', [pushed('d', new Uint8Array(400))], signal));
      deepEqual(await counted(), ['3', '600']);
    });

    describe('what is not written', () => {
      const bounds = { ingestionRateBytes: 100, ingestionBurstBytes: 300 };
      const three = ['a', 'b', 'c'].map((service) => pushed(service));
      const away = new StoreError('unavailable', 'away');

      test('is given back where the writer takes none of it, so that no debt stays', async () => {
        const { distributor, writer } = setUp(bounds);
        writer.before = () => Promise.reject(away);

        await rejects(distributor.pushProfiles('t', three, signal), away);
        writer.before = async () => {};

        await distributor.pushProfiles('t', three.slice(1), signal);
        await rejects(distributor.pushProfiles('t', three.slice(1), signal), { message: /fit in 2s280ms$/ });
      });

      test('is given back profile by profile where the writer takes some of it', async () => {
        const { distributor, writer } = setUp(bounds);
        writer.outcomeOf = ({ service }) =>
          service === 'a' ? { kind: 'stored', rawBytes: 100 } : { kind: 'failed', error: away };

        await rejects(distributor.pushProfiles('t', three, signal), away);

        await rejects(distributor.pushProfiles('t', three.slice(1), signal), { message: /fit in 960ms$/ });
      });

      test('is given back where the client left', async () => {
        const { distributor, writer } = setUp(bounds, 1);
        const controller = new AbortController();
        writer.before = async () => controller.abort();

        await rejects(distributor.pushProfiles('t', three, controller.signal), { code: 'aborted' });

        deepEqual(writer.services(), ['a']);
        await rejects(distributor.pushProfiles('t', three.slice(1), signal), { message: /fit in 960ms$/ });
      });

      test('stays charged where a thread has looked at it and refused it', async () => {
        const { distributor, writer } = setUp(bounds);
        writer.outcomeOf = () => refused;

        await rejects(distributor.pushProfiles('t', three, signal), { code: 'invalid-argument' });

        await rejects(distributor.pushProfiles('t', three.slice(1), signal), { message: /fit in 3s600ms$/ });
      });
    });

    test('never lets through what is larger than the burst, and says too large where that is so', async () => {
      const { distributor } = setUp(rate);
      const push = (bytes: number): Promise<void> =>
        distributor.pushProfiles('t', [pushed('a', gzipSync(new Uint8Array(bytes)))], signal);

      // Nor when it would be let through: it does not help to come again.
      await rejects(push(3 << 20), (error: StoreError) => {
        deepEqual([error.code, error.details['retryAfterMs']], ['limit-exceeded', undefined]);
        return true;
      });
      await rejects(push(5 << 20), { code: 'invalid-argument' });
      await push(1 << 20);
    });

    test('charges the true size where the claim was a lie', async () => {
      const { distributor, writer, clock } = setUp(rate);
      writer.outcomeOf = () => ({ kind: 'stored', rawBytes: 4 << 20 });

      await distributor.pushProfiles('t', [pushed('a')], signal);
      await rejects(distributor.pushProfiles('t', [pushed('a')], signal), (error: StoreError) => {
        deepEqual([error.code, error.details['retryAfterMs']], ['limit-exceeded', 501]);
        return true;
      });
      await clock.turn(501);
      await distributor.pushProfiles('t', [pushed('a')], signal);
    });

    test('charges the labels too', async () => {
      const { distributor } = setUp({ ingestionRateBytes: 1, ingestionBurstBytes: 130 });

      await rejects(distributor.pushProfiles('t', [pushed('a')], signal), {
        message: /a profile and its labels of 132 bytes never fit/,
      });
    });
  });

  test('writes no more than its bound at once, and goes on when a window fails', async () => {
    const { distributor, writer } = setUp({}, 2);
    const write = writer.write.bind(writer);
    writer.write = async (profiles) => {
      const outcomes = await write(profiles);
      if (writer.waves.length === 2) throw new StoreError('unavailable', 'the window was lost');
      return outcomes;
    };

    const push = distributor.pushProfiles(
      't',
      ['a', 'b', 'c', 'd', 'e'].map((service) => pushed(service)),
      signal,
    );

    await rejects(push, { code: 'unavailable', message: 'the window was lost' });
    deepEqual(
      writer.waves.map(({ length }) => length),
      [2, 2, 1],
    );
  });

  test('sends the next profiles when earlier ones were taken, long before those are durable', async () => {
    metrics.resetMetrics();
    const { distributor, writer } = setUp({}, 2);
    const durable = Promise.withResolvers<void>();
    const takes: (() => void)[] = [];
    const write = writer.write.bind(writer);
    writer.write = async (profiles, _signal, taken) => {
      takes.push(taken!);
      const outcomes = await write(profiles);
      await durable.promise;
      return outcomes;
    };

    const push = distributor.pushProfiles(
      't',
      ['a', 'b', 'c', 'd', 'e'].map((service) => pushed(service)),
      signal,
    );
    await nextTurn();
    equal(takes.length, 1);
    match(await metrics.metrics(), /^kiln_distributor_waiting_profiles 3$/m);
    for (let wave = 0; wave < 3; wave++) {
      takes[wave]?.();
      await nextTurn();
    }

    deepEqual(writer.services(), ['a', 'b', 'c', 'd', 'e']);
    match(await metrics.metrics(), /^kiln_distributor_waiting_profiles 0$/m);
    durable.resolve();
    await push;
  });

  test('sends labels that are over the limits nowhere, and charges their bytes', async () => {
    const { distributor, writer } = setUp({ ingestionRateBytes: 1, ingestionBurstBytes: 1200 });
    const wide = { ...pushed(''), labels: [{ name: 'a', value: 'x'.repeat(2049) }] };
    const long = { ...pushed(''), labels: [{ name: 'n'.repeat(1025), value: 'v' }] };

    await rejects(distributor.pushProfiles('t', [wide], signal), {
      message: /a profile and its labels of 2150 bytes never fit/,
    });
    await distributor.pushProfiles('t', [long], signal);

    const routed = writer.waves[0]?.[0];
    deepEqual(routed?.labels, []);
    equal(routed?.labelFault?.details['reason'], 'label_name_too_long');
  });

  test('counts messages that are over a bound', async () => {
    metrics.resetMetrics();
    const { distributor, opener } = setUp();
    opener.open = () => Promise.reject(new StoreError('invalid-argument', 'too deep', { limitName: 'depth' }));

    await rejects(
      distributor.pushMessage('t', { body: Buffer.from('{}'), codec: 'json', encoding: 'identity' }, signal),
      /too deep/,
    );

    match(await metrics.metrics(), /^kiln_distributor_refused_messages_total\{limit="depth"\} 1$/m);
  });

  test('writes everything at once without a bound', async () => {
    const { distributor, writer } = setUp({}, 0);

    await distributor.pushProfiles(
      't',
      ['a', 'b', 'c'].map((service) => pushed(service)),
      signal,
    );

    equal(writer.waves.length, 1);
  });

  test('starts nothing more for a client that left', async () => {
    const { distributor, writer } = setUp({}, 1);
    const controller = new AbortController();
    writer.outcomeOf = () => {
      controller.abort();
      return { kind: 'stored', rawBytes: 1 };
    };

    await rejects(distributor.pushProfiles('t', [pushed('a'), pushed('b')], controller.signal), { code: 'aborted' });
    deepEqual(writer.services(), ['a']);
  });

  test('counts what it discards, by reason', async () => {
    metrics.resetMetrics();
    const { distributor, writer } = setUp();
    writer.outcomeOf = () => ({
      kind: 'refused',
      rawBytes: 321,
      reason: 'samples_limit',
      error: toWire(malformed('x')),
    });

    await rejects(distributor.pushProfiles('t', [pushed('a'), pushed('b')], signal));

    const text = await metrics.metrics();
    equal(/kiln_discarded_bytes_total\{reason="samples_limit",tenant=""\} (\d+)/.exec(text)?.[1], '642');
    equal(/kiln_discarded_profiles_total\{reason="samples_limit",tenant=""\} (\d+)/.exec(text)?.[1], '2');
    equal(/kiln_distributor_profiles_received_total\{tenant=""\} (\d+)/.exec(text)?.[1], '2');
  });
});

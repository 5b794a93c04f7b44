import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { once } from 'node:events';
import { describe, type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { status as Status, type StatusObject } from '@grpc/grpc-js';
import { HealthCheckResponseSchema } from '#src/transports/gen/grpc/health/v1/health_pb.ts';
import {
  ServerReflectionRequestSchema,
  type ServerReflectionResponse,
  ServerReflectionResponseSchema,
} from '#src/transports/gen/grpc/reflection/v1/reflection_pb.ts';
import {
  CHECK,
  call,
  clientOf,
  frameOf,
  type GrpcFixture,
  HEADERS,
  metadataOf,
  REFLECTION,
  refusalsOf,
  request,
  sessionOf,
  startGrpc,
  WATCH,
} from './grpc-fixture.ts';
import { until } from './http-fixture.ts';

const asIs = (bytes: Buffer): Buffer => bytes;

function statusOf(message: Uint8Array | undefined): number | undefined {
  return message && fromBinary(HealthCheckResponseSchema, message).status;
}

describe('the health of the server', () => {
  test('is told to anybody, whatever service is asked for', async (t) => {
    const fixture = await startGrpc(t);
    const client = clientOf(t, fixture);
    const ask = async () => (await call(client, CHECK, Buffer.from('0a0178', 'hex'), { tenant: null })).body;

    equal(statusOf(await ask()), 1);
    fixture.readiness = { ready: false, reason: 'stopping' };
    equal(statusOf(await ask()), 2);
  });

  test('can be watched until the server closes', async (t) => {
    const fixture = await startGrpc(t);
    const watch = clientOf(t, fixture).makeServerStreamRequest(WATCH, asIs, asIs, Buffer.alloc(0), metadataOf({}));
    const seen: (number | undefined)[] = [];
    let status: StatusObject | undefined;
    watch.on('data', (message: Buffer) => seen.push(statusOf(message)));
    watch.on('status', (last: StatusObject) => {
      status = last;
    });
    watch.on('error', () => {});
    await until(() => seen.length === 1);

    const closed = fixture.server.close(1000);
    await until(() => status !== undefined);
    await closed;

    deepEqual(seen, [1, 2]);
    equal(status?.code, Status.UNAVAILABLE);
  });

  test('is watched by so many only, and by others when some leave', async (t) => {
    const fixture = await startGrpc(t, { streamingCallsMax: 2 });
    const client = clientOf(t, fixture);
    const watch = () => {
      const stream = client.makeServerStreamRequest(WATCH, asIs, asIs, Buffer.alloc(0), metadataOf({}));
      const one = { stream, seen: 0, code: -1 };
      stream.on('data', () => one.seen++);
      stream.on('error', () => {});
      stream.on('status', ({ code }: StatusObject) => {
        one.code = code;
      });
      return one;
    };
    const [first, second] = [watch(), watch()];
    await until(() => first.seen === 1 && second.seen === 1);

    const third = watch();
    await until(() => third.code >= 0);
    first.stream.cancel();
    await until(() => first.code === Status.CANCELLED);
    const fourth = watch();

    await until(() => fourth.seen === 1);
    equal(third.code, Status.UNAVAILABLE);
    equal(await refusalsOf(fixture, 'streams'), 1);
    equal(fixture.room.bodies.usedBytes, 0);
  });

  test('is watched until a deadline, if there is one, which says nothing of the health', async (t) => {
    const fixture = await startGrpc(t);
    const session = sessionOf(t, fixture);
    const stream = session.request({ ...HEADERS, ':path': WATCH, 'grpc-timeout': '2S' });
    let [received, status]: [string, unknown] = ['', undefined];
    stream.on('data', (chunk: Buffer) => {
      received += chunk.toString('hex');
    });
    stream.on('trailers', (trailers) => {
      status = trailers['grpc-status'];
    });
    stream.end(frameOf(''));
    await until(() => received !== '');

    await fixture.clock.turn(1999);
    equal(status, undefined);
    await fixture.clock.turn(1);

    await until(() => status !== undefined);
    equal(status, '4');
    equal(received, '00000000020801');
  });

  for (const [what, more, code, message] of [
    ['another message', frameOf('').toString('hex'), '3', /a watch has one message, and another one came/],
    [
      'the promise of four gigabytes',
      '00ffffffff',
      '8',
      /larger than the limit of stream messages: .* 4294967295 bytes/,
    ],
  ] as const) {
    test(`is not watched by who sends ${what}`, async (t) => {
      const fixture = await startGrpc(t);
      const stream = sessionOf(t, fixture).request({ ...HEADERS, ':path': WATCH });
      let trailers: Record<string, unknown> = {};
      stream.on('trailers', (all) => {
        trailers = all;
      });
      stream.write(frameOf(''));
      await once(stream, 'data');

      stream.write(Buffer.from(more, 'hex'));

      await until(() => trailers['grpc-status'] !== undefined);
      equal(trailers['grpc-status'], code);
      match(decodeURIComponent(String(trailers['grpc-message'])), message);
      equal(await refusalsOf(fixture, 'message_limit'), code === '8' ? 1 : 0);
      equal(fixture.room.bodies.usedBytes, 0);
    });
  }
});

type Ask = MessageInitShape<typeof ServerReflectionRequestSchema>['messageRequest'];

/** A conversation with the reflection of a server. */
async function reflect(
  t: TestContext,
  fixture: GrpcFixture,
  questions: readonly Ask[],
  version = 'v1',
): Promise<ServerReflectionResponse['messageResponse'][]> {
  const path = `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`;
  const stream = clientOf(t, fixture).makeBidiStreamRequest(path, asIs, asIs, metadataOf({ tenant: null }));
  const answers: ServerReflectionResponse['messageResponse'][] = [];
  let code = -1;
  stream.on('data', (bytes: Buffer) => {
    answers.push(fromBinary(ServerReflectionResponseSchema, bytes).messageResponse);
  });
  stream.on('error', () => {});
  stream.on('status', (status: StatusObject) => {
    code = status.code;
  });
  for (const messageRequest of questions) {
    const message = create(ServerReflectionRequestSchema, messageRequest && { messageRequest });
    stream.write(Buffer.from(toBinary(ServerReflectionRequestSchema, message)));
    if (answers.length === 0) await until(() => answers.length > 0 || code >= 0);
  }
  stream.end();
  await until(() => code >= 0);
  equal(code, Status.OK);
  return answers;
}

function filesOf(answer: ServerReflectionResponse['messageResponse'] | undefined): string[] {
  if (answer?.case !== 'fileDescriptorResponse') return [];
  return answer.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name);
}

describe('reflection', () => {
  for (const version of ['v1', 'v1alpha']) {
    test(`lists the services (${version})`, async (t) => {
      const [answer] = await reflect(t, await startGrpc(t), [{ case: 'listServices', value: '*' }], version);

      ok(answer?.case === 'listServicesResponse');
      deepEqual(
        answer.value.service.map(({ name }) => name),
        [
          'grpc.health.v1.Health',
          'grpc.reflection.v1.ServerReflection',
          'grpc.reflection.v1alpha.ServerReflection',
          'opentelemetry.proto.collector.profiles.v1development.ProfilesService',
          'push.v1.PusherService',
          'querier.v1.QuerierService',
        ],
      );
    });
  }

  test('finds the file of anything that has a name, with all that it imports', async (t) => {
    const symbols = [
      'push.v1.PusherService',
      'push.v1.PusherService.Push',
      'push.v1.RawSample',
      'push.v1.RawSample.raw_profile',
    ];
    const questions: Ask[] = symbols.map((value) => ({ case: 'fileContainingSymbol', value }));
    questions.push({ case: 'fileByFilename', value: 'push/v1/push.proto' });
    const inHealth = ['grpc.health.v1.HealthCheckResponse.ServingStatus', 'grpc.health.v1.HealthCheckResponse.SERVING'];
    for (const value of inHealth) questions.push({ case: 'fileContainingSymbol', value });

    const answers = await reflect(t, await startGrpc(t), questions);

    const push = ['push/v1/push.proto', 'types/v1/types.proto'];
    const health = ['grpc/health/v1/health.proto'];
    deepEqual(answers.map(filesOf), [push, push, push, push, push, health, health]);
  });

  test('lists OTLP on its own port, with all that its messages are made of', async (t) => {
    const symbol = 'opentelemetry.proto.collector.profiles.v1development.ProfilesService.Export';
    const questions: Ask[] = [
      { case: 'listServices', value: '*' },
      { case: 'fileContainingSymbol', value: symbol },
      { case: 'fileContainingSymbol', value: 'opentelemetry.proto.common.v1.AnyValue.string_value_strindex' },
    ];

    const [list, service, common] = await reflect(t, await startGrpc(t, {}, 'otlp'), questions);

    ok(list?.case === 'listServicesResponse');
    deepEqual(
      list.value.service.map(({ name }) => name),
      [
        'grpc.health.v1.Health',
        'grpc.reflection.v1.ServerReflection',
        'grpc.reflection.v1alpha.ServerReflection',
        'opentelemetry.proto.collector.profiles.v1development.ProfilesService',
      ],
    );
    const [profiles, ...rest] = [
      'collector/profiles/v1development/profiles_service.proto',
      'profiles/v1development/profiles.proto',
      'common/v1/common.proto',
      'resource/v1/resource.proto',
    ].map((name) => `opentelemetry/proto/${name}`);
    deepEqual(filesOf(service), [profiles, ...rest]);
    deepEqual(filesOf(common), ['opentelemetry/proto/common/v1/common.proto']);
  });

  test('says what it does not know', async (t) => {
    const answers = await reflect(t, await startGrpc(t), [
      { case: 'fileContainingSymbol', value: 'toString' },
      { case: 'fileByFilename', value: 'no.proto' },
      { case: 'allExtensionNumbersOfType', value: 'push.v1.PushRequest' },
      { case: 'allExtensionNumbersOfType', value: 'x' },
      { case: 'fileContainingExtension', value: { containingType: 'push.v1.PushRequest', extensionNumber: 1 } },
      undefined,
    ]);

    deepEqual(
      answers.map((answer) => (answer.case === 'errorResponse' ? answer.value.errorCode : answer.case)),
      [
        Status.NOT_FOUND,
        Status.NOT_FOUND,
        'allExtensionNumbersResponse',
        Status.NOT_FOUND,
        Status.NOT_FOUND,
        Status.INVALID_ARGUMENT,
      ],
    );
  });

  test('answers a thousand questions that were asked at once', async (t) => {
    const fixture = await startGrpc(t);
    const question = create(ServerReflectionRequestSchema, { messageRequest: { case: 'listServices', value: '' } });
    const body = Buffer.concat(Array(1000).fill(frameOf(toBinary(ServerReflectionRequestSchema, question))));

    const { body: answers, trailers } = await request(sessionOf(t, fixture), REFLECTION, body);

    equal(trailers['grpc-status'], '0');
    let count = 0;
    for (let at = 0; at < answers.length; at += 5 + answers.readUInt32BE(at + 1)) count++;
    equal(count, 1000);
    equal(fixture.room.bodies.usedBytes, 0);
  });

  for (const [what, body, code, headers] of [
    ['a message that is cut off', Buffer.from('0000000005aa', 'hex'), '3', {}],
    ['a message that is none', frameOf(Buffer.from('ff', 'hex')), '3', {}],
    ['a message of more than 16 KiB', frameOf(Buffer.alloc(20_000)), '8', {}],
    ['the promise of one', Buffer.from('00ffffffff', 'hex'), '8', {}],
    ['a bomb', frameOf(gzipSync(Buffer.alloc(1_000_000)), 1), '8', { 'grpc-encoding': 'gzip' }],
    ['JSON', frameOf('{}'), '12', { 'content-type': 'application/grpc+json' }],
  ] as const) {
    test(`refuses ${what}`, async (t) => {
      const fixture = await startGrpc(t);

      const { trailers } = await request(sessionOf(t, fixture), REFLECTION, body, headers);

      equal(trailers['grpc-status'], code);
      deepEqual(fixture.bugs, []);
      equal(fixture.room.bodies.usedBytes, 0);
    });
  }
});

import { deepEqual, equal, match, ok, throws } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Config, sections } from '#src/config/config.ts';
import { type Environment, load, variableOf } from '#src/config/load.ts';
import { StoreError } from '#src/domain/errors.ts';

describe('load', () => {
  test('gives every default when nothing is typed, resolved to this machine', () => {
    const config = configOf([], {}, 7);

    equal(config.server.httpListenPort, 4040);
    equal(config.server.grpcListenPort, 9095);
    equal(config.limits.maxProfileStacktraceSamples, 16_000);
    equal(config.segmentWriter.segmentDurationMs, 100);
    equal(config.pool.threads, 7);
    equal(config.queryBackend.memoryBytesMax, 256 << 20);
    equal(config.queryBackend.resultBytesMax, 64 << 20);
  });

  for (const args of [
    ['--server.http-listen-port=1'],
    ['--server.http-listen-port', '1'],
    ['-server.http-listen-port=1'],
    ['-server.http-listen-port', '1'],
  ]) {
    test(`takes ${args.join(' ')}`, () => equal(configOf(args).server.httpListenPort, 1));
  }

  test('takes a switch alone or with a value after =', () => {
    const multitenancy = (...args: string[]) => configOf(args).auth.multitenancyEnabled;

    equal(multitenancy('--auth.multitenancy-enabled'), true);
    equal(multitenancy('--auth.multitenancy-enabled=true'), true);
    equal(multitenancy('--auth.multitenancy-enabled=false'), false);
  });

  test('a switch does not take the next word for its value, as in Go', () => {
    deepEqual(problemsOf(['--auth.multitenancy-enabled', 'false']), [
      '"false" is not a flag; flags are written --flag=value',
    ]);
  });

  test('keeps what stands after the first = as it is', () => {
    equal(configOf(['--data-dir=/a=b c\nd']).storage.dataDir, '/a=b c\nd');
  });

  test('refuses a window that is more than half of what a task may use, naming both', () => {
    equal(configOf([`--pool.task-bytes-max=${128 << 20}`]).pool.headBytesMax, 64 << 20);
    deepEqual(problemsOf(['--pool.task-bytes-max=100000000']), [
      '--pool.head-bytes-max: 67108864 is more than half of --pool.task-bytes-max=100000000',
    ]);
  });

  test('a flag wins over its variable, the variable over the default', () => {
    const env = { KILN_SERVER_HTTP_LISTEN_PORT: '2', KILN_SERVER_GRPC_LISTEN_PORT: '3', PATH: '/bin' };
    const { server } = configOf(['--server.http-listen-port=1'], env);

    equal(server.httpListenPort, 1);
    equal(server.grpcListenPort, 3);
  });

  test('data-dir moves everything, save what has a folder of its own', () => {
    const moved = configOf(['--data-dir=/srv/kiln']);
    equal(moved.storage.filesystemDir, '/srv/kiln/bucket');
    equal(moved.metastore.dataDir, '/srv/kiln/metastore');

    const apart = configOf(['--data-dir=/srv/kiln', '--metastore.data-dir=/fast'], {
      KILN_STORAGE_FILESYSTEM_DIR: '/large',
    });
    equal(apart.storage.filesystemDir, '/large');
    equal(apart.metastore.dataDir, '/fast');
  });

  test('limits the ingestion rate with multi-tenancy, or when told to', () => {
    const rate = (...args: string[]) => configOf(args).limits.ingestionRateBytes;

    equal(rate(), 0);
    equal(rate('--auth.multitenancy-enabled'), 4 << 20);
    equal(rate('--distributor.ingestion-rate-limit-mb=0.5'), 1 << 19);
    equal(rate('--auth.multitenancy-enabled', '--distributor.ingestion-rate-limit-mb=0'), 0);
  });

  test('names everything that is wrong at once, each under the name that was typed', () => {
    const problems = problemsOf(
      ['--server.http-listen-prt=1', '--pool.threads=x', '--log.level', '--data-dir=', 'serve'],
      { KILN_POOL_QUEUE_MAX: '0', KILN_LOG_LEVLE: 'info' },
    );

    deepEqual(problems, [
      '--server.http-listen-prt is not a flag of Kiln; did you mean --server.http-listen-port?',
      '--log.level needs a value: --log.level=<debug|info|warn|error>',
      '"serve" is not a flag; flags are written --flag=value',
      'KILN_LOG_LEVLE is not a variable of Kiln; did you mean KILN_LOG_LEVEL?',
      'KILN_POOL_QUEUE_MAX: 0 is out of range: from 1 to 65536',
      '--pool.threads: "x" is not an integer from 0 to 256',
      '--data-dir: the name of a folder is missing',
    ]);
  });

  test('says what a value may be when it is none at all', () => {
    const args = [
      '--server.http-listen-port=http',
      '--distributor.ingestion-body-limit-mb=x',
      '--segment-writer.segment-duration=5',
    ];

    deepEqual(problemsOf(args), [
      '--server.http-listen-port: "http" is not an integer from 0 to 65535',
      '--distributor.ingestion-body-limit-mb: "x" is not a number of MB from 0 to 1048576',
      '--segment-writer.segment-duration: "5" is not a duration such as 500ms, 1h30m or 7d (units: ns us ms s m h d w y), from 1ms to 1m',
    ]);
  });

  test('an unknown flag names the one that is most likely meant', () => {
    deepEqual(
      problemsOf(['--server.http-port=1', '--port', '1', '--data=x', '--lookback=1d'], { KILN_HTTP_PORT: '1' }),
      [
        '--server.http-port is not a flag of Kiln; did you mean --server.http-listen-port?',
        '--port is not a flag of Kiln; did you mean --server.http-listen-port?',
        '--data is not a flag of Kiln; did you mean --data-dir?',
        '--lookback is not a flag of Kiln; did you mean --querier.max-query-lookback?',
        'KILN_HTTP_PORT is not a variable of Kiln; did you mean KILN_SERVER_HTTP_LISTEN_PORT?',
      ],
    );
  });

  test('an unknown flag is one problem, not also its value', () => {
    deepEqual(problemsOf(['--compactor.blocks-retention-period', '30d']), [
      '--compactor.blocks-retention-period is not a flag of Kiln; see --help',
    ]);
  });

  test('a flag that is given twice is refused', () => {
    deepEqual(problemsOf(['--pool.threads=1', '--pool.threads', '2']), ['--pool.threads is given more than once']);
  });

  test('names that objects have by birth are unknown flags', () => {
    equal(problemsOf(['--constructor=1', '--__proto__=1', '--toString']).length, 3);
  });

  test('what Kubernetes says about a service called kiln is not for Kiln', () => {
    const links = {
      KILN_SERVICE_HOST: '10.0.0.1',
      KILN_SERVICE_PORT: '4040',
      KILN_SERVICE_PORT_HTTP: '4040',
      KILN_PORT: 'tcp://10.0.0.1:4040',
      KILN_PORT_4040_TCP: 'tcp://10.0.0.1:4040',
      KILN_PORT_4040_TCP_PROTO: 'tcp',
      KILN_PORT_4040_TCP_PORT: '4040',
      KILN_PORT_4040_TCP_ADDR: '10.0.0.1',
    };

    equal(configOf([], links).server.httpListenPort, 4040);
    match(problemsOf([], { KILN_PORT: '4041' })[0] ?? '', /^KILN_PORT is not a variable/);
  });

  test('says that other roles and other stores come later', () => {
    match(
      problemsOf(['--target=distributor,metastore'])[0] ?? '',
      /^--target: .* later version.*"distributor,metastore"/,
    );
    equal(problemsOf(['--target=al'])[0], '--target: "al" is not a role: want "all"');
    match(problemsOf(['--storage.backend=s3'])[0] ?? '', /^--storage\.backend: .* later version/);
  });

  test('refuses what contradicts itself, under the name that was typed', () => {
    deepEqual(problemsOf([], { KILN_SERVER_GRPC_LISTEN_PORT: '4040' }), [
      'KILN_SERVER_GRPC_LISTEN_PORT: 4040 is the port of the HTTP server as well',
    ]);
    equal(problemsOf(['--querier.max-flamegraph-nodes-max=100']).length, 1);
    equal(problemsOf(['--auth.multitenancy-enabled', '--distributor.ingestion-burst-size-mb=0']).length, 1);
    const apart = ['--server.grpc-listen-port=4040', '--server.grpc-listen-address=::1'];
    equal(configOf([...apart, '--server.http-listen-address=127.0.0.1']).server.grpcListenPort, 4040);
    equal(problemsOf(apart).length, 1);
  });

  test('OTLP has no port of its own unless it is given one that is free', () => {
    equal(configOf([]).server.otlpGrpcListenPort, 4317);
    equal(configOf(['--server.otlp-grpc-listen-port=9095']).server.otlpGrpcListenPort, 9095);
    deepEqual(problemsOf(['--server.otlp-grpc-listen-port=4040']), [
      '--server.otlp-grpc-listen-port: 4040 is the port of the HTTP server as well',
    ]);
    const none = ['--server.grpc-listen-port=0', '--server.http-listen-port=0', '--server.otlp-grpc-listen-port=0'];
    equal(configOf(none).server.otlpGrpcListenPort, 0);
  });

  test('both ports may be left to the system', () => {
    const { server } = configOf(['--server.http-listen-port=0', '--server.grpc-listen-port=0']);
    deepEqual([server.httpListenPort, server.grpcListenPort], [0, 0]);
  });

  test('help and version are answered whatever else is typed before them', () => {
    for (const help of ['--help', '-help', '-h']) deepEqual(load([help], { KILN_NONSENSE: '1' }), { kind: 'help' });
    deepEqual(load(['--data-dir=x', '--version'], {}), { kind: 'version' });
  });

  test('nobody can change the config afterwards', () => {
    const config = configOf([]);
    for (const part of [config, ...Object.values(config)]) ok(Object.isFrozen(part));
    ok(!Object.isFrozen(sections.server.defaults), 'the defaults are copied, not handed out');
  });
});

describe('sections', () => {
  const knobs = Object.values(sections).flatMap((section) => Object.values(section.knobs));

  test('no two flags have one name or one variable', () => {
    equal(new Set(knobs.map((knob) => knob.flag)).size, knobs.length);
    equal(new Set(knobs.map((knob) => variableOf(knob.flag))).size, knobs.length);
  });

  test('every default is a value that its own knob reads', () => {
    for (const section of Object.values(sections)) {
      for (const [key, { flag, kind }] of Object.entries(section.knobs)) {
        const value: unknown = section.defaults[key as keyof typeof section.defaults];
        deepEqual(
          (kind.read as (text: string) => unknown)((kind.show as (value: unknown) => string)(value)),
          { value },
          flag,
        );
      }
    }
  });
});

function configOf(args: string[], env: Environment = {}, cores = 2): Config {
  const command = load(args, env, cores);
  ok(command.kind === 'run');
  return command.config;
}

function problemsOf(args: string[], env: Environment = {}): string[] {
  let problems: string[] = [];
  throws(
    () => load(args, env),
    (error) => {
      ok(error instanceof StoreError && error.code === 'invalid-argument');
      problems = error.message.split('\n');
      return true;
    },
  );
  return problems;
}

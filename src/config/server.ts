import { LimitFlag } from '#src/domain/model/limit-flags.ts';
import type { Bytes, DurationMs } from '#src/domain/model/units.ts';
import { anyText, bytes, duration, integer, type Kind } from './kinds.ts';
import type { Section } from './section.ts';

export type ServerConfig = {
  /** The roles that this process runs. */
  readonly target: 'all';
  /** Empty: every interface. */
  readonly httpListenAddress: string;
  /** HTTP/1.1: the API, `/ingest`, the page, `/metrics`. 0: any free port. */
  readonly httpListenPort: number;
  /** Empty: every interface. */
  readonly grpcListenAddress: string;
  /** HTTP/2: gRPC. 0: any free port. */
  readonly grpcListenPort: number;
  /** HTTP/2, on the address of gRPC: OTLP alone. 0: none. */
  readonly otlpGrpcListenPort: number;
  /**
   * How many bytes of request bodies may be in memory at once, counted from their first byte. Above it a request is
   * answered 503 with `Retry-After`, so many slow or large pushes cannot fill the memory.
   */
  readonly ingestBufferBytesMax: Bytes;
  /** How long running requests and the last segments get at shutdown before the process ends without them. */
  readonly gracefulShutdownTimeoutMs: DurationMs;
};

const ROLES = [
  'distributor',
  'segment-writer',
  'metastore',
  'compaction-worker',
  'query-frontend',
  'query-backend',
] as const;

const roles: Kind<'all'> = {
  placeholder: '<roles>',
  read: (text) => {
    if (text === 'all') return { value: 'all' };
    const strange = text.split(',').find((role) => role !== 'all' && !(ROLES as readonly string[]).includes(role));
    return strange === undefined
      ? { problem: `roles in processes of their own come in a later version: only "all" runs now, not "${text}"` }
      : { problem: `${JSON.stringify(strange)} is not a role: want "all"` };
  },
  show: (value) => value,
};

export const serverSection: Section<ServerConfig> = {
  title: 'Server',
  defaults: {
    target: 'all',
    httpListenAddress: '',
    httpListenPort: 4040,
    grpcListenAddress: '',
    grpcListenPort: 9095,
    otlpGrpcListenPort: 4317,
    ingestBufferBytesMax: 256 << 20,
    gracefulShutdownTimeoutMs: 30_000,
  },
  knobs: {
    target: { flag: 'target', kind: roles, meaning: 'The roles that this process runs; "all" is every role.' },
    httpListenAddress: {
      flag: 'server.http-listen-address',
      kind: anyText,
      meaning: 'Address of the HTTP server.',
      defaultNote: 'every interface',
    },
    httpListenPort: {
      flag: 'server.http-listen-port',
      kind: integer(0, 65_535),
      meaning: 'Port of the HTTP server; 0 takes any free one.',
    },
    grpcListenAddress: {
      flag: 'server.grpc-listen-address',
      kind: anyText,
      meaning: 'Address of the gRPC server.',
      defaultNote: 'every interface',
    },
    grpcListenPort: {
      flag: 'server.grpc-listen-port',
      kind: integer(0, 65_535),
      meaning: 'Port of the gRPC server; 0 takes any free one.',
    },
    otlpGrpcListenPort: {
      flag: 'server.otlp-grpc-listen-port',
      kind: integer(0, 65_535),
      meaning: 'One more port of the gRPC server, for OTLP alone, unless 4317 is taken; 0 is none.',
    },
    ingestBufferBytesMax: {
      flag: LimitFlag.ingestBuffer,
      kind: bytes(1 << 20, 2 ** 36),
      meaning: 'Request bodies in memory at once; above it pushes are answered 503.',
    },
    gracefulShutdownTimeoutMs: {
      flag: 'server.graceful-shutdown-timeout',
      kind: duration(0, 3_600_000),
      meaning: 'How long a shutdown may take: requests get half of it, storing what was pushed the rest.',
    },
  },
  check(config, refuse) {
    const { httpListenAddress, grpcListenAddress, httpListenPort, grpcListenPort, otlpGrpcListenPort } = config;
    const oneAddress = httpListenAddress === grpcListenAddress || [httpListenAddress, grpcListenAddress].includes('');
    if (grpcListenPort !== 0 && grpcListenPort === httpListenPort && oneAddress) {
      refuse('grpcListenPort', `${grpcListenPort} is the port of the HTTP server as well`);
    }
    if (otlpGrpcListenPort === 0) return;
    if (otlpGrpcListenPort === httpListenPort && oneAddress) {
      refuse('otlpGrpcListenPort', `${otlpGrpcListenPort} is the port of the HTTP server as well`);
    }
  },
};

import { join, resolve } from 'node:path';
import type { Config } from './config/config.ts';
import { StoreError } from './domain/errors.ts';
import type { DurationMs } from './domain/model/units.ts';
import { EXIT } from './exit-codes.ts';
import { type GrpcPorts, listenToGrpc } from './grpc-ports.ts';
import { systemClock } from './platform/clock.ts';
import { ulidSource, uuidSource } from './platform/ids.ts';
import type { Part } from './platform/lifecycle.ts';
import type { Log } from './platform/log.ts';
import { metrics, watchProcess } from './platform/metrics.ts';
import { systemRandom } from './platform/random.ts';
import { Distributor, distributorDefaults } from './services/distributor/distributor.ts';
import { PoolMessageOpener } from './services/distributor/pool-message-opener.ts';
import { Metastore } from './services/metastore/metastore.ts';
import { QueryBackend } from './services/query-backend/query-backend.ts';
import { QueryFrontend } from './services/query-frontend/query-frontend.ts';
import { PoolHeadThreads } from './services/segment-writer/pool-head-threads.ts';
import { SegmentWriter } from './services/segment-writer/segment-writer.ts';
import { FilesystemStore } from './storage/filesystem-store.ts';
import { makeKeptFolder } from './storage/kept-folder.ts';
import { lockDirectory } from './storage/lmdb-directory-lock.ts';
import { openMetastoreDirectory } from './storage/lmdb-metastore-directory.ts';
import { grpcConstants } from './transports/grpc/grpc-config.ts';
import { GrpcServer } from './transports/grpc/server.ts';
import { browserUrl } from './transports/http/browser-url.ts';
import { httpConstants } from './transports/http/http-config.ts';
import { otlpPaths } from './transports/http/otlp.ts';
import { createHttpServer } from './transports/http/server.ts';
import { createServerRoom } from './transports/http/server-room.ts';
import type { Readiness } from './transports/http/status-routes.ts';
import { openableShare } from './workers/opening.ts';
import type { Pool } from './workers/pool.ts';

/** A head is flushed when this share of its arena is used: the batches on their way must still fit. */
const HEAD_FULL_SHARE = 0.5;

/** Read nodes in memory per thread: one that a thread computes, and one whose bytes arrive meanwhile. */
const READ_NODES_PER_THREAD = 2;

/** Requests get this share of the time for a stop at most: what they pushed must still be stored in the rest. */
const STOP_SHARE_OF_REQUESTS = 0.5;

export type RolesDeps = {
  readonly log: Log;
  readonly pool: Pool;
  /** Resolves when the threads can work. */
  readonly warmedUp: Promise<void>;
};

/** All roles in one process: what starts, in this order, and stops, in the opposite one. */
export function rolesOf(config: Config, { log, pool, warmedUp }: RolesDeps): { parts: Part[]; announce: () => void } {
  let readiness: Readiness = { ready: false, reason: 'starting' };
  let port = 0;
  let grpcPorts: GrpcPorts = { all: 0, otlp: 0 };
  const clock = systemClock;

  /** What an operator set to get a folder: it is below the data directory unless it has a flag of its own. */
  const flagOf = (folder: string, name: string, ownFlag: string): string =>
    folder === join(config.storage.dataDir, name) ? 'data-dir' : ownFlag;

  // Made when they start, in order: each needs those before it.
  let objects: FilesystemStore;
  let metastore: Metastore;
  let segmentWriter: SegmentWriter;

  const parts: Part[] = [];
  const add = (name: string, start: () => Promise<() => void | Promise<void>>): void => {
    let stop: () => void | Promise<void> = () => {};
    parts.push({
      name,
      start: async () => {
        stop = await start();
      },
      stop: () => stop(),
    });
  };

  add('process metrics', async () => watchProcess());
  add('thread pool', async () => () => pool.close());
  add('object storage', async () => {
    const { filesystemDir: dir, filesystemReadsInFlightMax, filesystemOpenFilesMax } = config.storage;
    await makeKeptFolder(dir, flagOf(dir, 'bucket', 'storage.filesystem.dir'));
    const lock = await lockDirectory(dir);
    objects = await FilesystemStore.open({
      dir,
      readsInFlightMax: filesystemReadsInFlightMax,
      openFilesMax: filesystemOpenFilesMax,
    });
    return async () => {
      await objects.close();
      await lock.release();
    };
  });
  add('metastore', async () => {
    const { dataDir } = config.metastore;
    await makeKeptFolder(dataDir, flagOf(dataDir, 'metastore', 'metastore.data-dir'));
    const directory = await openMetastoreDirectory(dataDir, {
      clock,
      newIncarnation: () => randomBytes(16),
    });
    metastore = Metastore.open({ clock, log, commandLog: directory.log, state: directory.state });
    // A disk that failed leaves a log whose end nobody knows. Whoever starts the process again reads it anew.
    const running = metastore.run().catch((error: unknown) => {
      log.error('the metastore cannot go on', { error });
      const full = error instanceof StoreError && error.details['errno'] === 'ENOSPC';
      process.exit(full ? EXIT.diskFull : EXIT.diskFailed);
    });
    return async () => {
      metastore.close();
      await running;
      await directory.close();
    };
  });
  add('segment-writer', async () => {
    const { segmentDurationMs, segmentBytesMax, uploadTimeoutMs, metadataUpdateTimeoutMs } = config.segmentWriter;
    segmentWriter = new SegmentWriter(
      {
        segmentDurationMs,
        segmentBytesMax,
        headBytesMax: config.pool.headBytesMax * HEAD_FULL_SHARE,
        waitingBytesMax: config.server.ingestBufferBytesMax,
        uploadTimeoutMs,
        metadataUpdateTimeoutMs,
      },
      {
        clock,
        log,
        objects,
        registry: metastore,
        heads: new PoolHeadThreads(pool),
        newBlockId: ulidSource(systemRandom),
        newProfileId: uuidSource(systemRandom),
      },
    );
    return () => segmentWriter.close();
  });
  // One part, because they stop together: each would take half of the time.
  add('HTTP and gRPC servers', async () => {
    const { multitenancyEnabled } = config.auth;
    const { ingestionBodyBytesMax } = config.limits;
    const openable = openableShare(config.pool.taskBytesMax);
    const transport = { multitenancyEnabled, ingestionBodyBytesMax, openable };
    const deps = {
      clock,
      log,
      registry: metrics,
      room: createServerRoom(metrics, config.server.ingestBufferBytesMax),
      push: new Distributor(
        {
          ...distributorDefaults,
          openedBytesMax: config.server.ingestBufferBytesMax,
          attributeRules: config.otlp.attributeRules,
        },
        { clock, writer: segmentWriter, opener: new PoolMessageOpener(pool), limitsOf: () => config.limits },
      ),
      querier: new QueryFrontend(config.queryFrontend, {
        clock,
        log,
        pool,
        metadata: metastore,
        backend: new QueryBackend(
          { ...config.queryBackend, readNodesMax: pool.threadCount * READ_NODES_PER_THREAD },
          { objects, pool },
        ),
      }),
      ready: () => readiness,
    };
    const http = await createHttpServer(
      { ...deps, uiDirectory: new URL('./ui/', import.meta.url) },
      { ...httpConstants, ...transport },
    );
    const grpc = new GrpcServer(deps, { ...grpcConstants, ...transport });
    // Nobody else has to wait for the threads: the first push should not pay for what they compile.
    await warmedUp;
    const { httpListenAddress, httpListenPort, gracefulShutdownTimeoutMs } = config.server;
    const close = async (deadlineMs: DurationMs): Promise<void> => {
      await Promise.all([http.close(deadlineMs), grpc.close(deadlineMs)]);
    };
    try {
      grpcPorts = await listenToGrpc(grpc, config.server, log);
      port = await http.listen(httpListenAddress, httpListenPort);
    } catch (error) {
      await close(0);
      throw error;
    }
    readiness = { ready: true };
    return async () => {
      readiness = { ready: false, reason: 'stopping' };
      await close(gracefulShutdownTimeoutMs * STOP_SHARE_OF_REQUESTS);
    };
  });

  const announce = (): void => {
    const { httpListenAddress, grpcListenAddress } = config.server;
    const url = browserUrl(httpListenAddress, port);
    const tenant = config.auth.multitenancyEnabled ? "-H 'X-Scope-OrgID: my-tenant' " : '';
    process.stdout.write(
      [
        `Kiln is ready on ${url} (all roles)`,
        `  data    ${resolve(config.storage.dataDir)}`,
        `  push    curl ${tenant}--data-binary @cpu.pb.gz '${url}/ingest?name=my-app&format=pprof'`,
        `          or point a Pyroscope SDK at ${url}${config.auth.multitenancyEnabled ? ', with a tenant ID' : ''}`,
        `  look    ${url}/`,
        `  gRPC    ${browserUrl(grpcListenAddress, grpcPorts.all)}`,
        `  OTLP    ${browserUrl(grpcListenAddress, grpcPorts.otlp)} (gRPC), ${url}${otlpPaths[0]} (HTTP)`,
        '',
      ].join('\n'),
    );
  };
  return { parts, announce };
}

function randomBytes(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  systemRandom.fill(bytes);
  return bytes;
}

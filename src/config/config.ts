import { type AuthConfig, authSection } from './auth.ts';
import { type LimitsConfig, limitsSection } from './limits.ts';
import { type LogConfig, logSection } from './log.ts';
import { type MetastoreConfig, metastoreSection } from './metastore.ts';
import { type OtlpConfig, otlpSection } from './otlp.ts';
import { type PoolConfig, poolSection } from './pool.ts';
import { type QueryBackendConfig, queryBackendSection } from './query-backend.ts';
import { type QueryFrontendConfig, queryFrontendSection } from './query-frontend.ts';
import type { Section } from './section.ts';
import { type SegmentWriterConfig, segmentWriterSection } from './segment-writer.ts';
import { type ServerConfig, serverSection } from './server.ts';
import { type StorageConfig, storageSection } from './storage.ts';

/** Everything that an operator decided, checked. Each service gets its section as a value. */
export type Config = {
  readonly server: ServerConfig;
  readonly storage: StorageConfig;
  readonly auth: AuthConfig;
  readonly limits: LimitsConfig;
  readonly otlp: OtlpConfig;
  readonly segmentWriter: SegmentWriterConfig;
  readonly metastore: MetastoreConfig;
  readonly queryFrontend: QueryFrontendConfig;
  readonly queryBackend: QueryBackendConfig;
  readonly pool: PoolConfig;
  readonly log: LogConfig;
};

/** In the order of `--help`. */
export const sections: { readonly [Key in keyof Config]: Section<Config[Key]> } = {
  server: serverSection,
  storage: storageSection,
  auth: authSection,
  limits: limitsSection,
  otlp: otlpSection,
  segmentWriter: segmentWriterSection,
  metastore: metastoreSection,
  queryFrontend: queryFrontendSection,
  queryBackend: queryBackendSection,
  pool: poolSection,
  log: logSection,
};

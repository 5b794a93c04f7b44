import type { IngestOptions } from '#src/domain/pprof/ingest-options.ts';

/** What sample types are called when the client sent no configuration. The heap types are called what they are. */
const DEFAULT_DISPLAY_NAMES: NonNullable<IngestOptions['displayNames']> = {
  samples: 'cpu',
  goroutine: 'goroutines',
  contentions: 'mutex_count',
  delay: 'mutex_duration',
};

/**
 * The `__name__` of a pprof that came through `/ingest`, where clients do not say it.
 *
 * The first sample type with a telling (display) name decides, except that `wall` anywhere wins. If none tells
 * anything, it is the name of the last. A Go block profile sent without configuration is thus filed as `mutex`.
 *
 * @param sampleTypes  at least one
 * @source the write-path reference, "/ingest: pprof"
 */
export function profileNameOf(sampleTypes: readonly string[], displayNames: IngestOptions['displayNames']): string {
  if (sampleTypes.includes('wall')) return 'wall';
  const names = displayNames ?? DEFAULT_DISPLAY_NAMES;
  // A thousand sample types may have one name of megabytes: it is looked at once.
  for (const sampleType of new Set(sampleTypes)) {
    const name = familyOf(displayNameOf(sampleType, names));
    if (name !== undefined) return name;
  }
  return displayNameOf(sampleTypes.at(-1) ?? '', names);
}

/** The names come from JSON of the client: own keys only, or `constructor` would be one. */
function displayNameOf(sampleType: string, names: Readonly<Record<string, string>>): string {
  const name = Object.hasOwn(names, sampleType) ? names[sampleType] : undefined;
  return name === undefined || name === '' ? sampleType : name;
}

function familyOf(name: string): string | undefined {
  if (name.includes('cpu')) return 'process_cpu';
  if (name.includes('alloc_') || name.includes('inuse_') || name === 'space' || name === 'objects') return 'memory';
  if (name.includes('mutex_')) return 'mutex';
  if (name.includes('block_')) return 'block';
  if (name.includes('goroutines')) return 'goroutines';
  return undefined;
}

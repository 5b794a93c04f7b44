import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { StoreError } from '#src/domain/errors.ts';
import { type Config, sections } from './config.ts';
import { nearest } from './nearest.ts';
import type { Knob, Section } from './section.ts';

/** What the operator asked for. */
export type Command = { readonly kind: 'run'; readonly config: Config } | { readonly kind: 'help' | 'version' };

export type Environment = Readonly<Record<string, string | undefined>>;

/** A knob with its place in the config. */
type Place = { readonly section: keyof Config; readonly key: string; readonly knob: Knob<unknown> };

/** What was typed for a knob, and under which name, so that a complaint can use the same one. */
type Typed = { readonly name: string; readonly text: string };

/**
 * Makes the config of the command line and the environment. A flag wins over its variable, that over the default.
 *
 * Flags are written as for Pyroscope: `--flag=value`, `--flag value`, with one dash or two; a switch is `--flag` or
 * `--flag=false`. `--server.http-listen-port` is `KILN_SERVER_HTTP_LISTEN_PORT` in the environment.
 *
 * @throws StoreError 'invalid-argument' with everything that is wrong, one problem per line, each under the name that
 *         the operator typed
 */
export function load(args: readonly string[], env: Environment, cores = availableParallelism()): Command {
  const problems: string[] = [];
  const line = readArguments(args, problems);
  if (line.asked !== undefined) return { kind: line.asked };

  const typed = new Map([...readEnvironment(env, problems), ...line.typed]);
  const config = withDerivedDefaults(configOf(typed, problems), typed, cores);
  checkSections(config, typed, problems);
  if (problems.length > 0) throw new StoreError('invalid-argument', problems.join('\n'), { problems: problems.length });

  for (const section of Object.values(config)) Object.freeze(section);
  return { kind: 'run', config: Object.freeze(config) };
}

/** The environment variable of a flag. */
export function variableOf(flag: string): string {
  return `KILN_${flag.replaceAll(/[.-]/g, '_').toUpperCase()}`;
}

type CommandLine = { readonly typed: Map<string, Typed>; readonly asked: 'help' | 'version' | undefined };

function readArguments(args: readonly string[], problems: string[]): CommandLine {
  const typed = new Map<string, Typed>();
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] as string; // i < length.
    if (/^--?(help|h)$/.test(arg)) return { typed, asked: 'help' };
    if (/^--?version$/.test(arg)) return { typed, asked: 'version' };

    const parts = /^--?([^-=][^=]*)(?:=(.*))?$/s.exec(arg);
    if (parts === null) {
      problems.push(`${JSON.stringify(arg)} is not a flag; flags are written --flag=value`);
      continue;
    }
    const flag = parts[1] as string; // The group is not optional.
    const name = `--${flag}`;
    const knob = placeOfFlag.get(flag)?.knob;
    const next = args[i + 1];
    const takesNext = parts[2] === undefined && next !== undefined && !isFlag(next);
    if (knob === undefined) {
      problems.push(`${name} is not a flag of Kiln${didYouMean(flag, [...placeOfFlag.keys()], '--')}`);
      if (takesNext) i++; // Most likely its value: one mistake, one complaint.
    } else if (typed.has(flag)) {
      problems.push(`${name} is given more than once`);
      if (takesNext && !isSwitch(knob)) i++;
    } else if (parts[2] !== undefined) {
      typed.set(flag, { name, text: parts[2] });
    } else if (isSwitch(knob)) {
      typed.set(flag, { name, text: 'true' });
    } else if (takesNext) {
      typed.set(flag, { name, text: next });
      i++;
    } else {
      problems.push(`${name} needs a value: ${name}=${knob.kind.placeholder}`);
    }
  }
  return { typed, asked: undefined };
}

function readEnvironment(env: Environment, problems: string[]): Map<string, Typed> {
  const typed = new Map<string, Typed>();
  for (const name of Object.keys(env).sort()) {
    const text = env[name];
    if (!name.startsWith('KILN_') || text === undefined) continue;
    const flag = flagOfVariable.get(name);
    if (flag !== undefined) typed.set(flag, { name, text });
    else if (!isServiceLink(name, text)) {
      problems.push(`${name} is not a variable of Kiln${didYouMean(name, [...flagOfVariable.keys()], '')}`);
    }
  }
  return typed;
}

/**
 * Kubernetes tells every pod about the services of its namespace, in variables that begin with the service's name.
 * One that is called "kiln" must not keep Kiln from starting.
 */
function isServiceLink(name: string, text: string): boolean {
  if (/_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$/.test(name)) return true;
  if (/_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/.test(name)) return true;
  return name.endsWith('_PORT') && /^(tcp|udp|sctp):\/\//.test(text);
}

function configOf(typed: ReadonlyMap<string, Typed>, problems: string[]): Config {
  const values: Partial<Record<keyof Config, Record<string, unknown>>> = {};
  for (const [name, section] of sectionList) values[name] = { ...section.defaults };
  for (const [flag, { name, text }] of typed) {
    const { section, key, knob } = placeOfFlag.get(flag) as Place; // Only known flags are in `typed`.
    const reading = knob.kind.read(text);
    if ('problem' in reading) problems.push(`${name}: ${reading.problem}`);
    else (values[section] as Record<string, unknown>)[key] = reading.value; // Every section is there since the first loop.
  }
  // Each value is a default or what its own knob read, and `sections` ties both to the type of their place.
  return values as unknown as Config;
}

/** Defaults that follow from other knobs or from the machine. Each has a `defaultNote` in its section. */
function withDerivedDefaults(config: Config, typed: ReadonlyMap<string, Typed>, cores: number): Config {
  const { storage, metastore, limits, auth, pool } = config;
  const bucketTyped = typed.has('storage.filesystem.dir');
  const metastoreTyped = typed.has('metastore.data-dir');
  // One tenant alone has nobody to be protected from; a rate limit would only lose profiles.
  const rateKept = auth.multitenancyEnabled || typed.has('distributor.ingestion-rate-limit-mb');
  return {
    ...config,
    storage: { ...storage, filesystemDir: bucketTyped ? storage.filesystemDir : join(storage.dataDir, 'bucket') },
    metastore: { ...metastore, dataDir: metastoreTyped ? metastore.dataDir : join(storage.dataDir, 'metastore') },
    limits: { ...limits, ingestionRateBytes: rateKept ? limits.ingestionRateBytes : 0 },
    pool: { ...pool, threads: pool.threads === 0 ? cores : pool.threads },
  };
}

function checkSections(config: Config, typed: ReadonlyMap<string, Typed>, problems: string[]): void {
  for (const [name, section] of sectionList) {
    section.check?.(config[name], (key, problem) => {
      const { flag } = (section.knobs as Record<string, Knob<unknown>>)[key as string] as Knob<unknown>; // A key of it.
      problems.push(`${typed.get(flag)?.name ?? `--${flag}`}: ${problem}`);
    });
  }
}

function isFlag(arg: string): boolean {
  return /^--?[a-z]/i.test(arg);
}

function isSwitch(knob: Knob<unknown>): boolean {
  return knob.kind.placeholder === '<true|false>';
}

function didYouMean(typed: string, known: readonly string[], dashes: string): string {
  const candidate = nearest(typed, known);
  return candidate === undefined ? '; see --help' : `; did you mean ${dashes}${candidate}?`;
}

// The knobs of a section have as many types as keys. Here they are only read, shown and put where they belong.
const sectionList = Object.entries(sections) as unknown as [keyof Config, Section<Record<string, unknown>>][];

const placeOfFlag: ReadonlyMap<string, Place> = new Map(
  sectionList.flatMap(([section, { knobs }]) =>
    Object.entries(knobs).map(([key, knob]): [string, Place] => [knob.flag, { section, key, knob }]),
  ),
);

const flagOfVariable: ReadonlyMap<string, string> = new Map(
  [...placeOfFlag.keys()].map((flag): [string, string] => [variableOf(flag), flag]),
);

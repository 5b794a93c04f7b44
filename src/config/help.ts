import { sections } from './config.ts';
import { DURATION_EXAMPLES } from './duration.ts';
import type { Knob, Section } from './section.ts';

/** What `--help` prints: every flag, by section, with its default. */
export function helpText(version: string): string {
  const list = Object.values(sections) as unknown as Section<Record<string, unknown>>[]; // Only shown here.
  return [
    `Kiln ${version}: a continuous-profiling database that speaks Pyroscope's API`,
    '',
    'Usage: npm start -- [--flag=value ...]',
    '',
    'Every flag is an environment variable too: --server.http-listen-port is KILN_SERVER_HTTP_LISTEN_PORT.',
    `Durations are written ${DURATION_EXAMPLES}.`,
    'Sizes are plain bytes where the flag does not say MB.',
    ...list.flatMap((section) => ['', section.title, ...linesOf(section)]),
    '',
    'Other',
    '  --help',
    '  --version',
    '',
  ].join('\n');
}

function linesOf(section: Section<Record<string, unknown>>): string[] {
  return Object.entries(section.knobs).flatMap(([key, knob]) => [
    `  --${knob.flag}=${knob.kind.placeholder}`,
    `        ${knob.meaning} (default ${defaultText(knob, section.defaults[key])})`,
  ]);
}

function defaultText(knob: Knob<unknown>, value: unknown): string {
  return knob.defaultNote ?? knob.kind.show(value);
}

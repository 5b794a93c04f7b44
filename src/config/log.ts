import { oneOf } from './kinds.ts';
import type { Section } from './section.ts';

export type LogConfig = {
  /** The least that is written: `debug` is a line per request. */
  readonly level: 'debug' | 'info' | 'warn' | 'error';
};

export const logSection: Section<LogConfig> = {
  title: 'Log (JSON lines on stderr)',
  defaults: { level: 'info' },
  knobs: {
    level: {
      flag: 'log.level',
      kind: oneOf('debug', 'info', 'warn', 'error'),
      meaning: 'The least that is written.',
    },
  },
};

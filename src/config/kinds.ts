import { durationText } from '#src/domain/model/amount-text.ts';
import { DURATION_EXAMPLES, parseDuration } from './duration.ts';

/** How the text of a knob is read and written. */
export type Kind<T> = {
  /** What `--help` shows for the value, as in `--pool.threads=<integer>`. */
  readonly placeholder: string;
  read(text: string): Reading<T>;
  /** As an operator would write it. */
  show(value: T): string;
};

/** A problem reads after the name of the knob: `--pool.threads: "x" is not an integer from 0 to 256`. */
export type Reading<T> = { readonly value: T } | { readonly problem: string };

export const anyText: Kind<string> = {
  placeholder: '<text>',
  read: (text) => ({ value: text }),
  show: (value) => value,
};

export const folder: Kind<string> = {
  placeholder: '<folder>',
  read: (text) => (text === '' ? { problem: 'the name of a folder is missing' } : { value: text }),
  show: (value) => value,
};

export const onOff: Kind<boolean> = {
  placeholder: '<true|false>',
  read: (text) => {
    if (text === 'true' || text === '1') return { value: true };
    if (text === 'false' || text === '0') return { value: false };
    return { problem: `${JSON.stringify(text)} is neither true nor false` };
  },
  show: String,
};

/** Whole numbers, both ends included. */
export function integer(first: number, last: number): Kind<number> {
  return {
    placeholder: '<integer>',
    read: (text) => {
      if (!/^[+-]?\d+$/.test(text))
        return { problem: `${JSON.stringify(text)} is not an integer from ${first} to ${last}` };
      return within(Number(text), first, last, String);
    },
    show: String,
  };
}

/** A size in plain bytes. */
export function bytes(first: number, last: number): Kind<number> {
  return { ...integer(first, last), placeholder: '<bytes>' };
}

/** A size that is written in MB of 2^20 bytes and kept in bytes. Fractions are fine. */
export function megabytes(firstBytes: number, lastBytes: number): Kind<number> {
  const show = (value: number): string => String(value / 2 ** 20);
  return {
    placeholder: '<MB>',
    read: (text) => {
      if (!/^[+-]?(\d+\.?\d*|\.\d+)$/.test(text)) {
        const range = `from ${show(firstBytes)} to ${show(lastBytes)}`;
        return { problem: `${JSON.stringify(text)} is not a number of MB ${range}` };
      }
      return within(Math.round(Number(text) * 2 ** 20), firstBytes, lastBytes, show);
    },
    show,
  };
}

export function duration(firstMs: number, lastMs: number): Kind<number> {
  return {
    placeholder: '<duration>',
    read: (text) => {
      const ms = parseDuration(text);
      if (ms === undefined) {
        const range = `from ${durationText(firstMs)} to ${durationText(lastMs)}`;
        return { problem: `${JSON.stringify(text)} is not a duration such as ${DURATION_EXAMPLES}, ${range}` };
      }
      return within(ms, firstMs, lastMs, durationText);
    },
    show: durationText,
  };
}

export function oneOf<T extends string>(...choices: readonly T[]): Kind<T> {
  return {
    placeholder: `<${choices.join('|')}>`,
    read: (text) => {
      const value = choices.find((choice) => choice === text);
      return value === undefined
        ? { problem: `${JSON.stringify(text)} is not one of ${choices.join(', ')}` }
        : { value };
    },
    show: (value) => value,
  };
}

function within(value: number, first: number, last: number, show: (value: number) => string): Reading<number> {
  if (value >= first && value <= last) return { value };
  return { problem: `${show(value)} is out of range: from ${show(first)} to ${show(last)}` };
}

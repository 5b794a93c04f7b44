import type { Kind } from './kinds.ts';

/** One thing that an operator can turn. */
export type Knob<T> = {
  /** The name on the command line, without dashes. Pyroscope's name where it means the same there. */
  readonly flag: string;
  readonly kind: Kind<T>;
  /** One line for `--help`. */
  readonly meaning: string;
  /** What `--help` says about a default that follows from other knobs or from the machine. */
  readonly defaultNote?: string;
};

/** The knobs that belong to one part of the system. */
export type Section<T> = {
  /** Heading in `--help`. */
  readonly title: string;
  readonly defaults: T;
  readonly knobs: { readonly [Key in keyof T]-?: Knob<T[Key]> };
  /** What must hold between knobs; ranges of single ones are part of their kind. */
  readonly check?: (config: T, refuse: (key: keyof T, problem: string) => void) => void;
};

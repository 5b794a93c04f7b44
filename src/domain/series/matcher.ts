/**
 * One condition of a label selector. A label that is absent counts as the empty string, as in Prometheus: a matcher
 * that accepts "" also accepts absence.
 */
export type Matcher = {
  readonly name: string;
  readonly operator: '=' | '!=' | '=~' | '!~';
  /** Literal for `=` and `!=`; an RE2 expression, anchored at both ends, dot matches newline, otherwise. */
  readonly value: string;
};

import { StoreError } from '#src/domain/errors.ts';
import { LabelName } from '#src/domain/model/labels.ts';
import { quoted } from '#src/domain/model/printable.ts';
import type { Matcher } from './matcher.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads a label selector as Prometheus writes it.
 *
 *     selector  = name [ "{" list "}" ]  |  "{" list "}"
 *     list      = [ condition { "," condition } [ "," ] ]
 *     condition = ( identifier | quoted ) operator quoted  |  quoted
 *     operator  = "="  "!="  "=~"  "!~"
 *
 * A name before the braces, which may have colons, or a quoted string alone inside them is the value of `__name__`.
 * A quoted label name may be any text. Strings are written as in Go: in double or single quotes with escapes, or raw
 * in back quotes. Spaces and comments (`#` to the end of the line) may stand between all of these.
 *
 * Regular expressions are not looked at here: compileMatcher does.
 *
 * @returns the conditions in their order; none for `{}`
 * @throws  StoreError 'invalid-argument' that says where, what was expected and what was found
 * @source  Prometheus querying basics, "Instant vector selectors"
 */
export function parseSelector(text: string): Matcher[] {
  const reader = new SelectorReader(text);
  const matchers: Matcher[] = [];

  const name = reader.takeMetricName();
  if (name !== undefined) matchers.push({ name: LabelName.name, operator: '=', value: name });
  if (name === undefined || reader.sees('{')) readList(reader, matchers);
  if (!reader.atEnd()) reader.fail('the end of the selector');
  return matchers;
}

function readList(reader: SelectorReader, matchers: Matcher[]): void {
  reader.take('{', '"{" or a metric name');
  while (!reader.sees('}')) {
    matchers.push(readCondition(reader));
    if (!reader.sees(',')) break;
    reader.take(',', '","');
  }
  reader.take('}', '"," or "}"');
}

function readCondition(reader: SelectorReader): Matcher {
  const quoted = reader.seesQuote();
  const name = quoted ? reader.takeQuoted() : reader.takeLabelName();
  if (quoted && (reader.sees(',') || reader.sees('}'))) return { name: LabelName.name, operator: '=', value: name };
  if (name === '') reader.fail('a label name that is not empty');
  const operator = reader.takeOperator();
  if (!reader.seesQuote()) reader.fail('a quoted value');
  return { name, operator, value: reader.takeQuoted() };
}

/** Bytes of the escapes that stand for one character. */
const simpleEscapes: Readonly<Record<string, number>> = {
  a: 0x07,
  b: 0x08,
  f: 0x0c,
  n: 0x0a,
  r: 0x0d,
  t: 0x09,
  v: 0x0b,
  '\\': 0x5c,
};

/** How many digits an escape has, and to which base. `\x` and octal ones stand for a byte, the others for a character. */
const numberEscapes: Readonly<Record<string, { digits: number; base: 8 | 16 }>> = {
  x: { digits: 2, base: 16 },
  u: { digits: 4, base: 16 },
  U: { digits: 8, base: 16 },
};

/** Takes tokens off the front of a selector, skipping what may stand between them. */
class SelectorReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    this.#skipSpace();
  }

  atEnd(): boolean {
    return this.#at === this.#text.length;
  }

  sees(character: string): boolean {
    return this.#text[this.#at] === character;
  }

  seesQuote(): boolean {
    return this.sees('"') || this.sees("'") || this.sees('`');
  }

  take(character: string, expected: string): void {
    if (!this.sees(character)) this.fail(expected);
    this.#advance(1);
  }

  takeMetricName(): string | undefined {
    return this.#takeMatch(/[a-zA-Z_:][a-zA-Z0-9_:]*/y);
  }

  takeLabelName(): string {
    return this.#takeMatch(/[a-zA-Z_][a-zA-Z0-9_]*/y) ?? this.fail('a label name or "}"');
  }

  takeOperator(): Matcher['operator'] {
    const operator = this.#takeMatch(/=~|!=|!~|=/y) ?? this.fail('one of = != =~ !~');
    return operator as Matcher['operator']; // The expression lets nothing else through.
  }

  takeQuoted(): string {
    const start = this.#at;
    const quote = this.#text[start];
    if (quote === '`') {
      const end = this.#text.indexOf(quote, start + 1);
      if (end < 0) this.fail('a closing `', this.#text.length);
      this.#advance(end + 1 - start);
      return this.#text.slice(start + 1, end);
    }

    // Escapes name bytes as well as characters, so the value is put together as bytes.
    const bytes: Buffer[] = [];
    let at = start + 1;
    while (this.#text[at] !== quote) {
      const plain = /[^"'\\\n]+/y;
      plain.lastIndex = at;
      const run = plain.exec(this.#text)?.[0];
      if (run !== undefined) {
        bytes.push(Buffer.from(run, 'utf8'));
        at += run.length;
      } else if (this.#text[at] === '\\') {
        const { value, length } = this.#escape(at, quote);
        bytes.push(value);
        at += length;
      } else if (at < this.#text.length && this.#text[at] !== '\n') {
        bytes.push(Buffer.from(this.#text[at])); // The other kind of quote.
        at++;
      } else {
        this.fail(`a closing ${quote}`, at);
      }
    }
    this.#advance(at + 1 - start);
    try {
      return utf8.decode(Buffer.concat(bytes));
    } catch {
      return this.fail('a string that is valid UTF-8', start);
    }
  }

  /** @throws StoreError 'invalid-argument', always */
  fail(expected: string, at = this.#at): never {
    const found =
      at < this.#text.length ? quoted(String.fromCodePoint(this.#text.codePointAt(at) as number)) : 'the end';
    const message = `label selector: expected ${expected} at character ${at + 1}, found ${found}`;
    throw new StoreError('invalid-argument', message);
  }

  #escape(at: number, quote: string): { value: Buffer; length: number } {
    const kind = this.#text[at + 1] ?? '';
    if (kind === quote) return { value: Buffer.from(quote), length: 2 };
    const simple = simpleEscapes[kind];
    if (simple !== undefined) return { value: Buffer.of(simple), length: 2 };

    const octal = /[0-7]/.test(kind);
    const form = octal ? { digits: 3, base: 8 as const } : numberEscapes[kind];
    if (form === undefined) return this.fail('an escape such as \\n, \\" or \\u00e9', at);
    const first = octal ? at + 1 : at + 2;
    const digits = this.#text.slice(first, first + form.digits);
    const allowed = form.base === 8 ? /^[0-7]+$/ : /^[0-9a-fA-F]+$/;
    if (digits.length !== form.digits || !allowed.test(digits)) {
      this.fail(`${form.digits} digits to the base ${form.base} in the escape`, at);
    }
    const code = Number.parseInt(digits, form.base);
    const length = first + form.digits - at;
    if (octal || kind === 'x') {
      if (code > 0xff) this.fail('an octal escape up to \\377', at);
      return { value: Buffer.of(code), length };
    }
    if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) this.fail('an escape that is a Unicode character', at);
    return { value: Buffer.from(String.fromCodePoint(code), 'utf8'), length };
  }

  #takeMatch(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text)?.[0];
    if (match !== undefined) this.#advance(match.length);
    return match;
  }

  #advance(length: number): void {
    this.#at += length;
    this.#skipSpace();
  }

  #skipSpace(): void {
    const space = /(?:[ \t\r\n]|#[^\r\n]*)*/y;
    space.lastIndex = this.#at;
    this.#at += space.exec(this.#text)?.[0].length ?? 0;
  }
}

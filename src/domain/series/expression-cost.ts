/**
 * What a regular expression costs, in instructions of its program, found by a scan and without compiling it: a few
 * characters can stand for a program of millions.
 *
 * It is never less than the program is long; for what people write, it is up to four times that. What takes longer to compile
 * than its instructions tell counts more: classes of Unicode, and ranges whose every character is folded. Compiling takes
 * 1 to 10 microseconds for each; a match takes, at worst, half a microsecond for each and for each character of the value.
 *
 * @cost O(length)
 */
export function expressionCost(expression: string): number {
  return new Scan(expression).cost();
}

/** A class such as `\pL` is hundreds of ranges: so much time to make, and so much in each instruction that uses it. */
const UNICODE_CLASS_ONCE = 128;
const UNICODE_CLASS_INSTRUCTIONS = 32;

/** Perl's classes in an expression that ignores case are folded character by character. */
const FOLDED_CLASS_ONCE = 16;

/** So many characters of a folded range take the time of an instruction. */
const FOLDED_CHARACTERS_PER_INSTRUCTION = 100;

/** Ranges of a class that weigh as much as an instruction when a match looks at them. */
const RANGES_PER_INSTRUCTION = 8;

const LAST_CODE_POINT = 0x10ffff;

const REPETITION = /\{(\d+)(?:,(\d*))?\}/y;
const FLAGS = /\(\?([a-zA-Z-]*)([:)])/y;
const GROUP_NAME = /\(\?P?<[^>]{0,64}>/y;
const UNICODE_CLASS = /\\[pP](?:\{[^}]{0,64}\}|.)/suy;
const NAMED_CLASS = /\[:\^?\w*:\]/y;
const PERL_CLASS = /\\[dDsSwW]/y;
const HEX_ESCAPE = /\\x(?:\{([0-9a-fA-F]*)\}|([0-9a-fA-F]{2}))/y;
const CHARACTER = /\\?./suy;

/** A group that is open: what is in it so far, and its last part, which a repetition multiplies. */
type Group = { instructions: number; last: number };

class Scan {
  readonly #text: string;
  readonly #groups: Group[] = [{ instructions: 0, last: 0 }];
  #at = 0;
  #once = 0;
  /** Flags end with their group. That they never do here makes the cost larger, not smaller. */
  #folded = false;

  constructor(text: string) {
    this.#text = text;
  }

  cost(): number {
    while (this.#at < this.#text.length) this.#part();
    const failMatchAndNothing = 3;
    const instructions = this.#groups.reduce(
      (sum, group) => sum + group.instructions + group.last,
      failMatchAndNothing,
    );
    return Math.ceil(instructions + this.#once);
  }

  #part(): void {
    const character = this.#text[this.#at];
    if (character === '(') this.#open();
    else if (character === ')') this.#close();
    else if (character === '|') this.#alternative();
    else if (character === '*' || character === '+' || character === '?') this.#repeat();
    else if (character === '{') this.#repetition();
    else if (character === '[') this.#class();
    else if (character === '\\') this.#escape();
    else this.#literal();
  }

  #open(): void {
    const flags = this.#take(FLAGS);
    if (flags !== undefined) {
      this.#folded ||= flags[1].includes('i');
      if (flags[2] === ')') return;
    } else if (this.#take(GROUP_NAME) === undefined) {
      this.#at++;
    }
    this.#groups.push({ instructions: 0, last: 0 });
  }

  #close(): void {
    this.#at++;
    if (this.#groups.length === 1) return; // Not valid; the compiler says so.
    const { instructions, last } = this.#groups.pop() as Group;
    this.#add(instructions + last + 3);
  }

  #alternative(): void {
    this.#at++;
    this.#add(2, 0);
  }

  #repetition(): void {
    const repetition = this.#take(REPETITION);
    if (repetition === undefined) this.#literal();
    else this.#multiply(Math.max(Number(repetition[1]), Number(repetition[2] ?? 0), 1));
  }

  #repeat(): void {
    this.#at++;
    this.#multiply(1);
  }

  /** Copies of the last part, each with the choice to leave it out. */
  #multiply(times: number): void {
    const group = this.#groups[this.#groups.length - 1];
    group.last = (group.last + 1) * times + 1;
  }

  #escape(): void {
    if (this.#text.startsWith('\\Q', this.#at)) {
      const end = this.#text.indexOf('\\E', this.#at);
      const quoted = (end < 0 ? this.#text.length : end) - this.#at;
      this.#at = end < 0 ? this.#text.length : end + 2;
      this.#add(quoted, 1);
      return;
    }
    if (this.#unicodeClass()) this.#add(UNICODE_CLASS_INSTRUCTIONS);
    else if (this.#perlClass() || this.#take(HEX_ESCAPE) !== undefined) this.#add(1);
    else this.#literal();
  }

  #literal(): void {
    this.#take(CHARACTER);
    this.#add(1);
  }

  #class(): void {
    this.#at += this.#text.startsWith('[^', this.#at) ? 2 : 1;
    let ranges = 0;
    for (let first = true; this.#at < this.#text.length; first = false) {
      if (this.#text[this.#at] === ']' && !first) break;
      ranges++;
      if (this.#unicodeClass()) ranges += UNICODE_CLASS_INSTRUCTIONS * RANGES_PER_INSTRUCTION;
      else if (!this.#perlClass() && this.#take(NAMED_CLASS) === undefined) this.#range();
    }
    this.#at++;
    this.#once += ranges / RANGES_PER_INSTRUCTION;
    this.#add(1 + ranges / RANGES_PER_INSTRUCTION);
  }

  #range(): void {
    const first = this.#codePoint();
    if (this.#text[this.#at] !== '-' || this.#text[this.#at + 1] === ']') return;
    this.#at++;
    const last = this.#codePoint();
    if (this.#folded) this.#once += Math.max(0, last - first) / FOLDED_CHARACTERS_PER_INSTRUCTION;
  }

  #codePoint(): number {
    const hex = this.#take(HEX_ESCAPE);
    if (hex !== undefined) return Math.min(LAST_CODE_POINT, Number.parseInt(hex[1] ?? hex[2], 16) || 0);
    const [character] = this.#take(CHARACTER) ?? [''];
    // What an escape means may be anything: an octal number, a control character.
    return character.length > 1 && character.startsWith('\\') ? 0 : (character.codePointAt(0) ?? 0);
  }

  #unicodeClass(): boolean {
    if (this.#take(UNICODE_CLASS) === undefined) return false;
    this.#once += UNICODE_CLASS_ONCE;
    return true;
  }

  #perlClass(): boolean {
    if (this.#take(PERL_CLASS) === undefined) return false;
    if (this.#folded) this.#once += FOLDED_CLASS_ONCE;
    return true;
  }

  /** What a repetition behind it would multiply is `last`. */
  #add(instructions: number, last: number = instructions): void {
    const group = this.#groups[this.#groups.length - 1];
    group.instructions += group.last + instructions - last;
    group.last = last;
  }

  #take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found === null) return undefined;
    this.#at = pattern.lastIndex;
    return found;
  }
}

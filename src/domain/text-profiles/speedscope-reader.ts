import { quoted } from '#src/domain/model/printable.ts';
import { STEP_ROWS, type Steps } from '#src/domain/model/steps.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import { JsonReader, type JsonText } from '#src/domain/pprof/json-reader.ts';
import { NameTable } from '#src/domain/profile/name-table.ts';
import { undecodableUpload } from '#src/domain/upload/upload.ts';
import { Float64List } from './float64-list.ts';
import { type CollectorOptions, StackCollector, tooManyStacks } from './stack-collector.ts';

const SCHEMA = 'https://www.speedscope.app/file-format-schema.json';

/** Of one file. Each costs some 200 bytes beside its name; real files have thousands. */
export const FRAMES_MAX = 1 << 18;

/** Of one file: a thread is one. */
export const PROFILES_MAX = 4096;

/** Samples, weights and events of one file, each of which costs up to 16 bytes. */
export const ENTRIES_MAX = 1 << 24;

/** Values that are read in one step, at some 300 ns each. */
const STEP_VALUES = STEP_ROWS / 4;

/** So many bytes of a text cost as much as a value. */
const VALUE_BYTES: Bytes = 64;

/** Of a name, a type or a unit, as it is written: longer ones mean nothing to anybody. */
export const TEXT_BYTES_MAX: Bytes = 1 << 20;

/** Longer keys are known to nobody, even if each of their characters is written as an escape. */
const KEY_BYTES_MAX = 6 * 'startValue'.length;

/** A profile of a speedscope file as it came: types and units are not checked, frames may be out of range. */
export type SpeedscopeProfile = {
  type: string;
  name: string;
  unit: string;
  startValue: number;
  /** When it is over; -Infinity: nothing is said. */
  endValue: number;
  /** Its stacks, of frame numbers. */
  readonly stacks: StackCollector;
  /** A sampled one: rows of `stacks`, and a weight for each. */
  readonly samples: Float64List;
  readonly weights: Float64List;
  /** An evented one: twice the frame, and one more where it is closed; and when. */
  readonly events: Float64List;
  readonly times: Float64List;
};

/** @shapes frameName: a number of `names` per frame */
export type SpeedscopeFile = {
  readonly names: NameTable;
  readonly frameName: Float64List;
  /** The largest frame that any profile names; -1: none. */
  readonly lastFrame: number;
  readonly profiles: readonly SpeedscopeProfile[];
};

/**
 * Reads a speedscope file into columns. Of a frame only its name is kept.
 *
 * @throws StoreError 'invalid-argument' when it is no JSON, no such file, or has too many parts
 * @cost   O(bytes)
 * @source https://www.speedscope.app/file-format-schema.json
 */
export function* readSpeedscope(body: Uint8Array, options: CollectorOptions): Steps<SpeedscopeFile> {
  const values = { count: 0 };
  const reader = yield* JsonReader.inSteps(body, () => {
    values.count++;
  });
  return yield* new SpeedscopeReader(reader, values, options).file();
}

/** Reads a value: at once, or in steps. */
type Read = () => Steps<void> | void;

type Fields = Readonly<Record<string, Read>>;

class SpeedscopeReader {
  readonly #reader: JsonReader;
  readonly #options: CollectorOptions;
  readonly #names = new NameTable();
  readonly #frameName = new Float64List();
  readonly #profiles: SpeedscopeProfile[] = [];
  #schema = '';
  #lastFrame = -1;
  #entries = 0;
  #stacks = 0;
  /** That were read in this step. */
  readonly #values: { count: number };

  constructor(reader: JsonReader, values: { count: number }, options: CollectorOptions) {
    this.#reader = reader;
    this.#values = values;
    this.#options = options;
  }

  *file(): Steps<SpeedscopeFile> {
    yield* this.#object('the file', {
      $schema: () => {
        this.#schema = this.#text('$schema');
      },
      shared: () => this.#object('shared', { frames: () => this.#list('frames', () => this.#frame()) }),
      profiles: () => this.#list('profiles', () => this.#profile()),
    });
    this.#reader.end();
    if (this.#schema !== SCHEMA) throw fault(`its $schema is ${quoted(this.#schema)}, and not "${SCHEMA}"`);
    return {
      names: this.#names,
      frameName: this.#frameName,
      lastFrame: this.#lastFrame,
      profiles: this.#profiles,
    };
  }

  *#frame(): Steps<void> {
    if (this.#frameName.length === FRAMES_MAX) throw fault(`it has more than ${FRAMES_MAX} frames`);
    let name: Uint8Array = new Uint8Array(0);
    yield* this.#object('a frame', {
      name: () => {
        const text = this.#jsonText('the name of a frame');
        const { bytes } = this.#reader;
        name = text.escaped ? Buffer.from(this.#reader.valueOf(text)) : bytes.subarray(text.start, text.end);
      },
    });
    this.#frameName.push(this.#names.intern(name));
  }

  *#profile(): Steps<void> {
    if (this.#profiles.length === PROFILES_MAX) throw fault(`it has more than ${PROFILES_MAX} profiles`);
    const profile: SpeedscopeProfile = {
      ...{ type: '', name: '', unit: '', startValue: 0, endValue: Number.NEGATIVE_INFINITY },
      stacks: new StackCollector(this.#options),
      ...{ samples: new Float64List(), weights: new Float64List() },
      ...{ events: new Float64List(), times: new Float64List() },
    };
    this.#profiles.push(profile);
    yield* this.#object('a profile', {
      type: () => {
        profile.type = this.#text('type');
      },
      name: () => {
        profile.name = this.#text('name');
      },
      unit: () => {
        profile.unit = this.#text('unit');
      },
      startValue: () => {
        profile.startValue = this.#number('startValue');
      },
      endValue: () => {
        profile.endValue = this.#number('endValue');
      },
      samples: () => this.#list('samples', () => this.#sample(profile)),
      weights: () =>
        this.#list('weights', () => {
          this.#countEntry();
          profile.weights.push(this.#number('a weight'));
        }),
      events: () => this.#list('events', () => this.#event(profile)),
    });
  }

  *#sample({ stacks, samples }: SpeedscopeProfile): Steps<void> {
    this.#countEntry();
    const stacksBefore = stacks.length;
    let row = 0;
    yield* this.#list('a sample', () => {
      row = stacks.childOf(row, this.#frameNumber());
    });
    samples.push(row);
    this.#countStacks(stacks.length - stacksBefore);
  }

  *#event({ events, times }: SpeedscopeProfile): Steps<void> {
    this.#countEntry();
    let type = '';
    let frame = -1;
    let time = 0;
    yield* this.#object('an event', {
      type: () => {
        type = this.#text('the type of an event');
      },
      frame: () => {
        frame = this.#frameNumber();
      },
      at: () => {
        time = this.#number('the time of an event');
      },
    });
    if (type !== 'O' && type !== 'C') throw fault(`an event has the type ${quoted(type)}, which is not "O" or "C"`);
    if (frame === -1) throw fault('an event has no frame');
    events.push(2 * frame + (type === 'C' ? 1 : 0));
    times.push(time);
  }

  #frameNumber(): number {
    const frame = this.#number('a frame of a stack');
    if (!Number.isInteger(frame) || frame < 0 || frame >= FRAMES_MAX) {
      throw fault(`a stack has the frame ${frame}, which cannot be: limit ${FRAMES_MAX} frames`);
    }
    this.#lastFrame = Math.max(this.#lastFrame, frame);
    return frame;
  }

  #text(what: string): string {
    return this.#reader.valueOf(this.#jsonText(what));
  }

  #jsonText(what: string): JsonText {
    if (this.#reader.peek() !== '"') throw fault(`${what} is not a text`);
    const text = this.#reader.textWithin(TEXT_BYTES_MAX);
    if (text === undefined) throw fault(`${what} has more than ${TEXT_BYTES_MAX} bytes`);
    this.#values.count += Math.floor((text.end - text.start) / VALUE_BYTES);
    return text;
  }

  #number(what: string): number {
    const start = this.#reader.peek();
    if (start !== '-' && (start < '0' || start > '9')) throw fault(`${what} is not a number`);
    const value = this.#reader.number();
    if (!Number.isFinite(value)) throw fault(`${what} is too large a number`);
    return value;
  }

  #countEntry(): void {
    if (++this.#entries > ENTRIES_MAX) throw fault(`it has more than ${ENTRIES_MAX} samples, weights and events`);
  }

  /** Of all profiles together, because all of them are kept until the frames are known. */
  #countStacks(added: number): void {
    this.#stacks += added;
    if (this.#stacks > this.#options.maxStacks) throw tooManyStacks(this.#options);
  }

  /** @param fields  what reads the value of each field that is known. A null is none */
  *#object(what: string, fields: Fields): Steps<void> {
    const reader = this.#reader;
    if (reader.peek() !== '{') throw fault(`${what} is not an object`);
    for (let key = reader.firstField(); key !== undefined; key = reader.nextField()) {
      const name = key.end - key.start <= KEY_BYTES_MAX ? reader.valueOf(key) : '';
      if (!Object.hasOwn(fields, name)) yield* reader.skipInSteps();
      else if (!reader.skipNull()) {
        const steps = fields[name]?.();
        if (steps !== undefined) yield* steps;
      }
      if (this.#isStepOver()) yield;
    }
  }

  *#list(what: string, element: Read): Steps<void> {
    const reader = this.#reader;
    if (reader.peek() !== '[') throw fault(`${what} is not a list`);
    for (let more = reader.firstElement(); more; more = reader.nextElement()) {
      const steps = element();
      if (steps !== undefined) yield* steps;
      if (this.#isStepOver()) yield;
    }
  }

  #isStepOver(): boolean {
    if (this.#values.count < STEP_VALUES) return false;
    this.#values.count = 0;
    return true;
  }
}

function fault(what: string) {
  return undecodableUpload('speedscope', what);
}

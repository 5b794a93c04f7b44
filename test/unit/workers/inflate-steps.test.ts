import { deepEqual, equal, ok } from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { runSteps } from '#src/domain/model/steps.ts';
import { gzipProblem } from '#src/domain/pprof/gzip-fault.ts';
import { inflateInSteps } from '#src/workers/inflate-steps.ts';
import { Inflater } from '#src/workers/inflater.ts';
import { Random, runSeed } from '../../fixtures/random.ts';

describe('inflateInSteps', () => {
  const raw = randomBytes(5 << 19);
  const gzip = gzipSync(raw, { level: 1 });

  for (const [name, inflater] of [
    ['in steps', Inflater.create()],
    ['at once', undefined],
  ] as const) {
    test(`inflates all members, ${name}`, () => {
      const steps = inflateInSteps(Buffer.concat([gzip, gzip]), 5 << 20, inflater);
      let count = 0;
      let step = steps.next();
      for (; !step.done; step = steps.next()) count++;

      ok(Buffer.concat([raw, raw]).equals(step.value as Uint8Array));
      // Five between six pieces, five between parts of the body, one while the pieces are joined.
      equal(count, inflater === undefined ? 0 : 11);
    });

    test(`stops at its limit and at faults, ${name}`, () => {
      const outcomeOf = (body: Uint8Array, maxBytes: number): string | number => {
        const inflated = runSteps(inflateInSteps(body, maxBytes, inflater));
        return inflated instanceof Uint8Array
          ? inflated.length
          : typeof inflated === 'string'
            ? inflated
            : inflated.kind;
      };
      equal(outcomeOf(gzip, raw.length - 1), 'too-large');
      equal(outcomeOf(gzip, raw.length), raw.length);
      equal(outcomeOf(gzip.subarray(0, -20), raw.length), 'cut-off');
      equal(outcomeOf(raw, raw.length), 'corrupt');
      equal(outcomeOf(new Uint8Array(0), raw.length), 'cut-off');
    });
  }

  test('pauses where a body comes to nothing, and goes on as if it had not', () => {
    const empty = gzipSync(new Uint8Array(0));
    const members = (count: number): Buffer => Buffer.alloc(count * empty.length, empty);
    const inflater = Inflater.create();
    const outcomeOf = (...parts: Uint8Array[]): { count: number; value: unknown } => {
      const steps = inflateInSteps(Buffer.concat(parts), 8 << 20, inflater);
      let step = steps.next();
      let count = 0;
      for (; !step.done; step = steps.next()) count++;
      return { count, value: step.value };
    };

    const wholeParts = Math.ceil((5 << 20) / empty.length);
    const { count, value } = outcomeOf(members(wholeParts), gzip, members(100_000), new Uint8Array(3 << 20));
    ok(raw.equals(value as Uint8Array));
    ok(count >= 5 + 2 + 1, `${count} pauses`);
    deepEqual(outcomeOf(members(wholeParts), gzip.subarray(0, -1)).value, { kind: 'cut-off' });
    deepEqual(outcomeOf(members(wholeParts), Buffer.alloc(2 << 20, 'x')).value, {
      kind: 'corrupt',
      reason: 'incorrect header check',
      offset: wholeParts * empty.length + 2,
    });
    // A member that ends with a part, and one of which the header begins there.
    for (const short of [0, 1, 10, 19]) {
      const named = gzipNamed((1 << 20) - short);
      equal(named.length, (1 << 20) - short);
      ok(raw.equals(outcomeOf(named, gzip).value as Uint8Array));
      equal((outcomeOf(named, new Uint8Array(2 << 20)).value as Uint8Array).length, 0);
    }
  });
});

describe('what is wrong with gzip', () => {
  const content = randomBytes(3 << 20);
  const gzip = gzipSync(content);
  const small = gzipSync('hello '.repeat(1000));
  const changed = (body: Uint8Array, at: number): Buffer => {
    const copy = Buffer.from(body);
    copy[at < 0 ? copy.length + at : at]! ^= 1;
    return copy;
  };
  const { length } = gzip;

  for (const [name, body, problem, atOnce = problem] of [
    ['nothing', Buffer.alloc(0), 'it is empty, and gzip never is'],
    ['one byte', Buffer.from('{'), 'it is not gzip, but begins with the bytes 7b, as JSON does'],
    ['JSON', Buffer.from('{"series":[]}'), 'it is not gzip, but begins with the bytes 7b22, as JSON does'],
    ['half of the magic', gzip.subarray(0, 1), 'the gzip data is cut off: it ends early, at byte 1'],
    ['a header', gzip.subarray(0, 10), 'the gzip data is cut off: it ends early, at byte 10'],
    [
      'content that is cut off',
      gzip.subarray(0, 2_000_000),
      'the gzip data is cut off: it ends early, at byte 2000000',
    ],
    ['half of a trailer', gzip.subarray(0, -3), `the gzip data is cut off: it ends early, at byte ${length - 3}`],
    [
      'a second member that is cut off',
      Buffer.concat([gzip, small.subarray(0, 20)]),
      `the gzip data is cut off: it ends early, at byte ${length + 20}`,
    ],
    [
      'a wrong checksum',
      changed(gzip, -8),
      `the gzip data is corrupt at byte ${length - 4}: the checksum at its end is not that of its content`,
      'the gzip data is corrupt: the checksum at its end is not that of its content',
    ],
    [
      'a wrong length',
      changed(gzip, -1),
      `the gzip data is corrupt at byte ${length}: the length at its end is not that of its content`,
      'the gzip data is corrupt: the length at its end is not that of its content',
    ],
    [
      'a wrong checksum of a second member',
      Buffer.concat([gzip, changed(small, -8)]),
      `the gzip data is corrupt at byte ${length + small.length - 4}: the checksum at its end is not that of its content`,
      'the gzip data is corrupt: the checksum at its end is not that of its content',
    ],
    [
      'another method',
      changed(small, 2),
      'the gzip data is corrupt at byte 4: unknown compression method',
      'the gzip data is corrupt: unknown compression method',
    ],
    [
      'text behind it',
      Buffer.concat([gzip, Buffer.from('and more')]),
      `the gzip data ends at byte ${length}, and behind it comes what is no gzip: 616e`,
      'behind the gzip data comes what is no gzip',
    ],
    [
      'text behind two members',
      Buffer.concat([gzip, small, Buffer.from('and more')]),
      `the gzip data ends at byte ${length + small.length}, and behind it comes what is no gzip: 616e`,
      'behind the gzip data comes what is no gzip',
    ],
  ] as const) {
    test(`is said of ${name}`, () => {
      for (const [inflater, expected] of [
        [Inflater.create(), problem],
        [undefined, atOnce],
      ] as const) {
        const outcome = runSteps(inflateInSteps(body, 64 << 20, inflater));
        ok(!(outcome instanceof Uint8Array) && outcome !== 'too-large');
        equal(gzipProblem(body, outcome), expected);
      }
    });
  }

  const seed = runSeed();
  test(`is found at the byte that a flipped one cannot be behind (seed ${seed})`, () => {
    const random = new Random(seed);
    const text = Buffer.concat([gzipSync(Buffer.from('abcdefgh '.repeat(100_000))), gzipSync(random.bytes(5000))]);
    const inflater = Inflater.create();
    for (let round = 0; round < 50; round++) {
      const at = random.int(10, text.length - 1);
      const body = changed(text, at);
      const outcome = runSteps(inflateInSteps(body, 64 << 20, inflater));
      // A flag or the system in a header may be anything.
      if (outcome instanceof Uint8Array || outcome === 'too-large' || outcome.kind === 'cut-off') continue;
      ok(
        outcome.offset !== undefined && outcome.offset > at && outcome.offset <= body.length,
        `${outcome.offset} of ${at}`,
      );
      // What is before the byte is fine, and with the byte it is not.
      equal(kindOf(body.subarray(0, outcome.offset - 1), inflater), 'cut-off');
      equal(kindOf(body.subarray(0, outcome.offset), inflater), 'corrupt');
    }
  });

  function kindOf(body: Uint8Array, inflater: Inflater | undefined): string {
    const outcome = runSteps(inflateInSteps(body, 64 << 20, inflater));
    return outcome instanceof Uint8Array || outcome === 'too-large' ? String(outcome) : outcome.kind;
  }
});

/** A member without content of so many bytes: most of them are the name of its file. */
function gzipNamed(bytes: number): Buffer {
  const plain = gzipSync(new Uint8Array(0));
  const header = Buffer.from(plain.subarray(0, 10));
  header[3] = 8;
  return Buffer.concat([header, Buffer.alloc(bytes - plain.length - 1, 'n'), Buffer.of(0), plain.subarray(10)]);
}

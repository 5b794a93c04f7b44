import { equal, match, ok } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { bothResults } from '../../fixtures/ingest.ts';
import { testKernels } from '../../fixtures/kernels.ts';
import { labelList } from '../../fixtures/labels.ts';
import { pprof } from '../../fixtures/pprof-builder.ts';
import { Random, runSeed } from '../../fixtures/random.ts';
import { randomDescription } from '../../fixtures/random-profile.ts';

// The kernel reads fields, strings and digits by words where it can. These profiles lead it along every edge of that:
// whatever the plain definition makes of them, the kernel must, too.

const kernels = testKernels();
const seed = runSeed();

/** Which fields of a message hold messages, and which hold packed numbers. */
type Shape = { readonly messages?: Readonly<Record<number, Shape>>; readonly packed?: readonly number[] };

const PPROF: Shape = {
  messages: {
    1: {},
    2: { messages: { 3: {} }, packed: [1, 2] },
    3: {},
    4: { messages: { 4: {} } },
    5: {},
    11: {},
  },
};

/** Writes a number with more bytes than it needs, which every reader of protobuf takes. */
function padded(value: bigint, bytes: number): number[] {
  const out: number[] = [];
  let rest = value;
  while (rest >= 128n) {
    out.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  out.push(Number(rest));
  while (out.length < bytes) {
    out[out.length - 1] |= 128;
    out.push(0);
  }
  return out;
}

/** The same message in other bytes: its numbers, tags and lengths get longer, up to what the format allows. */
function repadded(random: Random, bytes: Uint8Array, shape: Shape): Uint8Array {
  let at = 0;
  const number = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  const write = (value: bigint, most: number): number[] => padded(value, random.chance(0.7) ? 1 : random.int(1, most));
  const out: number[] = [];
  while (at < bytes.length) {
    const tag = number();
    out.push(...write(tag, 5));
    const first = number();
    if ((tag & 7n) === 0n) {
      out.push(...write(first, 10));
      continue;
    }
    let content = bytes.subarray(at, at + Number(first));
    at += Number(first);
    const field = Number(tag >> 3n);
    const inner = shape.messages?.[field];
    if (inner !== undefined) content = repadded(random, content, inner);
    else if (shape.packed?.includes(field)) content = repaddedNumbers(random, content);
    out.push(...write(BigInt(content.length), 5));
    for (const byte of content) out.push(byte);
  }
  return Uint8Array.from(out);
}

function repaddedNumbers(random: Random, bytes: Uint8Array): Uint8Array {
  const out: number[] = [];
  let value = 0n;
  let shift = 0n;
  for (const byte of bytes) {
    value |= BigInt(byte & 127) << shift;
    shift += 7n;
    if (byte >= 128) continue;
    out.push(...padded(value, random.pick([1, 1, 2, 3, 8, 9, 10])));
    value = 0n;
    shift = 0n;
  }
  return Uint8Array.from(out);
}

describe('ingestProfile, bytes of a message', () => {
  test(`numbers of any length mean the same (seed ${seed})`, () => {
    const random = new Random(seed);
    for (let round = 0; round < 200; round++) {
      const bytes = pprof(randomDescription(random));

      const lines = bothResults(kernels, repadded(random, bytes, PPROF));

      equal(lines.join('\n'), bothResults(kernels, bytes).join('\n'), `seed ${seed}, round ${round}`);
    }
  });

  test(`what is cut off at any byte is refused or stored as the plain definition says (seed ${seed})`, () => {
    const random = new Random(seed);
    const bytes = repadded(random, pprof(randomDescription(random, 3)), PPROF);
    for (let end = 0; end < bytes.length; end++) {
      const refused = refusal(bytes.subarray(0, end));
      ok(refused.kernel === refused.plain, `${end} of ${bytes.length}: ${JSON.stringify(refused)}`);
    }
  });

  for (const [what, at] of [
    ['location ids', 2],
    ['values', 5],
  ] as const) {
    for (const fieldBytes of [1, 2, 7, 8, 9]) {
      test(`packed ${what} that end behind their field of ${fieldBytes} bytes are refused`, () => {
        const sample = Buffer.from([0x0a, 0x01, 0x01, 0x12, 0x01, 0x01]);
        const bytes = Buffer.from(pprof({ samples: [{ stack: 'main', v: [1] }] }));
        const start = bytes.indexOf(sample);
        ok(start > 0);
        // One number, whose last byte in the field says that another one follows.
        const padding = Buffer.alloc(fieldBytes - 1, 0x80);
        const length = bytes[start - 1] + padding.length;
        const damaged = Buffer.concat([
          ...[bytes.subarray(0, start - 1), Buffer.from([length]), bytes.subarray(start, start + at - 1)],
          ...[Buffer.from([fieldBytes]), padding, Buffer.from([0x81]), bytes.subarray(start + at + 1)],
        ]);

        const refused = refusal(damaged);

        equal(refused.kernel, 'refused: malformed_profile');
        equal(refused.plain, refused.kernel);
      });
    }
  }

  // Lengths around those that take another byte, or another step of 16.
  for (const length of [1, 15, 16, 17, 31, 32, 33, 127, 128, 129, 255, 256, 257, 16_383, 16_384, 16_385]) {
    test(`names of ${length} bytes are stored whole, and refused for one byte that is not UTF-8`, () => {
      const name = `${'n'.repeat(length - 1)}m`;
      const bytes = pprof({ samples: [{ stack: [{ fn: name }], v: [1] }] });

      ok(bothResults(kernels, bytes).join('\n').includes(name));

      const start = Buffer.from(bytes).indexOf(name);
      for (const at of new Set([0, 7, 8, 15, 16, length - 2, length - 1])) {
        if (at < 0 || at >= length) continue;
        const damaged = Uint8Array.from(bytes);
        damaged[start + at] = 0xff;
        const [refused] = bothResults(kernels, damaged);
        const shown = Buffer.from(damaged.subarray(start, start + Math.min(length, 32))).toString('hex');
        match(refused, /^refused: malformed_profile: malformed profile: string \d+ is not valid UTF-8: /);
        equal(refused.endsWith(`: ${shown}${length > 32 ? '…' : ''} (hex)`), true, refused);
      }
    });
  }

  test('type parameters of Go go wherever in a name they are', () => {
    const labels = labelList({ __name__: 'process_cpu', service_name: 'shop', pyroscope_spy: 'gospy' });
    const shapes = ['[go.shape.int]', '[go.shape.[]uint8]', '[go.shape.', '[go.shape', '[int]', '[[go.shape.int]]'];
    const names = shapes.flatMap((shape) =>
      Array.from({ length: 40 }, (_, before) => ['', 'x', '[0]'].map((after) => 'f'.repeat(before) + shape + after)),
    );

    bothResults(kernels, pprof({ samples: names.flat().map((fn) => ({ stack: [{ fn }], v: [1] })) }), {}, { labels });
  });

  test('span ids are read in both cases of letters, and nothing else is one', () => {
    const digits = [...'0123456789abcdefABCDEF', '/', ':', '@', 'G', '`', 'g', 'ü', ' '];
    const samples = digits.flatMap((digit) =>
      [0, 1, 7, 8, 14, 15].map((at) => ({
        stack: 'main',
        v: [1],
        labels: { span_id: `${'0123456789abcde'.slice(0, at)}${digit}${'0123456789abcde'.slice(at)}` },
      })),
    );

    bothResults(kernels, pprof({ samples }));
  });
});

/** Whether a profile is refused, by both sides; their messages differ in details. */
function refusal(bytes: Uint8Array): { kernel: string; plain: string } {
  try {
    bothResults(kernels, bytes);
    return { kernel: 'same', plain: 'same' };
  } catch (error) {
    const { actual, expected } = error as { actual: readonly string[]; expected: readonly string[] };
    return { kernel: outcomeOf(actual), plain: outcomeOf(expected) };
  }
}

function outcomeOf(lines: readonly string[]): string {
  return /^refused: \w+/.exec(lines[0] ?? '')?.[0] ?? lines.join('\n');
}

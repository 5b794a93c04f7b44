import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { StoreError } from '#src/domain/errors.ts';
import { decodeProfile } from '#src/domain/pprof/decode.ts';
import { validateProfile } from '#src/domain/pprof/validate.ts';
import { PICTURED_BYTES_MAX } from '#src/domain/profile/name-table.ts';
import { SHARED_BYTES_MAX } from '#src/domain/text-profiles/read-trie.ts';
import { hostileUploads } from '../../../fixtures/hostile-uploads.ts';
import { defaultProfileLimits } from '../../../fixtures/limits.ts';
import { Random, runSeed } from '../../../fixtures/random.ts';
import { textWorkOf } from '../../../fixtures/text-work.ts';
import { convert, converterOf, foldedOf, type TextFormat, upload } from '../../../fixtures/uploads.ts';
import { anyText, TEXT_FORMATS } from '../../../fuzz/text-bytes.ts';

// Feeds the readers of text profiles with bytes that no agent sends. Whatever they are, they are read or refused with a
// StoreError, and what they are converted to is a pprof that holds. Of folded text, which is easily read in a plainer
// way, the result is compared as well. More of it, and how long it takes: scripts/fuzz.ts

const seed = runSeed();
test(`any bytes are read or refused, and what is read holds (seed ${seed})`, () => {
  const { converted, refused } = fuzzUploads(new Random(seed), 600);

  // Otherwise it would have shown nothing.
  ok(converted > 60 && refused > 60, `${converted} converted, ${refused} refused`);
});

for (const { name, format, body, bounds } of hostileUploads(100_000)) {
  test(`${format} of ${name} is read, or refused by name`, () => {
    try {
      convert({ ...upload(format, body(), { app: 'x.bytes' }), format }, bounds);
    } catch (error) {
      equal((error as StoreError).code, 'invalid-argument', String(error));
    }
  });
}

for (const { name, format, body, bounds } of hostileUploads(1 << 20).filter(({ name }) => /long name/.test(name))) {
  test(`${format} of ${name} costs its bytes, whatever they are`, () => {
    const bytes = body();
    let steps = 0;
    const { scanned, longestKey } = textWorkOf(() => {
      try {
        const converting = converterOf(format)({ ...upload(format, bytes, { app: 'x.bytes' }), format }, bounds);
        for (let step = converting.next(); !step.done; step = converting.next()) steps++;
      } catch (error) {
        equal((error as StoreError).code, 'invalid-argument', String(error));
      }
    });

    ok(longestKey <= PICTURED_BYTES_MAX, `a map has a key of ${longestKey} characters`);
    // What a trie shares counts as if it was sent, and has its own bound.
    ok(scanned <= 4 * bytes.length + 2 * SHARED_BYTES_MAX * Number(format === 'trie'), `${scanned} of ${bytes.length}`);
    ok(steps >= Math.floor(scanned / (8 << 20)), `${steps} steps for ${scanned} bytes`);
  });
}

function stepsOf(format: TextFormat, body: Uint8Array): number {
  const converting = converterOf(format)({ ...upload(format, body, { app: 'x.bytes' }), format }, unlimited);
  let steps = 0;
  for (let step = converting.next(); !step.done; step = converting.next()) steps++;
  return steps;
}

test('a node of a trie that has millions of frames is read in steps of them', () => {
  const cases = hostileUploads(1 << 20).filter(({ name }) => name === 'one node of many frames, without limits');
  equal(cases.length, 1);

  for (const { format, body } of cases) ok(stepsOf(format, body()) >= 60, format);
});

test('long names are read in steps of their bytes', () => {
  const bodies = hostileUploads(8 << 20).filter(({ name }) => name === 'long names of one length, without limits');

  // Some 130 names; a step that counted names alone would take all of them.
  for (const { format, body } of bodies) ok(stepsOf(format, body()) >= 8, format);
});

const unlimited = {
  maxBytes: 256 << 20,
  limits: { ...defaultProfileLimits, maxProfileSizeBytes: 0, maxProfileSymbolValueLength: 0 },
};

const APPS = ['a', 'a.cpu', 'b.wall', 'c.alloc_space', 'd.exceptions', 'e.bytes', 'f.odd', '.', ''];

const LIMITS = { ...defaultProfileLimits, maxProfileSizeBytes: 1 << 20, maxProfileStacktraceDepth: 64 };

type FuzzCounts = { converted: number; refused: number };

/** @throws AssertionError, or the bug that was found */
function fuzzUploads(random: Random, rounds: number): FuzzCounts {
  const counts: FuzzCounts = { converted: 0, refused: 0 };
  for (let round = 0; round < rounds; round++) {
    const format = random.pick(TEXT_FORMATS);
    convertOne(format, anyText(random, format), random, counts);
  }
  return counts;
}

function convertOne(format: TextFormat, body: Uint8Array, random: Random, counts: FuzzCounts): void {
  const app = random.pick(APPS);
  const sampleRate = random.pick([100, 0, 1, 97, 2 ** 32 - 1]);
  const bounds = { maxBytes: 4 << 20, limits: LIMITS };
  try {
    const profiles = convert({ ...upload(format, body, { app, sampleRate }), format }, bounds);
    counts.converted++;
    for (const { profile } of profiles) holds(profile, FRAMELESS.has(format) ? 0 : 1);
    if (app === 'd.exceptions' && format === 'groups') deepEqual(foldedOrNone(profiles[0]?.profile), plainGroups(body));
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    ok(['invalid-argument'].includes(error.code), error.message);
    ok(error.message.length < 2000);
    counts.refused++;
  }
}

/** Formats that have stacks without frames; of the others, no text is a frame without a name. */
const FRAMELESS: ReadonlySet<TextFormat> = new Set(['tree', 'speedscope']);

/** Of what a profile may be refused for, only texts that are not UTF-8 are for the ingest path to find. */
function holds(profile: Uint8Array, framesMin: number): void {
  ok(profile.length <= LIMITS.maxProfileSizeBytes);
  const plain = decodeProfile(profile);
  if (plain.strings.some(({ text }) => text === undefined)) return;
  validateProfile(
    plain,
    profile.length,
    { ...LIMITS, rejectNewerThanMs: 0, rejectOlderThanMs: 0, maxProfileStacktraceSamples: 0 },
    0,
  );
  ok(plain.samples.every(({ values }) => values.every((value) => value > 0n && value < 2n ** 63n)));
  ok(plain.samples.every(({ locationIds }) => locationIds.length >= framesMin && locationIds.length <= 64));
}

function foldedOrNone(profile: Uint8Array | undefined): Record<string, bigint> {
  return profile === undefined ? {} : latin1Keys(decodeFolded(profile));
}

function decodeFolded(profile: Uint8Array): Record<string, bigint> {
  const plain = decodeProfile(profile);
  // Names that are not UTF-8 would all be one.
  return foldedOf({ ...plain, strings: plain.strings.map(({ bytes }) => ({ bytes, text: latin1(bytes) })) });
}

function latin1Keys(stacks: Record<string, bigint>): Record<string, bigint> {
  return Object.fromEntries(Object.entries(stacks).sort());
}

/** The plain way, of bytes as characters. */
function plainGroups(body: Uint8Array): Record<string, bigint> {
  const stacks: Record<string, bigint> = {};
  for (const line of latin1(body).split('\n')) {
    const text = line.replace(/\r$/, '');
    const blank = text.lastIndexOf(' ');
    if (blank === -1 || BigInt(text.slice(blank + 1).replace(/^[+-]/, '')) === 0n) continue;
    const frames = text.slice(0, blank).replace(/;$/, '').split(';');
    const stack = frames.slice(0, LIMITS.maxProfileStacktraceDepth).join(';');
    const sum = (stacks[stack] ?? 0n) + BigInt(text.slice(blank + 1).replace('+', ''));
    stacks[stack] = sum < 2n ** 63n ? sum : 2n ** 63n - 1n;
  }
  return latin1Keys(stacks);
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

import { equal, match } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import type { DatasetMeta } from '#src/domain/block/block-meta.ts';
import type { DatasetColumns } from '#src/domain/block/dataset-columns.ts';
import { readFooter } from '#src/domain/block/footer-reader.ts';
import { encodeFooter } from '#src/domain/block/footer-writer.ts';
import { joinParts } from '#src/domain/block/join-parts.ts';
import { encodePart, type PartInput } from '#src/domain/block/part-writer.ts';
import type { FoldedStacks } from '#src/domain/block/space-columns.ts';
import type { Labels } from '#src/domain/model/labels.ts';
import { goldenBlock, goldenInput } from '../domain/block/golden-object.ts';

// Every object here has right checksums and keeps the invariants that readers check.

const folder = mkdtempSync(join(tmpdir(), 'kiln-inspect-'));
after(() => rmSync(folder, { recursive: true }));

type Inspected = { readonly status: number | null; readonly output: string; readonly errors: string };

function inspected(file: string): Promise<Inspected> {
  const script = `${import.meta.dirname}/../../../scripts/inspect-block.ts`;
  const child = spawn(process.execPath, [script, file], { stdio: ['ignore', 'pipe', 'pipe'] });
  const texts = { output: '', errors: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (texts.output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (texts.errors += text));
  return new Promise((resolve) => child.on('close', (status) => resolve({ status, ...texts })));
}

function objectOf(input: PartInput, changed: Partial<DatasetMeta> = {}): Buffer {
  const part = encodePart(input);
  const datasets = part.datasets.map((dataset) => ({ ...dataset, ...changed }));
  return Buffer.concat(joinParts([{ ...part, datasets }], goldenBlock).parts);
}

function fileWith(name: string, bytes: Uint8Array): string {
  const file = join(folder, name.replaceAll(' ', '-'));
  writeFileSync(file, bytes);
  return file;
}

function fileOf(name: string, input: PartInput, changed?: Partial<DatasetMeta>): string {
  return fileWith(name, objectOf(input, changed));
}

const setOf = (type: string, service = 'shop'): Labels => [
  { name: '__profile_type__', value: type },
  { name: 'service_name', value: service },
];
const OBJECTS = 'memory:alloc_objects:count:space:bytes';
const SPACE = 'memory:alloc_space:bytes:space:bytes';

/** The golden dataset three times, as of three services, with one symbol space. */
function threeServices(services: readonly string[]): PartInput {
  const [{ columns }] = goldenInput.datasets;
  const datasets = services.map((service) => ({
    service,
    columns: { ...columns, series: [setOf(OBJECTS, service), setOf(SPACE, service)] },
  }));
  return { ...goldenInput, datasets };
}

function withColumns(change: (columns: DatasetColumns) => Partial<DatasetColumns>): PartInput {
  const [{ service, columns }] = goldenInput.datasets;
  return { ...goldenInput, datasets: [{ service, columns: { ...columns, ...change(columns) } }] };
}

function withTotals(column: number, node: readonly number[], value: readonly bigint[]): PartInput {
  return withColumns(({ families: [family] }) => {
    const changed = { node: Uint32Array.from(node), value: BigInt64Array.from(value) };
    return { families: [{ ...family, totals: family.totals?.map((of, i) => (i === column ? changed : of)) ?? [] }] };
  });
}

function withFolded(change: Partial<FoldedStacks>): PartInput {
  const [family] = goldenInput.symbols.families;
  const { parent, name, node } = family.folded ?? {};
  const folded = { parent, name, node, ...change } as FoldedStacks;
  return { ...goldenInput, symbols: { ...goldenInput.symbols, families: [{ ...family, folded }] } };
}

type Lie = { readonly input: PartInput; readonly footer?: Partial<DatasetMeta>; readonly says: readonly RegExp[] };

const lies: Record<string, Lie> = {
  'a total of a function tree that is too large': {
    input: withTotals(0, [3, 5], [99n, 70n]),
    says: [/total is not the sum/, /"totals"/, /"column":0/, /"row":0/, /"value":"99","limit":"72"/],
  },
  'a total of a node without samples': {
    input: withTotals(1, [3, 4, 5], [35_840n, 7n, 35_840n]),
    says: [/total is not the sum/, /"totals"/, /"column":1/, /"row":1/, /"value":"7","limit":"0"/],
  },
  'a node whose total is missing': {
    input: withTotals(0, [3], [72n]),
    says: [/a node with samples has no total/, /"totals"/, /"row":1/, /"limit":"70"/],
  },
  'a profile with another total': {
    input: withColumns(({ profiles }) => ({ profiles: { ...profiles, total: BigInt64Array.of(2n, 141n, 71_680n) } })),
    says: [/total is not the sum/, /"profiles"/, /"row":1/, /"value":"141","limit":"140"/],
  },
  'a value column with totals of two types': {
    input: withColumns(({ profiles }) => ({ profiles: { ...profiles, series: Uint32Array.of(0, 1, 1) } })),
    says: [/series has another type than a profile/, /"types"/, /"row":0/, /"value":"0","limit":"1"/],
  },
  'a stack that is folded to another node': {
    input: withFolded({ node: Uint32Array.of(3, 4) }),
    says: [/node does not spell the names of its stack/, /"foldedStacks"/, /"row":1/, /"value":"4","limit":"5"/],
  },
  'a node with another name': {
    input: withFolded({ name: Uint32Array.of(0, 1, 3, 2, 3, 3) }),
    says: [/node does not spell the names of its stack/, /"foldedStacks"/, /"row":1/, /"value":"5","limit":"-1"/],
  },
  'a first time after the first push': {
    input: goldenInput,
    footer: { minTimeMs: 1_712_345_678_001 },
    says: [/a push is outside of the times of its dataset/, /"pushes"/, /"row":0/],
  },
  'a last time before the last push': {
    input: goldenInput,
    footer: { maxTimeMs: 1_712_345_692_999 },
    says: [/a push is outside of the times of its dataset/, /"pushes"/, /"row":1/],
  },
  'a type of its series that the footer does not name': {
    input: goldenInput,
    footer: { labels: [setOf(OBJECTS)] },
    says: [/no label set has the profile type of a series/, /"row":1,"value":"memory:alloc_space:bytes:space:bytes"/],
  },
  'a type that the footer alone names': {
    input: goldenInput,
    footer: { labels: [setOf(OBJECTS), setOf(SPACE), setOf('x:y:z:a:b')] },
    says: [/no series has the profile type of a label set/, /"value":"x:y:z:a:b"/],
  },
  'a type that the footer names twice': {
    input: goldenInput,
    footer: { labels: [setOf(OBJECTS), setOf(SPACE), setOf(SPACE)] },
    says: [/is there twice/, /"row":2/],
  },
  'a label set of another service': {
    input: goldenInput,
    footer: { labels: [setOf(OBJECTS), setOf(SPACE, 'shops')] },
    says: [/not a profile type and the service of its dataset/, /"row":1/, /shops/],
  },
  'a label set with a label more': {
    input: goldenInput,
    footer: { labels: [setOf(OBJECTS), [...setOf(SPACE), { name: 'zone', value: 'a' }]] },
    says: [/not a profile type and the service of its dataset/, /"row":1/],
  },
  'a series of another service': {
    input: withColumns(() => ({ series: [setOf(OBJECTS), setOf(SPACE, 'shops')] })),
    says: [/a series is of another service than its dataset/, /"series"/, /"row":1,"value":"shops"/],
  },
};

describe('inspect-block', () => {
  test('finds nothing in an object that tells the truth', async () => {
    const { status, output, errors } = await inspected(fileOf('truth', goldenInput));

    equal(errors, '');
    equal(status, 0);
    match(output, /all checksums and invariants hold\n$/);
  });

  for (const [name, { input, footer, says }] of Object.entries(lies)) {
    test(`finds ${name}`, async () => {
      const { status, output, errors } = await inspected(fileOf(name, input, footer));

      equal(status, 1, output);
      equal(errors.trim().split('\n').length, 1, errors);
      for (const words of [/^corrupted: block /, /"tenant":"alpha","service":"shop"/, ...says]) match(errors, words);
    });
  }

  test('finds a block whose times leave a dataset out', async () => {
    const part = encodePart(goldenInput);
    const { parts, meta } = joinParts([part], goldenBlock);
    const content = Buffer.concat(parts.slice(0, -1));
    const footer = encodeFooter({ ...meta, maxTimeMs: meta.maxTimeMs - 1 }, content.length);

    const { status, errors } = await inspected(fileWith('block-times', Buffer.concat([content, footer])));

    equal(status, 1);
    match(errors, /a dataset is outside of the times of the block .*"tenant":"alpha","service":"shop"/);
  });

  test('shows tenants, datasets, types, sections, chunks and what they take', async () => {
    const { output } = await inspected(fileOf('shown', threeServices(['shop', 'cart', 'pay'])));

    for (const line of [
      /^block 01HV0000000000000000000000 {2}shard 7, level 1, tenant alpha$/m,
      /^ {2}\d+ bytes, 1 tenant, 3 datasets$/m,
      /^ {2}2024-04-05T19:34:38\.000Z \.\. 2024-04-05T19:34:53\.000Z \(1712345678000 \.\. 1712345693000 ms\)$/m,
      /^ +454 +\d+\.\d % +0 {2}symbols of alpha$/m,
      /^ +\d+ +\d+\.\d % +454 {4}alpha \/ shop$/m,
      /^dataset alpha \/ cart {2}bytes \d+ \.\. \d+ \(\d+\), head \d+ bytes$/m,
      /^ {2}2 label sets, 2 pushes, 3 profiles, 71 samples$/m,
      /^ {2}family and column 0\.1: memory:alloc_space:bytes:space:bytes$/m,
      /^ {2}chunk 0 +280 +20 +20 +1\.000 +none +ea3bd5bc$/m,
      /^ {4}sampleValues 0\.1 +0 +71 +80$/m,
      /^ {2}names +20 +20 +1\.000 +\d+\.\d %$/m,
    ]) {
      match(output, line);
    }
  });

  test('goes on behind what is corrupted, and checks what it can of the rest', async () => {
    const object = objectOf(threeServices(['shop', 'cart', 'pay']));
    const { meta } = readFooter(object, object.length);
    const [shop, , pay] = meta?.datasets ?? [];
    if (shop === undefined || pay === undefined) throw new Error('there are three datasets');
    const flipped = (...places: readonly number[]): Buffer => {
      const copy = Buffer.from(object);
      for (const place of places) copy[place] ^= 1;
      return copy;
    };
    const last = ({ range }: DatasetMeta): number => range.offset + range.sizeBytes - 1;

    const two = await inspected(fileWith('two-datasets', flipped(shop.range.offset, last(pay))));
    const withSymbols = await inspected(fileWith('symbols', flipped(shop.symbols.sizeBytes - 1, last(pay))));

    equal(two.status, 1);
    match(two.errors, /^corrupted: .* this is no dataset .*"shop".*\ncorrupted: .* checksum differs .*"pay".*\n$/);
    match(two.output, /\ndataset alpha \/ cart .*\n.*\n {2}2 label sets/);
    match(two.output, /\n2 faults\n$/);
    equal(withSymbols.status, 1);
    match(
      withSymbols.errors,
      /^corrupted: .* checksum differs .*"shop".*\ncorrupted: .* checksum differs .*"pay".*\n$/,
    );
    equal(withSymbols.output.match(/checksums alone were checked/g)?.length, 3);
  });

  test('shows names that a terminal would obey as what they are', async () => {
    const service = 'a\u001b[2J\u009b\u202eb "c"';
    const { status, output } = await inspected(fileOf('names', threeServices([service])));

    equal(status, 0);
    match(output, /alpha \/ "a\\u001b\[2J\\u009b\\u202eb \\"c\\""/);
    equal(/[^ -~\n]/.test(output), false);
  });

  test('says in a line what is no block', async () => {
    const { status, errors } = await inspected(fileWith('text', Buffer.from('this is no block at all')));

    equal(status, 1);
    match(errors, /^corrupted: block footer: this is no block .*\n$/);
  });

  test('says in a line that there is no such file', async () => {
    const { status, errors } = await inspected(join(folder, 'missing'));

    equal(status, 2);
    match(errors, /^\S+missing cannot be read: ENOENT.*\n$/);
  });
});

import { equal, match } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import type { DatasetMeta } from '#src/domain/block/block-meta.ts';
import type { DatasetColumns } from '#src/domain/block/dataset-columns.ts';
import { encodeFooter } from '#src/domain/block/footer-writer.ts';
import { joinParts } from '#src/domain/block/join-parts.ts';
import { encodePart, type PartInput } from '#src/domain/block/part-writer.ts';
import type { FoldedStacks } from '#src/domain/block/space-columns.ts';
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

function fileOf(name: string, input: PartInput, changed: Partial<DatasetMeta> = {}): string {
  const part = encodePart(input);
  const datasets = part.datasets.map((dataset) => ({ ...dataset, ...changed }));
  const { parts } = joinParts([{ ...part, datasets }], goldenBlock);
  const file = join(folder, name.replaceAll(' ', '-'));
  writeFileSync(file, Buffer.concat(parts));
  return file;
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

type Lie = { readonly input: PartInput; readonly times?: Partial<DatasetMeta>; readonly says: readonly RegExp[] };

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
    times: { minTimeMs: 1_712_345_678_001 },
    says: [/a push is outside of the times of its dataset/, /"pushes"/, /"row":0/],
  },
  'a last time before the last push': {
    input: goldenInput,
    times: { maxTimeMs: 1_712_345_692_999 },
    says: [/a push is outside of the times of its dataset/, /"pushes"/, /"row":1/],
  },
};

describe('inspect-block', () => {
  test('finds nothing in an object that tells the truth', async () => {
    const { status, output, errors } = await inspected(fileOf('truth', goldenInput));

    equal(errors, '');
    equal(status, 0);
    match(output, /all checksums and invariants hold\n$/);
  });

  for (const [name, { input, times, says }] of Object.entries(lies)) {
    test(`finds ${name}`, async () => {
      const { status, output, errors } = await inspected(fileOf(name, input, times));

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
    const file = join(folder, 'block-times');
    writeFileSync(file, Buffer.concat([content, footer]));

    const { status, errors } = await inspected(file);

    equal(status, 1);
    match(errors, /a dataset is outside of the times of the block .*"tenant":"alpha","service":"shop"/);
  });

  test('says in a line that there is no such file', async () => {
    const { status, errors } = await inspected(join(folder, 'missing'));

    equal(status, 2);
    match(errors, /^\S+missing cannot be read: ENOENT.*\n$/);
  });
});

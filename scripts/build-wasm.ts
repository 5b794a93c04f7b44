// Compiles the kernels in wasm/ to build/kernels.wasm, as asconfig.json says. Does nothing when the result is newer than
// everything it is made from. `--force` compiles all the same.

import { mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const ROOT = join(import.meta.dirname, '..');
const SOURCES = ['wasm', 'asconfig.json', 'scripts/build-wasm.ts', 'node_modules/assemblyscript/package.json'];
const OUTPUT = 'build/kernels.wasm';

const { values: options } = parseArgs({ options: { force: { type: 'boolean', default: false } } });

const changedMs = Math.max(...SOURCES.map((source) => newestMs(join(ROOT, source))));
const builtMs = statSync(join(ROOT, OUTPUT), { throwIfNoEntry: false })?.mtimeMs ?? 0;

if (options.force || builtMs <= changedMs) await build();
else console.log(`${OUTPUT} is up to date`);

async function build(): Promise<void> {
  // Imported here because that alone takes half a second, and mostly there is nothing to do.
  const { main: compile } = await import('assemblyscript/asc');
  let wasm: Uint8Array | string | undefined;
  const { error, stderr } = await compile(['--config', 'asconfig.json', '--baseDir', ROOT], {
    writeFile: (_path: string, content: Uint8Array | string) => {
      wasm = content;
    },
  });
  process.stderr.write(stderr.toString());

  if (error !== null || wasm === undefined) {
    console.error(`${OUTPUT} was not built${error === null ? '' : `: ${error.message}`}`);
    process.exitCode = 1;
    return;
  }
  replace(join(ROOT, OUTPUT), wasm);
  console.log(`${OUTPUT}: ${wasm.length} bytes`);
}

/** When a file, or anything in a folder, last changed. A folder's own time tells of files that are gone. */
function newestMs(path: string): number {
  const status = statSync(path);
  let newest = status.mtimeMs;
  if (!status.isDirectory()) return newest;
  for (const entry of readdirSync(path)) newest = Math.max(newest, newestMs(join(path, entry)));
  return newest;
}

/** Renamed into place: a test that runs beside a build reads the old kernels or the new ones, never half of them. */
function replace(path: string, content: Uint8Array | string): void {
  const temporary = `${path}.${process.pid}.tmp`;
  mkdirSync(join(path, '..'), { recursive: true });
  try {
    writeFileSync(temporary, content);
    renameSync(temporary, path);
  } finally {
    rmSync(temporary, { force: true });
  }
}

import { deepEqual } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { after, before, describe, test } from 'node:test';

// The rules stand in biome.json, by folder. A pattern there that matches nothing any more, after an update of Biome or
// a folder that moved, would look exactly like clean code: what is refused here must stay refused.

const ROOT = join(import.meta.dirname, '../..');

const REFUSED = [
  ['src/domain', 'node:fs'],
  ['src/domain', 'node:timers/promises'],
  ['src/domain', '#src/platform/clock.ts'],
  ['src/domain/block', '../errors.ts'],
  ['src/config', '#src/services/metastore/ports.ts'],
  ['src/platform', '#src/config/load.ts'],
  ['src/kernels', '#src/workers/pool.ts'],
  ['src/workers', '#src/services/metastore/ports.ts'],
  ['src/services/distributor', '#src/services/metastore/metastore.ts'],
  ['src/services/segment-writer', '#src/storage/x.ts'],
  ['src/services/metastore', 'node:net'],
  ['src/services/compaction-worker', '#src/transports/x.ts'],
  ['src/services/query-frontend', '#src/services/query-backend/x.ts'],
  ['src/services/query-backend', '#src/kernels/instance.ts'],
  ['src/storage', '#src/transports/x.ts'],
  ['src/storage', '#src/services/metastore/metastore.ts'],
  ['src/transports', '#src/storage/x.ts'],
  ['src/ui', 'node:path'],
  ['src/ui', '#src/services/query-frontend/ports.ts'],
] as const;

const ALLOWED = [
  ['src', '#src/storage/x.ts'],
  ['src/domain', '#src/platform/assert.ts'],
  ['src/services/segment-writer', '#src/services/distributor/ports.ts'],
  ['src/services/metastore/sub', '#src/services/metastore/command.ts'],
  ['src/storage', '#src/services/metastore/ports.ts'],
  ['src/transports/http', '#src/transports/gen/push/v1/push_pb.ts'],
  ['src/ui', '#src/domain/errors.ts'],
] as const;

const CALLS = ['Date.now()', 'new Date()', 'Math.random()', 'setTimeout(f, 1)'];

describe('imports point one way', () => {
  let folder: string;
  let findings: Map<string, string[]>;

  // One run over all of them: starting Biome takes longer than anything that it does here.
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'kiln-imports-'));
    for (const name of ['biome.json', 'package.json', 'scripts/lint']) {
      cpSync(join(ROOT, name), join(folder, name), { recursive: true });
    }
    for (const [i, [home, imported]] of REFUSED.entries()) write(`${home}/refused-${i}.ts`, importing(imported));
    for (const [i, [home, imported]] of ALLOWED.entries()) write(`${home}/allowed-${i}.ts`, importing(imported));
    for (const [i, call] of CALLS.entries()) {
      for (const home of ['domain', 'services/metastore']) write(`src/${home}/call-${i}.ts`, calling(call));
    }
    write('src/cycle-a.ts', "import { b } from '#src/cycle-b.ts';\n\nexport const a = () => b;\n");
    write('src/cycle-b.ts', "import { a } from '#src/cycle-a.ts';\n\nexport const b = () => a;\n");
    findings = lint(folder);
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const [i, [home, imported]] of REFUSED.entries()) {
    test(`${home}/ must not import ${imported}`, () => {
      deepEqual(findings.get(`${home}/refused-${i}.ts`), ['lint/style/noRestrictedImports']);
    });
  }

  for (const [i, [home, imported]] of ALLOWED.entries()) {
    test(`${home}/ may import ${imported}`, () => {
      deepEqual(findings.get(`${home}/allowed-${i}.ts`), undefined);
    });
  }

  for (const [i, call] of CALLS.entries()) {
    test(`domain/ and services/ do not call ${call}`, () => {
      const rule = call.startsWith('setTimeout') ? 'lint/style/noRestrictedGlobals' : 'plugin';
      deepEqual(findings.get(`src/domain/call-${i}.ts`), [rule]);
      deepEqual(findings.get(`src/services/metastore/call-${i}.ts`), [rule]);
    });
  }

  test('two files must not import each other', () => {
    deepEqual(findings.get('src/cycle-a.ts'), ['lint/suspicious/noImportCycles']);
  });

  function write(path: string, text: string): void {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
});

function importing(imported: string): string {
  return `import { x } from '${imported}';\n\nexport const y = x;\n`;
}

function calling(call: string): string {
  return `export const x = (f: () => void) => [f, ${call}];\n`;
}

/** File → the rules that it breaks. */
function lint(folder: string): Map<string, string[]> {
  const biome = join(ROOT, 'node_modules/.bin/biome');
  const args = ['lint', '--reporter=github', '--max-diagnostics=none', 'src'];
  const { stdout } = spawnSync(biome, args, { cwd: folder, encoding: 'utf8' });

  const findings = new Map<string, string[]>();
  for (const [, rule, path] of stdout.matchAll(/^::error title=([^,]+),file=([^,]+),/gm)) {
    const file = relative(folder, path!);
    findings.set(file, [...(findings.get(file) ?? []), rule!]);
  }
  return findings;
}

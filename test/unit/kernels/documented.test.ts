import { deepEqual, ok } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

// What a kernel costs decides where it may be called: a loop over rows that a caller puts into a loop over rows is how a
// server stops. So each says it, but for those that look at a field.

const folder = new URL('../../../wasm/', import.meta.url);

type Kernel = { readonly name: string; readonly docstring: string; readonly lines: number };

/** The functions of a file that wasm/index.ts exports. */
function kernelsIn(file: string, exported: ReadonlySet<string>): Kernel[] {
  const text = readFileSync(new URL(`${file}.ts`, folder), 'utf8');
  const declared =
    /((?:\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n)?)(?:\/\/ @ts-ignore: decorator\n@inline\n)?export function (\w+)\(/g;
  return [...text.matchAll(declared)]
    .filter(([, , name = '']) => exported.has(name))
    .map((match) => {
      const [, docstring = '', name = ''] = match;
      const start = text.indexOf(' {\n', match.index + match[0].length);
      const lines = text.slice(start, text.indexOf('\n}\n', start)).split('\n').length - 1;
      return { name, docstring, lines };
    });
}

test('every kernel that TypeScript calls says what it costs', () => {
  const index = readFileSync(new URL('index.ts', folder), 'utf8');
  const lists = [...index.matchAll(/export \{([^}]*)\} from '\.\/([\w-]+)';/g)];
  const kernels = lists.flatMap(([, names = '', file = '']) =>
    kernelsIn(file, new Set(names.split(',').map((name) => name.trim()))),
  );

  const silent = kernels.filter(({ docstring, lines }) => lines > 1 && !docstring.includes('@cost'));

  ok(kernels.length > 80, `${kernels.length} kernels`);
  deepEqual(
    silent.map(({ name }) => name),
    [],
  );
});

import { deepEqual, ok } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { helpText } from '#src/config/help.ts';

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

test('the README names flags that exist, with their defaults', () => {
  const rows = [...readme.matchAll(/^\| `--(\S+)` \| (.+?) \|/gm)];
  const told = rows.map(([, flag, value]) => [flag, (value as string).replaceAll('`', '')]);
  ok(told.length > 5, 'the table is not found');

  const defaults = new Map(
    Array.from(helpText('').matchAll(/^ {2}--(\S+?)=.*\n.*\(default (.+)\)$/gm), ([, flag, value]) => [flag, value]),
  );
  deepEqual(
    told,
    told.map(([flag]) => [flag, defaults.get(flag)]),
  );
});

import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';

/** What must be said with every figure. */
export function machine(): Record<string, string | number> {
  const model = cpus()[0]?.model ?? 'unknown';
  return { cpu: model, cores: cpus().length, node: process.version, date: new Date().toISOString() };
}

/** Writes results to bench/results, or where `file` says. */
export function writeResults(name: string, results: unknown, file?: string): void {
  const path = file ?? join(import.meta.dirname, '../results', `${name}.json`);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify({ machine: machine(), results }, null, 1)}\n`);
  console.log(`results in ${path}`);
}

export function rounded(value: number, digits = 1): number {
  return Number(value.toFixed(digits));
}

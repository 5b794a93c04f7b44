import { deepEqual, equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { StoreError } from '#src/domain/errors.ts';
import { createLog } from '#src/platform/log.ts';

test('writes a line of JSON with level, time, message and fields', () => {
  const lines: string[] = [];
  createLog('info', { write: (line) => lines.push(line) }).info('segment flushed', { shard: 3, sizeBytes: 17 });

  const { time, ...rest } = JSON.parse(lines[0] ?? '');
  match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  deepEqual(rest, { level: 'info', message: 'segment flushed', shard: 3, sizeBytes: 17 });
});

test('writes what an error knows: its code, its details and its cause', () => {
  const lines: string[] = [];
  const cause = new Error('no space left');
  const error = new StoreError('unavailable', 'the disk is full', { path: 'a/b' }, { cause });
  createLog('error', { write: (line) => lines.push(line) }).error('flush failed', { error });

  const written = JSON.parse(lines[0] ?? '').error;
  equal(written.code, 'unavailable');
  deepEqual(written.details, { path: 'a/b' });
  equal(written.cause.message, 'no space left');
});

test('leaves out what is below its level', () => {
  const levels: string[] = [];
  const log = createLog('warn', { write: (line) => levels.push(JSON.parse(line).level) });
  for (const level of ['debug', 'info', 'warn', 'error'] as const) log[level]('x');
  deepEqual(levels, ['warn', 'error']);
});

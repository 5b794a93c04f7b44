import type { BlockMeta, DatasetMeta } from '#src/domain/block/block-meta.ts';
import { StoreError } from '#src/domain/errors.ts';
import { compareUtf8, type Labels } from '#src/domain/model/labels.ts';
import type { Bytes } from '#src/domain/model/units.ts';
import { isUlid } from './ulid.ts';

/**
 * Refuses what the index could not find again, or would answer wrongly. Once a command is in the log every replica
 * applies it, so this is the last moment to refuse it.
 *
 * @throws StoreError 'invalid-argument' naming the first thing that is wrong
 */
export function checkBlock(block: BlockMeta): void {
  check(isUlid(block.id), 'id is not a ULID');
  check(isUint32(block.shard), `shard is ${block.shard}`);
  check(isUint32(block.level) && block.level <= 255, `level is ${block.level}`);
  check(isSize(block.sizeBytes), `size is ${block.sizeBytes}`);
  checkTimes(block, 'it');
  check(block.datasets.length > 0, 'it has no dataset, so that no query could find it');
  for (const [i, dataset] of block.datasets.entries()) checkDataset(block, dataset, `dataset ${i}`);
}

function checkDataset(block: BlockMeta, dataset: DatasetMeta, which: string): void {
  check(dataset.tenant !== '', `${which} has no tenant`);
  check(block.tenant === '' || dataset.tenant === block.tenant, `${which} belongs to another tenant than the block`);
  checkTimes(dataset, which);
  check(
    dataset.minTimeMs >= block.minTimeMs && dataset.maxTimeMs <= block.maxTimeMs,
    `${which} has times outside those of the block`,
  );
  const { range, symbols, headBytes } = dataset;
  check(isInside(range, block.sizeBytes), `${which} lies outside the object`);
  check(isInside(symbols, block.sizeBytes), `${which} has symbols outside the object`);
  check(isSize(headBytes) && headBytes <= range.sizeBytes, `${which} has a head of ${headBytes} bytes`);
  check(dataset.labels.length > 0, `${which} has no labels, so that no query could find it`);
  for (const labels of dataset.labels) checkLabels(labels, which);
}

function checkTimes({ minTimeMs, maxTimeMs }: { minTimeMs: number; maxTimeMs: number }, which: string): void {
  check(
    Number.isSafeInteger(minTimeMs) && Number.isSafeInteger(maxTimeMs) && minTimeMs <= maxTimeMs,
    `${which} has times from ${minTimeMs} to ${maxTimeMs}`,
  );
}

function checkLabels(labels: Labels, which: string): void {
  for (const [i, { name, value }] of labels.entries()) {
    check(name !== '' && value !== '', `${which} has a label without name or value`);
    check(i === 0 || compareUtf8(labels[i - 1].name, name) < 0, `${which} has labels that are not sorted`);
  }
}

function isInside({ offset, sizeBytes }: { offset: Bytes; sizeBytes: Bytes }, objectBytes: Bytes): boolean {
  return isSize(offset) && isSize(sizeBytes) && offset + sizeBytes <= objectBytes;
}

function isSize(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function isUint32(value: number): boolean {
  return isSize(value) && value <= 0xffff_ffff;
}

function check(condition: boolean, problem: string): void {
  if (!condition) throw new StoreError('invalid-argument', `the block cannot be registered: ${problem}`);
}

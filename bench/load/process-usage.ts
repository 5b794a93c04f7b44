import { readFileSync } from 'node:fs';

/** USER_HZ of every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/**
 * Memory that a process has resident.
 *
 * @units bytes
 */
export type ResidentMemory = {
  /** Heaps, kernels, stacks, what was written to: nothing else holds it, so it is gone only when the process lets go. */
  readonly anonymous: number;
  /**
   * Mapped files: code, and what was read of the metastore. It is the kernel's page cache, which drops it when it must, but
   * for files on a tmpfs.
   */
  readonly file: number;
};

/** User and system time of a process and its threads so far. Linux only. @units seconds */
export function cpuSecondsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Memory that the process has resident right now. */
export function residentMemoryOf(pid: number): ResidentMemory {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return { anonymous: bytesIn(status, 'RssAnon'), file: bytesIn(status, 'RssFile') + bytesIn(status, 'RssShmem') };
}

/** The most memory that the process had resident so far. */
export function peakRssBytesOf(pid: number): number {
  return bytesIn(readFileSync(`/proc/${pid}/status`, 'utf8'), 'VmHWM');
}

function bytesIn(status: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1024;
}

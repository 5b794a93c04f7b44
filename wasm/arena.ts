// The memory of an instance: two bump arenas in one linear memory. Nothing is ever freed on its own.
//
//   | static | scratch                    | head                        |
//            ^ reset with each task       ^ reset with each window
//
// The arenas have fixed places, so neither moves when the other grows. Memory is reserved up to the end of what is
// used; pages that were never touched cost nothing.
//
// A request beyond a limit traps: no kernel has to look at a null. The wrapper finds out why in `arenaFull`. Every
// structure is changed only after all that it needs was allocated, so a trap leaves the head as it was.

const START: usize = 65536;

let scratchTop: usize = START;
let scratchEnd: usize = START;
let headStart: usize = START;
let headTop: usize = START;
let headEnd: usize = START;
let headLimitEnd: usize = START;
let scratchPeakTop: usize = START;
let headPeakTop: usize = START;

/** 0: fine, 1: the scratch arena is full, 2: the head arena is, 3: the machine has no memory. */
export let arenaFull: i32 = 0;

/** Bytes that the arena would have had to hold when it was full, with what is left out of it. */
export let arenaNeed: u64 = 0;

export const SCRATCH: u32 = 1;
export const HEAD: u32 = 2;

/** Sets the limits, in bytes. Called once, before everything else. @cost O(1) */
export function arenaInit(scratchBytes: u32, headBytes: u32): void {
  scratchEnd = START + (<usize>scratchBytes & ~63);
  headStart = scratchEnd;
  headLimitEnd = headStart + (<usize>headBytes & ~63);
  headEnd = headLimitEnd;
  scratchTop = START;
  scratchPeakTop = START;
  headTop = headStart;
  headPeakTop = headStart;
}

export function resetScratch(): void {
  scratchTop = START;
}

/**
 * Leaves out the last `bytes` of the head arena, because what belongs to the head takes them elsewhere. 0: none.
 *
 * @cost O(1)
 */
export function reserveHead(bytes: u32): void {
  const end = headLimitEnd - min(<usize>bytes, headLimitEnd - headStart);
  headEnd = max(end, headTop);
}

export function resetHead(): void {
  headTop = headStart;
}

export function scratchUsed(): u32 {
  return <u32>(scratchTop - START);
}

export function headUsed(): u32 {
  return <u32>(headTop - headStart);
}

/** Bytes of the arena that were ever used, and so take real memory, which is never given back: an instance that met an
 * outlier is replaced. What lies between the arenas was never touched and costs nothing. */
export function scratchPeak(): u32 {
  return <u32>(scratchPeakTop - START);
}

export function headPeak(): u32 {
  return <u32>(headPeakTop - headStart);
}

/**
 * `bytes` of memory with unknown content, 16-byte aligned, and 16 readable bytes behind them.
 *
 * @cost O(1); new memory comes from the system a page at a time, when it is touched
 */
export function allocScratch(bytes: usize): usize {
  const pointer = scratchTop;
  const free = scratchEnd - pointer;
  // The first, because such a length makes the sum wrap.
  if (bytes > free || ((bytes + 31) & ~15) > free) full(1, <u64>(pointer - START) + padded(bytes));
  const top = (pointer + bytes + 31) & ~15;
  ensure(top);
  scratchTop = top;
  if (top > scratchPeakTop) scratchPeakTop = top;
  return pointer;
}

/** @cost O(1), as `allocScratch` */
export function allocHead(bytes: usize): usize {
  const pointer = headTop;
  const free = headEnd - pointer;
  // The first, because such a length makes the sum wrap.
  if (bytes > free || ((bytes + 31) & ~15) > free) {
    full(2, <u64>(headLimitEnd - headEnd + pointer - headStart) + padded(bytes));
  }
  const top = (pointer + bytes + 31) & ~15;
  ensure(top);
  headTop = top;
  if (top > headPeakTop) headPeakTop = top;
  return pointer;
}

export function alloc(arena: u32, bytes: usize): usize {
  return arena == SCRATCH ? allocScratch(bytes) : allocHead(bytes);
}

export function allocZeroed(arena: u32, bytes: usize): usize {
  const pointer = alloc(arena, bytes);
  memory.fill(pointer, 0, bytes);
  return pointer;
}

/** Gives back the end of the last scratch allocation, from `pointer` on. */
export function shrinkScratch(pointer: usize): void {
  scratchTop = (pointer + 31) & ~15;
}

/** Where the next allocation of an arena would be: to see that nothing was allocated since. */
export function arenaTop(arena: u32): usize {
  return arena == SCRATCH ? scratchTop : headTop;
}

/** Gives back all that was allocated in scratch since `arenaTop(SCRATCH)` was `top`. */
export function releaseScratch(top: usize): void {
  scratchTop = top;
}

function ensure(top: usize): void {
  const have = <usize>memory.size() << 16;
  if (top <= have) return;
  const pages = <i32>((top - have + 0xffff) >> 16);
  if (memory.grow(max(pages, 16)) < 0 && memory.grow(pages) < 0) full(3, top);
}

function padded(bytes: usize): u64 {
  return (<u64>bytes + 31) & ~15;
}

function full(what: i32, need: u64): void {
  arenaFull = what;
  arenaNeed = need;
  unreachable();
}

// Where `npm start` begins. Plain JavaScript of an old dialect, because an old Node must be able to read it: all it
// could say about TypeScript is a syntax error.

const [major, minor] = process.versions.node.split('.').map(Number);
const runsTypeScript = process.features.typescript === 'strip' || process.features.typescript === 'transform';

if (!runsTypeScript || major < 22 || (major === 22 && minor < 18)) {
  console.error(
    `Kiln needs Node 22.18 or later, which runs TypeScript as it is; this is Node ${process.versions.node}.\n` +
      'On Linux with glibc (x64, arm64) "npm ci" installs one that "npm start" finds by itself, unless optional\n' +
      'dependencies were left out. Elsewhere install it from https://nodejs.org.',
  );
  process.exit(69); // EX_UNAVAILABLE: something that the program needs is not there.
}

// Buffers come and go by the hundred megabytes a second, and V8 takes that for memory pressure: with its helper threads
// marking and scavenging for three isolates, half of all CPU time went into collecting heaps of 20 MB. One thread does
// it in a tenth of that. Measured with bench:ingest and 64 clients: 20 and 31 raw MB per CPU-second. Only the command
// line can say so, so this process becomes one that has it there.
const GC_FLAG = '--single-threaded-gc';
if (!process.execArgv.includes(GC_FLAG) && typeof process.execve === 'function') {
  const flags = [GC_FLAG, '--disable-warning=ExperimentalWarning', ...process.execArgv];
  process.removeAllListeners('warning'); // It would say that execve is experimental; there is a way on without it.
  process.execve(process.execPath, [process.execPath, ...flags, ...process.argv.slice(1)], process.env);
}

// Object storage on the local disk and LMDB run on libuv's threads. With the default of four, four stalled syncs
// would stop every read. The threads are made with the first task that needs one, so this still counts.
process.env.UV_THREADPOOL_SIZE ??= '16';

await import('./main.ts');

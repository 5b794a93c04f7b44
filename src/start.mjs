// Where `npm start` begins. Plain JavaScript of an old dialect, because an old Node must be able to read it: all it
// could say about TypeScript is a syntax error.

import { fileURLToPath } from 'node:url';

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

// Object storage on the local disk and LMDB run on libuv's threads. With the default of four, four stalled syncs
// would stop every read. The threads are made with the first task that needs one, so this still counts.
process.env.UV_THREADPOOL_SIZE ??= '16';

// What V8 compiled is kept for the next start, where it saves a tenth of the time. Without a place to keep it, as in a
// read-only install, Node compiles anew and says nothing. Threads learn of it from the environment.
process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL('../node_modules/.cache/kiln', import.meta.url));
const { enableCompileCache } = await import('node:module');
enableCompileCache(process.env.NODE_COMPILE_CACHE);

await import('./main.ts');

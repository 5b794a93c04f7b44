// A small program that is busy in a few recognisable ways, and tells a profile server about it.
//
//     PYROSCOPE_SERVER_ADDRESS                                  where to push, http://localhost:4040 by default
//     PYROSCOPE_TENANT_ID                                       as which tenant
//     PYROSCOPE_BASIC_AUTH_USER, PYROSCOPE_BASIC_AUTH_PASSWORD  for a proxy in front of it
//     RUN_SECONDS                                               ends by itself after so long; without it, Ctrl-C ends it

import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import Pyroscope from '@pyroscope/nodejs';

const serverAddress = process.env.PYROSCOPE_SERVER_ADDRESS ?? 'http://localhost:4040';
const runMs = Number(process.env.RUN_SECONDS ?? Number.POSITIVE_INFINITY) * 1000;

Pyroscope.init({
  serverAddress,
  tenantID: process.env.PYROSCOPE_TENANT_ID,
  basicAuthUser: process.env.PYROSCOPE_BASIC_AUTH_USER,
  basicAuthPassword: process.env.PYROSCOPE_BASIC_AUTH_PASSWORD,
  appName: 'busy',
  tags: { region: 'local' },
  // A profile of the time on the clock and of the CPU, every five seconds, so that there is something to see soon.
  wall: { collectCpuTime: true, samplingDurationMs: 5_000 },
  flushIntervalMs: 5_000,
});
Pyroscope.start();
console.log(`busy; pushing profiles to ${serverAddress} every 5 s`);
// The SDK tells of a push that failed through the package `debug`, and otherwise nobody.
if (process.env.DEBUG === undefined) console.log('with DEBUG=pyroscope, errors are printed here');

let running = true;
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    running = false;
  });
}

const endMs = Date.now() + runMs;
while (running && Date.now() < endMs) {
  // Each kind of work has a label of its own: select {route="/checkout"} to see one alone.
  Pyroscope.wrapWithLabels({ route: '/checkout' }, checkout);
  Pyroscope.wrapWithLabels({ route: '/search' }, search);
  await sleep(1);
}
await Pyroscope.stop();
console.log('done; pushes that failed are listed above, if DEBUG is pyroscope');

function checkout() {
  const cart = Array.from({ length: 400 }, (_, i) => ({ id: i, price: (i * 7919) % 1000 }));
  sortByPrice(cart);
  sign(serialise(cart));
}

function search() {
  countWords('the quick brown fox jumps over the lazy dog '.repeat(200));
  fibonacci(21);
}

function sortByPrice(cart) {
  return cart.sort((a, b) => a.price - b.price);
}

function serialise(cart) {
  let text = '';
  for (let i = 0; i < 10; i++) text = JSON.stringify(cart);
  return text;
}

function sign(text) {
  let digest = text;
  for (let i = 0; i < 100; i++) digest = createHash('sha256').update(digest).digest('hex');
  return digest;
}

function countWords(text) {
  const counts = new Map();
  for (const [word] of text.matchAll(/\w+/g)) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

function fibonacci(n) {
  return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

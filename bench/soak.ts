// Pushes for a long time at a real Kiln and says whether its memory grows. See README.md.
//
//     npm run bench:soak -- [--pushes 100000] [--clients 32] [--json FILE]

import { parseArgs } from 'node:util';
import { startKiln } from './load/kiln-under-load.ts';
import { rssBytesOf } from './load/process-usage.ts';
import { Pusher } from './load/pusher.ts';
import { rounded, writeResults } from './load/report.ts';
import { makeVariants } from './load/variants.ts';

const { values: options } = parseArgs({
  options: {
    pushes: { type: 'string', default: '100000' },
    clients: { type: 'string', default: '32' },
    json: { type: 'string' },
  },
});
const pushes = Number(options.pushes);

/** The last third may have this much more memory than the second one. */
const GROWTH_MAX = 1.05;

/** Small profiles, so that many pushes take minutes and not hours; twenty services of the same kinds. */
const variants = makeVariants(4).filter(({ rawBytes }) => rawBytes < 100_000);
const kiln = await startKiln();
const pusher = new Pusher(kiln.url, variants, { services: 20, pods: 10, kindsPerService: 0 });
const rss: number[] = [];
const timer = setInterval(() => rss.push(rssBytesOf(kiln.pid)), 500);
try {
  const { statuses, seconds } = await pusher.closedLoop(Number(options.clients), Number.POSITIVE_INFINITY, pushes);
  const third = Math.floor(rss.length / 3);
  const [middle, last] = [median(rss.slice(third, 2 * third)), median(rss.slice(2 * third))];
  const growth = rounded(last / middle, 3);
  const peakRssMB = rounded(kiln.peakRssBytes() / 1e6, 0);
  const result = {
    pushes,
    seconds: rounded(seconds),
    statuses,
    middleMB: middle / 1e6,
    lastMB: last / 1e6,
    growth,
    peakRssMB,
  };
  console.log(result, `goal: growth <= ${GROWTH_MAX}`);
  writeResults('soak', { ...result, rss }, options.json);
  if (growth > GROWTH_MAX) process.exitCode = 1;
} finally {
  clearInterval(timer);
  pusher.close();
  await kiln.stop();
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

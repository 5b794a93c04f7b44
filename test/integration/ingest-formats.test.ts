import { deepEqual, equal, match } from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { Reply } from '../fixtures/kiln-client.ts';
import { pprof } from '../fixtures/pprof-builder.ts';
import { kilnOfSuite } from '../fixtures/suite-kiln.ts';
import { type TreeNode, treeBytes } from '../fixtures/uploads.ts';

// Formats that are not pprof, as agents send them to a real process, found again as people ask for them. What the real
// files must come back as was found out by a Pyroscope server (corpus-totals.json); it keeps nothing of the speedscope
// file, whose weights are fractions, so that the sum of those is what it must come back as.

type Totals = Record<string, Record<string, { levels: number; nodes: number; total: number }>>;

const CPU = 'process_cpu:cpu:nanoseconds:cpu:nanoseconds';
const WALL = 'wall:wall:nanoseconds:cpu:nanoseconds';
const data = new URL('../data/', import.meta.url);
const totals = JSON.parse(readFileSync(new URL('corpus-totals.json', data), 'utf8')) as Totals;
const folded = readdirSync(new URL('corpus/', data)).filter((name) => name.endsWith('.txt.gz'));

function corpus(name: string): Buffer {
  return gunzipSync(readFileSync(new URL(`corpus/${name}`, data)));
}

describe('/ingest in other formats than pprof', () => {
  const kiln = kilnOfSuite();

  const send = (name: string, body: Uint8Array | string, search = '', type = 'text/plain'): Promise<Reply> =>
    kiln.client.post(`/ingest?name=${encodeURIComponent(name)}${search}`, body, { 'content-type': type });

  for (const file of folded) {
    test(`${file} comes back with its totals`, async () => {
      const service = `file-${file.replace('.txt.gz', '')}`;

      equal((await send(`${service}.cpu`, corpus(file))).status, 200);

      const { total, levels, nodes } = await kiln.client.flamegraph(service, CPU);
      const expected = totals[service]?.[CPU];
      deepEqual({ total: Number(total), levels, nodes }, expected);
    });
  }

  test('a speedscope file comes back with the sum of its weights', async () => {
    const body = corpus('python-speedscope.json.gz');
    const { profiles } = JSON.parse(body.toString()) as { profiles: { name: string; weights: number[] }[] };

    equal((await send('py.cpu', body, '&format=speedscope')).status, 200);

    const sum = profiles
      .flatMap(({ weights }) => weights)
      .reduce((nanos, weight) => nanos + Math.round(weight * 1e9), 0);
    equal(await kiln.client.total('py.cpu', WALL), BigInt(sum));
    type Answer = { labelsSet: { labels: { value: string }[] }[] };
    const { labelsSet } = await kiln.client.query<Answer>('Series', { matchers: [], labelNames: ['profile_name'] });
    const names = labelsSet.flatMap(({ labels }) => labels.map(({ value }) => value)).sort();
    deepEqual(names, profiles.map(({ name }) => name).sort());
  });

  test('lines, a tree and a trie say the same as folded text', async () => {
    const tree: TreeNode = ['', 0, ['a', 1, ['b', 2]]];
    const trie: TreeNode = ['', 0, ['a', 1, [';', 0, ['b', 2]]]];

    equal((await send('same-groups', 'a 1\na;b 2')).status, 200);
    equal((await send('same-lines', 'a\na;b\na;b', '&format=lines')).status, 200);
    equal((await send('same-tree', treeBytes(tree), '&format=tree')).status, 200);
    equal((await send('same-trie', treeBytes(trie), '', 'binary/octet-stream+trie')).status, 200);

    const graphs = await Promise.all(
      ['groups', 'lines', 'tree', 'trie'].map((format) => kiln.client.flamegraph(`same-${format}`, CPU)),
    );
    equal(graphs[0]?.total, 30_000_000n);
    for (const graph of graphs) deepEqual(graph, graphs[0]);
  });

  test('the value of no frames counts in time series alone', async () => {
    const sampled = { type: 'sampled', name: 'one', unit: 'seconds', startValue: 0, endValue: 3 };
    const file = {
      $schema: 'https://www.speedscope.app/file-format-schema.json',
      shared: { frames: [{ name: 'a' }] },
      profiles: [{ ...sampled, samples: [[0], []], weights: [1, 2] }],
    };

    equal((await send('none-speedscope.cpu', JSON.stringify(file), '&format=speedscope')).status, 200);
    equal((await send('none-tree.cpu', treeBytes(['', 200, ['a', 100]]), '&format=tree')).status, 200);

    for (const service of ['none-speedscope', 'none-tree']) {
      equal(await kiln.client.total(service, CPU), 1_000_000_000n);
      equal(await kiln.client.seriesTotal(service, CPU), 3e9);
    }
  });

  test('what is wrong is 422 where nothing can be read, and 400 where it is refused', async () => {
    const file = JSON.stringify({ $schema: 'x' });
    const counted = JSON.stringify({
      $schema: 'https://www.speedscope.app/file-format-schema.json',
      shared: { frames: [{ name: 'a' }] },
      profiles: [
        { type: 'sampled', name: 'p', unit: 'none', startValue: 0, endValue: 1, samples: [[0]], weights: [1] },
      ],
    });
    for (const [name, body, search, status, words] of [
      ['a.cpu', 'a;b x', '', 422, /as groups: line 1: its count "x" is no whole number/],
      ['a.cpu', `a ${'é'.repeat(99)}`, '', 422, /its count "[^"]{40}…" is no whole number; the request has no format/],
      ['a.cpu', Buffer.from('a \xc3\x28\x00', 'latin1'), '', 422, /its count "\\xc3\(\\x00" is no whole number; /],
      ['a.cpu', '\u{202e}a \u{9b}x', '', 422, /its count "\\u\{9b\}x" is no whole number; /],
      ['a.cpu', gzipSync('a 1'), '', 422, /its bytes look like gzip: .*format=pprof.*; the request has no format/],
      [
        'a.cpu',
        gzipSync('a 1'),
        '&format=prof',
        422,
        /look like gzip: .*; the format "prof" is not known, .*pprof and jfr$/,
      ],
      ['a.cpu', Buffer.from('FLR\0\0\x02\0\0'), '&format=lines', 422, /look like a recording .* needs format=jfr$/],
      ['a.cpu', pprof({ samples: [{ stack: 'a', v: [1] }] }), '', 422, /look like pprof, which needs format=pprof; /],
      ['a.cpu', 'a x', '&format=perf', 422, /is no whole number; the format "perf" is not known/],
      ['a.cpu', 'a x', '&format=groups', 422, /is no whole number$/],
      ['a.cpu', 'x'.repeat(70_000), '&format=lines', 422, /line 1: it has 70000 bytes, the limit is 65535/],
      ['a.cpu', 'ÿ', '&format=trie', 422, /as trie: /],
      ['a.cpu', Buffer.of(0, 0, 2, 1, 0x61, 1, 0), '&format=trie', 422, /as trie: it ends within/],
      ['a.cpu', '', '&format=tree', 422, /as tree: it ends within a node, after 0 bytes/],
      ['a.cpu', file, '&format=speedscope', 422, /as speedscope: its \$schema is "x"/],
      ['a.odd', 'a 1', '', 400, /"a.odd" ends in an unknown type "odd"/],
      ['a.cpu{pyroscope_spy=me}', 'a 1', '', 400, /pyroscope_spy/],
      ['a.cpu', 'a 1', '&from=20200101', 400, /outside of the ingestion window/],
      ['a.cpu', Buffer.from('a\xff 1', 'latin1'), '', 400, /not valid UTF-8/],
      ['a.cpu', 'a 1', '&sampleRate=4000000000', 400, /sampleRate: at most 1000000000/],
      ['a.cpu', counted, '&format=speedscope&sampleRate=4000000000', 422, /sampleRate: at most 1000000000/],
    ] as const) {
      const reply = await send(name, body, search);
      equal(reply.status, status, reply.body.toString());
      const { code, message } = JSON.parse(reply.body.toString()) as { code: string; message: string };
      equal(code, status === 422 ? 'unknown' : 'invalid_argument');
      match(message, words);
      match(message, /^[^\p{C}]*$/u);
    }
  });

  test('nothing to store is a success', async () => {
    for (const [name, body, search] of [
      ['a.cpu', '', ''],
      ['a.cpu', '', '&format=trie'],
      ['a.cpu', 'a 0', ''],
      ['a.cpu{profile_id=1}', 'a 1', ''],
    ] as const) {
      equal((await send(name, body, search)).status, 200);
    }
    deepEqual(await kiln.client.profileTypes('a'), []);
  });
});

// Clients that are slow, gone, confused or up to no good, on raw sockets, and what they send inside well-formed requests.
// One process takes all of it, with multi-tenancy on; after each test it must take a push and find it, with the memory
// it had, and no log line may speak of a bug. What is wrong with profiles as such is in bad-input.test.ts.

import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { KilnClient, type Reply } from '../fixtures/kiln-client.ts';
import { flagsFor, KilnCommand, temporaryDirectory } from '../fixtures/kiln-command.ts';
import { encodePprof, plainPprof, pprof } from '../fixtures/pprof-builder.ts';
import { pushProto } from '../fixtures/push-message.ts';
import { Random, runSeed } from '../fixtures/random.ts';
import { RawConnection } from '../fixtures/raw-connection.ts';

const CPU = 'process_cpu:cpu:nanoseconds:cpu:nanoseconds';
const PUSH = '/push.v1.PusherService/Push';
const SELECT = '/querier.v1.QuerierService/SelectMergeStacktraces';
const PROTO = { 'content-type': 'application/proto' };
const JSON_TYPE = { 'content-type': 'application/json' };
const LABELS = { __name__: 'process_cpu', service_name: 'hostile' };

/** Of the whole process, with two threads and everything below on its way through. */
const MEMORY_BYTES_MAX = 700 << 20;

const good = pprof({ samples: [{ stack: 'main;work', v: [1] }] });

describe('hostile clients', () => {
  const ends: (() => Promise<void>)[] = [];
  let kiln: KilnCommand;
  let client: KilnClient;
  let port: number;
  let goodPushes = 0;

  before(async () => {
    const suite = { after: (end: () => Promise<void>) => void ends.push(end) };
    const limits = ['--distributor.ingestion-body-limit-mb=8', '--distributor.ingestion-rate-limit-mb=0'];
    const dataDir = await temporaryDirectory(suite);
    kiln = new KilnCommand(suite, { args: [...flagsFor(dataDir), '--auth.multitenancy-enabled=true', ...limits] });
    const url = await kiln.url();
    client = new KilnClient(url, 'acme');
    port = Number(new URL(url).port);
  });
  afterEach(async () => {
    equal((await client.push({ ...LABELS, service_name: 'good' }, good)).status, 200);
    equal(await client.total('good', CPU), BigInt(++goodPushes));
    const metrics = await (await fetch(`${client.url}/metrics`)).text();
    const memoryBytes = Number(/^process_resident_memory_bytes (\S+)/m.exec(metrics)?.[1]);
    ok(memoryBytes < MEMORY_BYTES_MAX, `${memoryBytes} bytes of memory`);
    ok(!kiln.stderr.includes('because of a bug'), kiln.stderr.slice(-4000));
  });
  after(async () => {
    for (const end of ends) await end();
  });

  const pushRaw = (profile: Uint8Array): Promise<Reply> => client.post(PUSH, messageOf(profile), PROTO);
  const ingestRaw = (profile: Uint8Array): Promise<Reply> => client.post('/ingest?name=app&format=pprof', profile);

  describe('compressed bytes', () => {
    // A thousand times as large as what is sent, far beyond any limit.
    const bomb = gzipSync(new Uint8Array(256 << 20), { level: 9 });

    test('a bomb is refused with the name and value of the limit, on either route', async () => {
      const push =
        /--distributor.ingestion-body-limit-mb: limit 8388608 bytes \(8 MiB\), actual 268435456 bytes \(256 MiB\) uncompressed/;
      const smaller = gzipSync(new Uint8Array(6 << 20));
      const profile = /--validation.max-profile-size-bytes: limit 4194304 bytes \(4 MiB\), actual 6291456 bytes/;

      refused(await pushRaw(bomb), 400, 'invalid_argument', push);
      refused(await ingestRaw(bomb), 422, 'unknown', push);
      refused(await pushRaw(smaller), 400, 'invalid_argument', profile);
      refused(await ingestRaw(smaller), 422, 'unknown', profile);
    });

    test('a bomb whose trailer says that it is small is refused before it is large', async () => {
      const liar = Buffer.from(bomb);
      liar.writeUInt32LE(1000, liar.length - 4);

      refused(await pushRaw(liar), 400, 'invalid_argument', /--validation.max-profile-size-bytes: limit 4194304 bytes/);
      refused(await ingestRaw(liar), 422, 'unknown', /--validation.max-profile-size-bytes: limit 4194304 bytes/);
    });

    test('fifty bombs at once are refused one by one', async () => {
      const liar = Buffer.from(bomb);
      liar.writeUInt32LE(1000, liar.length - 4);

      const replies = await Promise.all(Array.from({ length: 50 }, () => pushRaw(liar)));

      for (const reply of replies) refused(reply, 400, 'invalid_argument', /--validation.max-profile-size-bytes/);
    });

    test('a message that is a bomb itself is refused like one that is too large', async () => {
      const compressed = { 'content-encoding': 'gzip' };

      refused(await client.post(PUSH, bomb, { ...PROTO, ...compressed }), 429, 'resource_exhausted', /8388608/);
      refused(await client.post(SELECT, bomb, { ...PROTO, ...compressed }), 429, 'resource_exhausted', /262144/);
    });

    test('an encoding that is not spoken is 501 and named', async () => {
      refused(await client.post(PUSH, good, { ...PROTO, 'content-encoding': 'br' }), 501, 'unimplemented', /br.*gzip/s);
    });
  });

  describe('profiles that lie', () => {
    const plain = plainPprof({ samples: [{ stack: 'main;work', v: [1] }], mappings: [{ file: 'app' }] });
    const [sample] = plain.samples;
    const far = 0xffff_ffff_ffff_ffffn;

    const lies: [name: string, profile: Uint8Array, words: RegExp][] = [
      [
        'a location with the id 0',
        encodePprof({ ...plain, locations: plain.locations.map((l) => ({ ...l, id: 0n })) }),
        /location \d+ .*id 0/,
      ],
      [
        'a function with the id 0',
        encodePprof({ ...plain, functions: plain.functions.map((f) => ({ ...f, id: 0n })) }),
        /function \d+ .*id 0/,
      ],
      [
        'a sample type beyond the strings',
        encodePprof({ ...plain, sampleTypes: [{ type: far, unit: far }] }),
        /string -1, and there are \d+ strings/,
      ],
      [
        'a file name beyond the strings',
        encodePprof({ ...plain, functions: plain.functions.map((f) => ({ ...f, filename: far })) }),
        /string -1, and there are \d+ strings/,
      ],
      [
        'more values than sample types',
        encodePprof({ ...plain, samples: [{ ...sample!, values: [1n, 2n] }] }),
        /has 2 values, and there are 1 sample types/,
      ],
      ['no strings', encodePprof({ ...plain, strings: [] }), /string 0 is missing/],
      [
        'a length beyond the end',
        Buffer.from([0x12, 0xff, 0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0, 0, 0]),
        /cannot be decoded/,
      ],
      ['a number that never ends', new Uint8Array(64).fill(0xff), /cannot be decoded/],
    ];
    for (const [name, profile, words] of lies) {
      test(`${name}: refused, and said why`, async () => {
        refused(await pushRaw(profile), 400, 'invalid_argument', words);
        refused(await ingestRaw(profile), 422, 'unknown', words);
      });
    }

    test('samples, functions and mappings that name what is not there do no harm', async () => {
      const lost = [
        { ...plain, samples: [{ ...sample!, locationIds: [far, 1n] }] },
        { ...plain, locations: plain.locations.map((l) => ({ ...l, mappingId: far })) },
        { ...plain, locations: plain.locations.map((l) => ({ ...l, lines: [{ functionId: far, line: 1n }] })) },
        { ...plain, samples: [{ ...sample!, locationIds: [] }] },
      ];

      for (const profile of lost) equal((await pushRaw(encodePprof(profile))).status, 200);
    });
  });

  describe('JSON', () => {
    const levels = 100_000;
    const objects = `${'{"x":'.repeat(levels)}1${'}'.repeat(levels)}`;
    const lists = `{"x":${'['.repeat(levels)}${']'.repeat(levels)}}`;
    const open = '{"x":['.repeat(levels / 4);

    test('a query that is nested 10^5 levels deep is refused, by its depth or before by its size', async () => {
      refused(await client.post(SELECT, lists, JSON_TYPE), 400, 'invalid_argument', /nested deeper than 100/);
      refused(await client.post(SELECT, open, JSON_TYPE), 400, 'invalid_argument', /is not JSON/);
      refused(
        await client.post(SELECT, objects, JSON_TYPE),
        429,
        'resource_exhausted',
        /limit 262144 bytes .*, actual 600001 bytes/,
      );
    });

    test('a push that is nested 10^5 levels deep is refused by its depth, also in what nobody knows', async () => {
      for (const body of [objects, lists, open, `{"series":[{"samples":[${objects}]}]}`]) {
        refused(await client.post(PUSH, body, JSON_TYPE), 400, 'invalid_argument', /nested deeper than 100/);
      }
    });

    test('a push may have unknown fields, and then is as empty as without them', async () => {
      const body = `{"x":${'['.repeat(99)}${']'.repeat(99)},"y":{"series":[1,"2",null]}}`;

      refused(await client.post(PUSH, body, JSON_TYPE), 400, 'invalid_argument', /no profiles received/);
    });

    test('nesting inside what is stored is refused where the field must be something else', async () => {
      const body = `{"series":${'['.repeat(1000)}${']'.repeat(1000)}}`;

      refused(
        await client.post(PUSH, body, JSON_TYPE),
        400,
        'invalid_argument',
        /an element of series is not an object/,
      );
    });

    test('a push of millions of parts that fit into kilobytes is refused, and others are answered meanwhile', async () => {
      const body = gzipSync(`{"series":[${'{},'.repeat(2_500_000)}{}]}`, { level: 1 });
      const headers = { ...JSON_TYPE, 'content-encoding': 'gzip' };

      const [hostile, honest] = await Promise.all([
        client.post(PUSH, body, headers),
        client.push({ ...LABELS, service_name: 'meanwhile' }, good),
      ]);

      refused(hostile, 400, 'invalid_argument', /too many parts: more than 1048576 fields/);
      equal(honest.status, 200);
    });

    test('a sample_type_config that is nested or no JSON is refused', async () => {
      for (const config of [objects, lists, open, '[]', 'x']) {
        const form = new FormData();
        form.append('profile', new Blob([Buffer.from(good)]), 'profile.pprof');
        form.append('sample_type_config', new Blob([config]), 'config.json');
        const headers = { 'x-scope-orgid': 'acme' };
        const response = await fetch(`${client.url}/ingest?name=app`, { method: 'POST', headers, body: form });
        equal(response.status, 422, `${config.slice(0, 20)}: ${await response.text()}`);
      }
    });
  });

  describe('tenants and content types', () => {
    test('a tenant that is missing or cannot be is 401 and the message says why', async () => {
      const ids: [id: string | undefined, words: RegExp][] = [
        [undefined, /no org id/],
        ['a/b', /unsupported character "\/" at 1/],
        ['x'.repeat(151), /too long: 151 bytes, the limit is 150/],
        ['..', /cannot be "\.\."/],
      ];
      for (const [id, words] of ids) {
        const other = new KilnClient(client.url, id);
        refused(await other.push(LABELS, good), 401, 'unauthenticated', words);
        refused(await other.post(SELECT, '{}', JSON_TYPE), 401, 'unauthenticated', words);
        refused(await other.post('/ingest?name=app&format=pprof', good), 401, 'unauthenticated', words);
      }
      const two = new KilnClient(client.url, 'a|b');
      refused(await two.push(LABELS, good), 401, 'unauthenticated', /multiple org IDs/);
    });

    test('one tenant does not see what another pushed', async () => {
      equal((await client.push({ ...LABELS, service_name: 'secret' }, good)).status, 200);

      equal(await new KilnClient(client.url, 'other').total('secret', CPU), 0n);
    });

    test('a content type that is not spoken is 415 with the list of those that are', async () => {
      for (const path of [PUSH, SELECT]) {
        for (const type of ['text/plain', 'application/x-protobuf', 'application/json; charset=latin1']) {
          const { status, headers } = await client.post(path, good, { 'content-type': type });
          equal(status, 415, type);
          match(headers.get('accept-post') ?? '', /application\/json.*application\/proto/);
        }
      }
    });
  });

  describe('slow clients', () => {
    test('headers and a body that come byte by byte are a push like any other', async () => {
      const connection = new RawConnection(port);
      const body = messageOf(good);
      // In one piece: the server library answers 505 to a packet that ends inside of the version (uWebSockets#1776).
      connection.send(`POST ${PUSH} HTTP/1.1\r\n`);
      await connection.drip(`Host: x\r\nX-Scope-OrgID: acme\r\n${protoOf(body.length)}`);
      await connection.drip(body);

      await connection.received(/^HTTP\/1\.1 200 OK/);
      connection.leave();
    });

    test('a hundred that stop in the middle of headers or bodies keep nobody else waiting', async () => {
      const stuck = Array.from({ length: 100 }, () => new RawConnection(port));
      for (const [i, connection] of stuck.entries()) connection.send(i % 2 === 0 ? 'POST /ingest HT' : halfPush);
      await Promise.all(stuck.map(({ connected }) => connected));

      await assertTakesPushes(client);

      for (const connection of stuck) connection.leave();
    });

    test('clients that close their side early get no answer, or the right one', async () => {
      for (const bytes of ['', 'GET', 'GET /ready HTTP/1.1\r\n', halfPush]) {
        const connection = new RawConnection(port);
        connection.endWith(bytes);
        await connection.closed;
        equal(connection.text, '', JSON.stringify(bytes));
      }
      const whole = new RawConnection(port);
      whole.endWith('GET /ready HTTP/1.1\r\nHost: x\r\n\r\n');
      await whole.closed;
      ok(whole.text === '' || whole.text.startsWith('HTTP/1.1 200 OK'), whole.text);
    });
  });

  describe('clients that never stop', () => {
    const floods: [name: string, start: string, more: string][] = [
      ['chunks of a byte', 'POST /ingest?name=app&format=pprof HTTP/1.1', '1\r\nx\r\n'],
      ['chunks of a byte that nobody wants', 'POST /ready HTTP/1.1', '1\r\nx\r\n'],
      ['requests', 'GET /ready HTTP/1.1', 'GET /ready HTTP/1.1\r\nHost: x\r\n\r\n'],
    ];
    for (const [name, start, more] of floods) {
      test(`sending ${name} as fast as they can, are left by the server`, async () => {
        const connection = new RawConnection(port);
        const chunked = more.startsWith('GET') ? '' : 'Transfer-Encoding: chunked\r\n';
        connection.send(`${start}\r\nHost: x\r\nX-Scope-OrgID: acme\r\n${chunked}\r\n`);

        await connection.flood(Buffer.from(more.repeat(100_000)));
      });
    }
  });

  describe('clients that vanish', () => {
    test('in the middle of a body: the room that it took is given back', async () => {
      for (let i = 0; i < 50; i++) {
        const connection = new RawConnection(port);
        connection.send(halfPush);
        await connection.connected;
        connection.leave();
      }

      await until(async () => (await metricOf(client, 'kiln_http_body_in_flight_bytes')) === 0);
    });

    test('while their push is on its way: it is stored or not, and nothing else happens', async () => {
      const body = messageOf(good);
      for (let i = 0; i < 50; i++) {
        const connection = new RawConnection(port);
        connection.send(`POST ${PUSH} HTTP/1.1\r\nHost: x\r\nX-Scope-OrgID: acme\r\n${protoOf(body.length)}`);
        connection.send(body);
        await connection.connected;
        if (i % 2 === 0) await turn();
        connection.leave();
      }

      await until(async () => (await metricOf(client, 'kiln_http_requests_open')) === 1);
    });

    test('in the middle of an answer: the rest is thrown away', async () => {
      equal((await client.push({ ...LABELS, service_name: 'wide' }, wideProfile(16_000))).status, 200);
      const body = JSON.stringify({
        start: Date.now() - 600_000,
        end: Date.now() + 600_000,
        profileTypeID: CPU,
        labelSelector: '{service_name="wide"}',
        maxNodes: 1_000_000,
      });
      for (let i = 0; i < 10; i++) {
        const connection = new RawConnection(port);
        connection.send(`POST ${SELECT} HTTP/1.1\r\nHost: x\r\nX-Scope-OrgID: acme\r\n`);
        connection.send(`Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
        await connection.received(/^HTTP\/1\.1 200 OK/);
        connection.leave();
      }

      await until(async () => (await metricOf(client, 'kiln_http_answer_in_flight_bytes')) === 0);
      await until(async () => (await metricOf(client, 'kiln_http_requests_open')) === 1);
    });
  });

  describe('what is no HTTP', () => {
    const clientHello = Buffer.from('160301002f0100002b0303', 'hex');
    const nonsense: [name: string, bytes: string | Uint8Array][] = [
      ['a TLS handshake', Buffer.concat([clientHello, new Uint8Array(100)])],
      ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
      ['zeros', new Uint8Array(100_000)],
      ['a request without a path', 'GET  HTTP/1.1\r\nHost: x\r\n\r\n'],
      ['a header without an end', `GET /ready HTTP/1.1\r\nHost: ${'x'.repeat(200_000)}`],
      ['a length that is no number', 'POST /ingest?name=a HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\nabc'],
      ['a negative length', 'POST /ingest?name=a HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\nabc'],
      [
        'a chunk size that is no number',
        `POST /ingest?name=a HTTP/1.1\r\nHost: x\r\nX-Scope-OrgID: acme\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n`,
      ],
      [
        'a length and chunks at once',
        `POST /ingest?name=a HTTP/1.1\r\nHost: x\r\nX-Scope-OrgID: acme\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      ],
    ];
    for (const [name, bytes] of nonsense) {
      test(`${name}: refused, and the connection is closed`, async () => {
        const connection = new RawConnection(port);
        connection.send(bytes);

        await connection.closed;

        ok(connection.text === '' || /^HTTP\/1\.1 [45]\d\d /.test(connection.text), connection.text);
      });
    }

    test('random bytes on a hundred connections', async (t) => {
      const seed = runSeed();
      t.diagnostic(`seed ${seed}`);
      const random = new Random(seed);
      const connections = Array.from({ length: 100 }, () => new RawConnection(port));
      for (const connection of connections) connection.endWith(random.bytes(random.int(1, 5000)));

      await Promise.all(connections.map(({ closed }) => closed));
    });
  });

  test('a request that is sent before the one before it is answered is answered after it', async () => {
    const connection = new RawConnection(port);
    const ready = 'GET /ready HTTP/1.1\r\nHost: x\r\n\r\n';
    const missing = 'GET /missing HTTP/1.1\r\nHost: x\r\n\r\n';

    connection.send(ready + missing + ready);
    await connection.received(/200 OK.*404.*200 OK.*ready$/s);

    deepEqual(connection.text.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 404', 'HTTP/1.1 200']);
    connection.leave();
  });

  test('200 random bodies at once on each route are refused one by one', async (t) => {
    const seed = runSeed();
    t.diagnostic(`seed ${seed}`);
    const random = new Random(seed);
    const bodies = Array.from({ length: 200 }, () => random.bytes(random.int(10, 3000)));

    const pushes = bodies.map((body) => client.post(PUSH, body, PROTO));
    const profiles = bodies.map((body) => pushRaw(body));
    const compressed = bodies.map((body) => pushRaw(gzipSync(body)));
    const uploads = bodies.map((body) => ingestRaw(body));

    deepEqual(await statusesOf([...pushes, ...profiles, ...compressed]), [400]);
    deepEqual(await statusesOf(uploads), [422]);
  });
});

/** Half of a push, and nothing after it. */
const halfPush = `POST ${PUSH} HTTP/1.1\r\nHost: x\r\nX-Scope-OrgID: acme\r\n${protoOf(100_000)}abc`;

function protoOf(lengthBytes: number): string {
  return `Content-Type: application/proto\r\nContent-Length: ${lengthBytes}\r\n\r\n`;
}

function messageOf(profile: Uint8Array): Uint8Array {
  const labels = Object.entries(LABELS).map(([name, value]) => ({ name, value }));
  return pushProto([{ labels, profiles: [profile] }]);
}

/** As many stacks as samples, so that its flame graph does not fit into the buffers of a socket. */
function wideProfile(sampleCount: number): Uint8Array {
  const samples = Array.from({ length: sampleCount }, (_, i) => ({
    stack: `main;a_function_with_a_long_name_${i}`,
    v: [1],
  }));
  return pprof({ samples });
}

function refused(reply: Reply, status: number, code: string, words: RegExp): void {
  const text = reply.body.toString();
  equal(reply.status, status, text);
  const failure = JSON.parse(text) as { code: string; message: string };
  equal(failure.code, code, text);
  match(failure.message, words);
}

/** Each status once. */
async function statusesOf(replies: readonly Promise<Reply>[]): Promise<number[]> {
  const statuses = (await Promise.all(replies)).map(({ status }) => status);
  return [...new Set(statuses)].sort();
}

async function assertTakesPushes(client: KilnClient): Promise<void> {
  for (let i = 0; i < 5; i++) equal((await client.push(LABELS, good)).status, 200);
}

async function metricOf({ url }: KilnClient, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)`, 'm').exec(text)?.[1]);
}

/** Asks until it is so; a test that waits in vain is ended by its runner. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition()));
}

/** Lets sockets work. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

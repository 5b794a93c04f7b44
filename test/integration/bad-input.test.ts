import { equal, match, ok } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { afterEach, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { dashedSampleTypes, functionsOfOneFile } from '../fixtures/amplified-pprof.ts';
import { KilnClient, type Reply } from '../fixtures/kiln-client.ts';
import { encodePprof, plainPprof, pprof } from '../fixtures/pprof-builder.ts';
import { pushProto } from '../fixtures/push-message.ts';
import { Random } from '../fixtures/random.ts';
import { kilnOfSuite } from '../fixtures/suite-kiln.ts';

const CPU = 'process_cpu:cpu:nanoseconds:cpu:nanoseconds';
const labels = { __name__: 'process_cpu', service_name: 'bad' };
const good = pprof({ samples: [{ stack: 'main;work', v: [1] }] });

/** Bytes that a server must refuse, name, and survive. One process takes all of them. */
describe('bad input', () => {
  const kiln = kilnOfSuite(
    [
      '--auth.multitenancy-enabled=true',
      '--distributor.ingestion-body-limit-mb=8',
      '--distributor.ingestion-rate-limit-mb=1000',
      '--distributor.ingestion-burst-size-mb=1000',
    ],
    'tenant',
  );
  let goodPushes = 0;
  // The server goes on: after each of them it takes a push and finds it.
  afterEach(async () => {
    equal((await kiln.client.push({ ...labels, service_name: 'good' }, good)).status, 200);
    equal(await kiln.client.total('good', CPU), BigInt(++goodPushes));
  });

  const refused = (reply: Reply, status: number, code: string, words: RegExp): void => {
    const text = reply.body.toString();
    equal(reply.status, status, text);
    const { code: actual, message } = JSON.parse(text) as { code: string; message: string };
    equal(actual, code, text);
    match(message, words);
  };
  const pushRaw = (profile: Uint8Array, pairs: Record<string, string> = labels): Promise<Reply> => {
    const list = Object.entries(pairs).map(([name, value]) => ({ name, value }));
    const message = pushProto([{ labels: list, profiles: [profile] }]);
    return kiln.client.post('/push.v1.PusherService/Push', message, { 'content-type': 'application/proto' });
  };

  test('truncated gzip is 400 and says so', async () => {
    const body = gzipSync(good);
    refused(await pushRaw(body.subarray(0, body.length - 12)), 400, 'invalid_argument', /gzip data is cut off/);
  });

  test('a gzip bomb is 400 and names the limit, its value and what it says that it would be', async () => {
    const bomb = gzipSync(new Uint8Array(6 << 20));
    const reply = await pushRaw(bomb);
    refused(
      reply,
      400,
      'invalid_argument',
      /--validation.max-profile-size-bytes: limit 4194304 bytes \(4 MiB\), actual 6291456 bytes \(6 MiB\), as its gzip trailer says$/,
    );
  });

  for (const spyName of ['pyspy', 'rbspy', 'scripting']) {
    test(`a file of a megabyte that thousands of functions of ${spyName} name is 422 and names the limit`, async () => {
      const body = gzipSync(encodePprof(functionsOfOneFile(2000, 1_000_000)));
      const reply = await kiln.client.post(`/ingest?name=bad&format=pprof&spyName=${spyName}`, body, {});
      equal(reply.status, 422);
      match(reply.body.toString(), /fixup_name_bytes_max: limit 16777216 bytes \(16 MiB\), actual at least \d+ bytes/);
    });
  }

  test('more sample types of dotnetspy with one long name than there may be are 422 and name the limit', async () => {
    const body = gzipSync(encodePprof(dashedSampleTypes(1025, 1_000_000)));
    const reply = await kiln.client.post('/ingest?name=bad&format=pprof&spyName=dotnetspy', body, {});
    equal(reply.status, 422);
    match(reply.body.toString(), /sample_types_max: limit 1024, actual 1025/);
  });

  test('bytes that are neither gzip nor pprof are 400', async () => {
    const words = /cannot be decoded as pprof: .*; it looks like text/;
    refused(await pushRaw(Buffer.from('this is no profile at all')), 400, 'invalid_argument', words);
    refused(await pushRaw(gzipSync(gzipSync(good))), 400, 'invalid_argument', /it looks like gzip, compressed twice/);
  });

  for (const [what, search, body] of [
    ['a compressed pprof', '', gzipSync(good)],
    ['a compressed pprof', '&format=pprof', gzipSync(good)],
    ['a pprof', '&format=pprof', good],
    ['a recording', '&format=jfr', Buffer.from('FLR\0\0\x02\0\0')],
    ['folded text', '&format=groups', Buffer.from('main;work \n'.repeat(9))],
  ] as const) {
    test(`${what} that curl -d sent${search && ` with ${search.slice(1)}`} is 422 and says what curl does`, async () => {
      const form = { 'content-type': 'application/x-www-form-urlencoded' };
      const words =
        /; it came as a form \(application\/x-www-form-urlencoded\): curl's -d takes .*--data-binary does not$/;
      const stripped = Buffer.from(body.filter((byte) => byte !== 0 && byte !== 10 && byte !== 13));
      refused(await kiln.client.post(`/ingest?name=bad${search}`, stripped, form), 422, 'unknown', words);
      const sentOtherwise = await kiln.client.post(`/ingest?name=bad${search}`, stripped, {});
      refused(sentOtherwise, 422, 'unknown', /^((?!as a form).)*$/);
    });
  }

  test('a compressed profile that curl -d sent, whose last bytes say any size, is 422 and says what curl does', async () => {
    const body = Buffer.from(gzipSync(new Random(3).bytes(20_000)).filter((byte) => ![0, 10, 13].includes(byte)));
    body.writeUInt32LE(0x0101_0101, body.length - 4);
    const reply = await kiln.client.post('/ingest?name=bad&format=pprof', body, {
      'content-type': 'application/x-www-form-urlencoded',
    });
    const words =
      /actual 16843009 bytes \(16.06 MiB\) uncompressed, as gzip trailers say; it came as a form .*--data-binary does not$/;
    refused(reply, 422, 'unknown', words);
  });

  test('what can be read is taken, though it came as a form: --data-binary says so too', async () => {
    for (const format of ['pprof', 'groups']) {
      const body = format === 'pprof' ? gzipSync(good) : 'main;work 3\n';
      const reply = await kiln.client.post(`/ingest?name=form&format=${format}`, body, {
        'content-type': 'application/x-www-form-urlencoded',
      });
      equal(reply.status, 200, reply.body.toString());
    }
  });

  test('folded text whose lines curl -d ran together is 422, and as one line of its own it is taken', async () => {
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const words =
      /as groups: its lines run together: behind the count 3 its root "main" begins again; .*; it came as a form .*--data-binary does not$/;
    refused(await kiln.client.post('/ingest?name=joined', 'main;work 3main;idle 2', form), 422, 'unknown', words);
    for (const [search, body, headers] of [
      ['', 'main;work 3', form],
      ['', 'main;work 3main;idle 2\n', form],
      ['', 'main;work 3main;idle 2', {}],
      ['&format=lines', 'main;work 3main;idle 2', form],
    ] as const) {
      const reply = await kiln.client.post(`/ingest?name=joined${search}`, body, headers);
      equal(reply.status, 200, reply.body.toString());
    }
  });

  test('a push and an OTLP message that curl -d sent are 415 and say what curl does', async () => {
    for (const path of ['/push.v1.PusherService/Push', '/v1development/profiles']) {
      const reply = await kiln.client.post(path, good, { 'content-type': 'application/x-www-form-urlencoded' });
      equal(reply.status, 415);
      match(
        reply.body.toString(),
        /not spoken here; these are: .*\. curl sends it unless -H .*--data-binary does not\n$/,
      );
    }
  });

  test('a pprof, gzip or text in place of a message is 400 and says what it looks like', async () => {
    for (const [path, contentType] of [
      ['/push.v1.PusherService/Push', 'application/proto'],
      ['/push.v1.PusherService/Push', 'application/json'],
      ['/v1development/profiles', 'application/x-protobuf'],
      ['/v1development/profiles', 'application/json'],
    ] as const) {
      for (const [body, words] of [
        [good, /message.*; it looks like pprof, which \/ingest takes with format=pprof/],
        [gzipSync(good), /message.*; it looks like gzip, compressed twice or sent without saying so/],
        [
          Buffer.from('main;work 3\n'),
          contentType === 'application/json' ? /message/ : /message.*; it looks like text/,
        ],
      ] as const) {
        const reply = await kiln.client.post(path, body, { 'content-type': contentType });
        equal(reply.status, 400);
        match(reply.body.toString(), words);
      }
    }
  });

  test('a colon in a part of the profile type, which nobody could ask for, is refused and named', async () => {
    const odd = pprof({ types: ['cpu:x/nano:seconds'], samples: [{ stack: 'a;b', v: [1] }] });
    const words = /the name of sample type "cpu:x" has a ":", which divides the parts of a profile type/;
    refused(await pushRaw(odd), 400, 'invalid_argument', words);
    refused(await pushRaw(good, { ...labels, __name__: 'a:b' }), 400, 'invalid_argument', /"__name__" is "a:b"/);
    refused(await kiln.client.ingest('bad', odd), 422, 'unknown', words);
  });

  test('an empty profile is 400', async () => {
    refused(await pushRaw(new Uint8Array(0)), 400, 'invalid_argument', /too few/);
  });

  test('a string index out of range is 400, with the index and the number of strings', async () => {
    const profile = plainPprof({ samples: [{ stack: 'main;work', v: [1] }] });
    const functions = profile.functions.map((fn) => ({ ...fn, name: 4711n }));
    const reply = await pushRaw(encodePprof({ ...profile, functions }));
    refused(reply, 400, 'invalid_argument', /string 4711, and there are \d+ strings/);
  });

  test('a sample of a location that does not exist is left out, as pprof leaves it out', async () => {
    const profile = plainPprof({
      samples: [
        { stack: 'main;work', v: [3] },
        { stack: 'main', v: [5] },
      ],
    });
    const samples = profile.samples.map((s, i) => (i === 0 ? { ...s, locationIds: [99n] } : s));
    equal((await pushRaw(encodePprof({ ...profile, samples }), { ...labels, service_name: 'ids' })).status, 200);
    equal(await kiln.client.total('ids', CPU), 5n);
  });

  test('a stack of 10^6 frames is cut at its leaf side', async () => {
    const profile = plainPprof({ samples: [{ stack: 'main;work', v: [9] }] });
    const [leaf, root] = profile.samples[0].locationIds;
    const locationIds = [...new Array<bigint>(1_000_000).fill(leaf), root];
    const deep = encodePprof({ ...profile, samples: [{ ...profile.samples[0], locationIds }] });
    equal((await pushRaw(gzipSync(deep), { ...labels, service_name: 'deep' })).status, 200);
    equal((await kiln.client.flamegraph('deep', CPU)).levels, 1001);
  });

  for (const path of ['/push.v1.PusherService/Push', '/querier.v1.QuerierService/SelectSeries']) {
    test(`deeply nested JSON on ${path} is 400`, async () => {
      const body = `${'{"a":'.repeat(40_000)}1${'}'.repeat(40_000)}`;
      const reply = await kiln.client.post(path, body, { 'content-type': 'application/json' });
      refused(reply, 400, 'invalid_argument', /./);
    });
  }

  test('a content type that is not spoken is 415 and lists those that are', async () => {
    const reply = await kiln.client.post('/push.v1.PusherService/Push', good, { 'content-type': 'text/plain' });
    equal(reply.status, 415);
    match(reply.headers.get('accept-post') ?? '', /application\/proto/);
  });

  test('an oversized body is 413 on /ingest and 429 on Push, and names limit and size', async () => {
    const large = new Uint8Array(9 << 20).fill(65);
    const ingest = await kiln.client.post('/ingest?name=app&format=pprof', large);
    refused(
      ingest,
      413,
      'invalid_argument',
      /the body is larger than --distributor.ingestion-body-limit-mb: limit 8388608 bytes/,
    );
    refused(await pushRaw(large), 429, 'resource_exhausted', /8388608/);
  });

  test('a missing tenant is 401, and so is one that cannot be', async () => {
    const nobody = new KilnClient(kiln.client.url);
    refused(await nobody.push(labels, good), 401, 'unauthenticated', /no org id/);
    const { status } = await nobody.post('/push.v1.PusherService/Push', '{}', {
      'content-type': 'application/json',
      'x-scope-orgid': 'a/../b',
    });
    equal(status, 401);
  });

  test('200 bodies of random bytes at once are refused one by one', async () => {
    const random = new Random(7);
    const bodies = Array.from({ length: 200 }, () =>
      Uint8Array.from({ length: random.int(0, 2000) }, () => random.int(0, 255)),
    );
    const statuses = await Promise.all(
      bodies.map(async (body) => (await kiln.client.post('/push.v1.PusherService/Push', body, PROTO)).status),
    );
    ok(
      statuses.every((status) => status === 400),
      [...new Set(statuses)].join(),
    );
  });

  test('clients that vanish in the middle of a body leave nothing behind', async () => {
    const { hostname, port } = new URL(kiln.client.url);
    for (let i = 0; i < 20; i++) {
      await new Promise<void>((resolve) => {
        const socket = connect(Number(port), hostname, () => {
          socket.write('POST /ingest?name=app&format=pprof HTTP/1.1\r\nHost: x\r\nX-Scope-OrgID: tenant\r\n');
          socket.write('Content-Length: 100000\r\n\r\nabc', () => socket.destroy());
        });
        socket.on('close', () => resolve());
      });
    }
    // The server may learn that the last one left after it is asked, and holds the three bytes until then.
    let held: string[];
    do {
      const metrics = (await (await fetch(`${kiln.client.url}/metrics`)).text()).split('\n');
      held = metrics.filter((line) => /^kiln_http_.*body.*bytes /.test(line));
      ok(held.length > 0);
    } while (held.some((line) => !line.endsWith(' 0')));
  });

  test('garbage instead of HTTP closes the connection and nothing else', async () => {
    const { hostname, port } = new URL(kiln.client.url);
    await new Promise<void>((resolve) => {
      const socket = connect(Number(port), hostname, () => socket.write(new Uint8Array(5000).fill(0xfe)));
      socket.on('error', () => {});
      socket.on('close', () => resolve());
      socket.resume();
    });
  });

  test('none of it made the process grow', () => {
    const pid = kiln.pid;
    const peakKb = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
    ok(peakKb < 600 * 1024, `peak ${peakKb} KB`);
  });
});

const PROTO = { 'content-type': 'application/proto' };

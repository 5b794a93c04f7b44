import { deepEqual, equal, match } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { StoreError } from '#src/domain/errors.ts';
import type { TimeRange } from '#src/domain/model/units.ts';
import { undecodableUpload } from '#src/domain/upload/upload.ts';
import { type Fixture, fetchFrom, metricOf, type Response, refusalsOf, startServer } from './http-fixture.ts';

function ingest(fixture: Fixture, search: string, body: string | Uint8Array, contentType = ''): Promise<Response> {
  return fetchFrom(fixture, `/ingest?${search}`, { body, headers: contentType ? { 'content-type': contentType } : {} });
}

function form(parts: Readonly<Record<string, string>> | readonly (readonly [name: string, data: string])[]): string {
  let text = '';
  for (const [name, data] of Array.isArray(parts) ? parts : Object.entries(parts)) {
    text += `--b\r\nContent-Disposition: form-data; name="${name}"; filename="${name}.bin"\r\n\r\n${data}\r\n`;
  }
  return `${text}--b--\r\n`;
}

const FORM = 'multipart/form-data; boundary=b';

/** A part without a filename, to stand before others. */
function fieldPart(name: string, data: string): string {
  return `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${data}\r\n`;
}

function pushedBy(fixture: Fixture) {
  return fixture.push.profiles.map(({ tenant, labels, profile, ingest }) => ({
    tenant,
    labels: labels.map(({ name, value }) => `${name}=${value}`).join(),
    profile: Buffer.from(profile).toString(),
    ingest,
  }));
}

describe('POST /ingest', () => {
  test('pushes a raw pprof with the labels of its name', async (t) => {
    const fixture = await startServer(t);

    const response = await ingest(
      fixture,
      'name=app.one%7Benv=p%7D&format=pprof&spyName=gospy&from=1700000000',
      'pprof',
    );

    equal(response.status, 200);
    equal(response.body.length, 0);
    equal(await metricOf(fixture, 'kiln_http_body_in_flight_bytes'), 0);
    deepEqual(pushedBy(fixture), [
      {
        tenant: 'acme',
        labels: '__delta__=false,pyroscope_spy=gospy,env=p,service_name=app.one',
        profile: 'pprof',
        ingest: { spyName: 'gospy', fromNanos: 1_700_000_000_000_000_000n, displayNames: undefined },
      },
    ]);
  });

  test('takes service_name from the name, and now for the time, when they are there and not', async (t) => {
    const fixture = await startServer(t);

    await fetchFrom(fixture, '/pyroscope/ingest?name=three{service_name=given}&format=pprof', { body: 'x' });

    const [pushed] = pushedBy(fixture);
    equal(pushed?.labels, '__delta__=false,pyroscope_spy=unknown,service_name=given');
    equal(pushed?.ingest?.fromNanos, BigInt(fixture.clock.now()) * 1_000_000n);
  });

  test('takes any UTF-8 for a value, U+FFFD too where somebody sends it', async (t) => {
    const fixture = await startServer(t);

    for (const value of ['%C3%A9', '%EF%BF%BD']) {
      equal((await ingest(fixture, `name=a{b=${value}}&format=pprof`, 'x')).status, 200);
    }

    deepEqual(
      pushedBy(fixture).map(({ labels }) => labels.split(',')[2]),
      ['b=é', 'b=\ufffd'],
    );
  });

  test('takes pprof and its configuration out of a form, also with format=pprof', async (t) => {
    const fixture = await startServer(t);
    const body = form({ profile: 'bytes', sample_type_config: '{"x":{"display-name":"y"}}', prev_profile: '' });

    for (const search of ['name=a', 'name=a&format=pprof']) {
      equal((await ingest(fixture, search, body, FORM)).status, 200);
    }

    for (const { profile, ingest } of pushedBy(fixture)) {
      equal(profile, 'bytes');
      deepEqual(ingest?.displayNames, { x: 'y' });
    }
    equal(fixture.push.profiles.length, 2);
  });

  test('takes parts without a filename too', async (t) => {
    const fixture = await startServer(t);
    const fields = fieldPart('profile', 'field') + fieldPart('sample_type_config', '{"x":{"display-name":"y"}}');

    equal((await ingest(fixture, 'name=a', `${fields}--b--`, FORM)).status, 200);

    deepEqual(
      pushedBy(fixture).map(({ profile, ingest }) => [profile, ingest?.displayNames]),
      [['field', { x: 'y' }]],
    );
  });

  test('stores nothing, and is content, when there is no profile', async (t) => {
    const fixture = await startServer(t);

    equal((await ingest(fixture, 'name=a&format=pprof', '')).status, 200);
    equal((await ingest(fixture, 'name=a', form({ profile: '' }), FORM)).status, 200);
    equal((await ingest(fixture, 'name=a', form({ sample_type_config: '{}' }), FORM)).status, 200);
    equal((await ingest(fixture, 'name=a', form({ other: '' }), FORM)).status, 200);
    equal((await ingest(fixture, 'name=a', form({ profile: '', sample_type_config: '{}' }), FORM)).status, 200);
    equal(fixture.push.profiles.length, 0);
  });

  test('does not look at Content-Encoding', async (t) => {
    const fixture = await startServer(t);
    const body = gzipSync('pprof');

    await fetchFrom(fixture, '/ingest?name=a&format=pprof', { body, headers: { 'content-encoding': 'gzip' } });

    deepEqual(Buffer.from(fixture.push.profiles[0]?.profile ?? []), body);
  });

  for (const [problem, search, body, contentType, status, code] of [
    ['a missing name', 'format=pprof', 'x', '', 400, 'invalid_argument'],
    ['a bad name', 'name=a%20b&format=pprof', 'x', '', 400, 'invalid_argument'],
    ['a tag that is not UTF-8', 'name=a{b=%ff}&format=pprof', 'x', '', 400, 'invalid_argument'],
    ['an agent that is not UTF-8', 'name=a&spyName=%C3&format=lines', 'x', '', 400, 'invalid_argument'],
    ['a previous profile', 'name=a', form({ profile: 'x', prev_profile: 'y' }), FORM, 422, 'unknown'],
    ['one in a field', 'name=a', fieldPart('prev_profile', 'y') + form({ profile: 'x' }), FORM, 422, 'unknown'],
    ['a file that is no profile', 'name=a', form({ file: 'x' }), FORM, 422, 'unknown'],
    ['JFR that is not called so', 'name=a', form({ jfr: 'FLR' }), FORM, 422, 'unknown'],
    ['JFR beside an empty profile', 'name=a', form({ profile: '', jfr: 'FLR' }), FORM, 422, 'unknown'],
    ['two profiles', 'name=a', form([...['x', 'y'].map((data) => ['profile', data] as const)]), FORM, 422, 'unknown'],
    ['a bad configuration', 'name=a', form({ profile: 'x', sample_type_config: '{bad' }), FORM, 422, 'unknown'],
    ['a form that is none', 'name=a', '--x', FORM, 422, 'unknown'],
    ['a form without a boundary', 'name=a', '--x', 'multipart/form-data', 422, 'unknown'],
    ['JFR in a form without it', 'name=a&format=jfr', form({ other: 'x' }), FORM, 422, 'unknown'],
    ['a profile beside empty JFR', 'name=a&format=jfr', form({ jfr: '', profile: 'x' }), FORM, 422, 'unknown'],
  ] as const) {
    test(`refuses ${problem} with ${status} ${code}`, async (t) => {
      const fixture = await startServer(t);

      const response = await ingest(fixture, search, body, contentType);

      equal(response.status, status);
      equal(response.headers['content-type'], 'application/json');
      equal(JSON.parse(response.body.toString()).code, code);
      equal(fixture.push.profiles.length + fixture.push.uploads.length, 0);
    });
  }

  test('says which part of a form it found instead of a profile', async (t) => {
    const fixture = await startServer(t);
    const messageFor = async (parts: Parameters<typeof form>[0], search = 'name=a'): Promise<string> =>
      JSON.parse((await ingest(fixture, search, form(parts), FORM)).body.toString()).message;

    equal(await messageFor({ file: 'x' }), 'the form has no part "profile", but one called "file"');
    match(await messageFor({ jfr: 'FLR' }), /"jfr"; a recording needs format=jfr$/);
    match(await messageFor({ profile: '', jfr: 'FLR' }), /^the form has an empty part "profile", but one called "jfr"/);
    match(await messageFor({ profile: 'x' }, 'name=a&format=jfr'), /"profile"; a pprof needs format=pprof, or none$/);
    match(
      await messageFor({ profile: 'FLR\0' }, 'name=a&format=jfr'),
      /"profile"; it is a recording: send it as part "jfr"/,
    );
  });

  test('refuses a profile and a recording in one form, of which one would be lost', async (t) => {
    const fixture = await startServer(t);
    const messageFor = async (search: string): Promise<string> =>
      JSON.parse((await ingest(fixture, search, form({ profile: 'x', jfr: 'FLR' }), FORM)).body.toString()).message;

    const message = 'the form has a part "profile", and one called "jfr", which must be sent by itself';
    equal(await messageFor('name=a'), `${message}; a recording needs format=jfr`);
    match(
      await messageFor('name=a&format=jfr'),
      /a part "jfr", and one called "profile".*needs format=pprof, or none$/,
    );
    equal((await ingest(fixture, 'name=a', form({ profile: 'x', note: 'y', jfr: '' }), FORM)).status, 200);
  });

  test('refuses a form of a format that comes in none, instead of reading it as one', async (t) => {
    const fixture = await startServer(t);
    for (const format of ['lines', 'tree', 'trie', 'speedscope']) {
      const { status, body } = await ingest(fixture, `name=a&format=${format}`, form({ profile: 'a;b' }), FORM);

      equal(status, 422);
      match(body.toString(), /it is a form, and only pprof and jfr come in one/);
    }
  });

  test('takes what is there of several parts with one name, and refuses to choose', async (t) => {
    const fixture = await startServer(t);
    const twice = (name: string, ...all: string[]) => all.map((data) => [name, data] as const);
    const messageFor = async (search: string, parts: Parameters<typeof form>[0]): Promise<string> =>
      JSON.parse((await ingest(fixture, search, form(parts), FORM)).body.toString()).message;

    equal((await ingest(fixture, 'name=a', form(twice('profile', '', 'x', '')), FORM)).status, 200);
    equal((await ingest(fixture, 'name=a&format=jfr', form(twice('jfr', '', 'x')), FORM)).status, 200);

    deepEqual(
      [...fixture.push.profiles.map(({ profile }) => profile), ...fixture.push.uploads.map(({ body }) => body)].map(
        String,
      ),
      ['x', 'x'].map((text) => String(Buffer.from(text))),
    );
    const message = 'the form has 2 parts called "profile", the limit is 1';
    equal(await messageFor('name=a', twice('profile', 'x', 'y')), message);
    match(await messageFor('name=a&format=jfr', twice('jfr', 'x', 'y')), /2 parts called "jfr"/);
    const fieldAndFile = await ingest(fixture, 'name=a', fieldPart('profile', 'field') + form({ profile: 'x' }), FORM);
    match(fieldAndFile.body.toString(), /2 parts called \\"profile\\"/);
    match(await messageFor('name=a', [['profile', 'x'], ...twice('sample_type_config', '{}', '{}')]), /_config"/);
  });

  for (const [failure, status, code] of [
    [new StoreError('invalid-argument', 'text'), 422, 'unknown'],
    [new StoreError('limit-exceeded', 'text'), 429, 'resource_exhausted'],
    [new StoreError('unavailable', 'text'), 503, 'unavailable'],
    [new StoreError('deadline-exceeded', 'text'), 504, 'deadline_exceeded'],
    [new TypeError('secret'), 500, 'unknown'],
  ] as const) {
    test(`answers ${status} ${code} when the push fails with ${'code' in failure ? failure.code : 'a bug'}`, async (t) => {
      const fixture = await startServer(t);
      fixture.push.work = () => Promise.reject(failure);

      const response = await ingest(fixture, 'name=a&format=pprof', 'x');

      equal(response.status, status);
      equal(response.headers['x-content-type-options'], 'nosniff');
      const message = status === 500 ? 'internal error' : 'text';
      equal(response.body.toString(), `{"code":"${code}","message":"${message}"}\n`);
    });
  }

  test('says when to come again, if that is known', async (t) => {
    const fixture = await startServer(t);
    fixture.push.work = () => Promise.reject(new StoreError('limit-exceeded', 'slow', { retryAfterMs: 2001 }));
    const { status, headers } = await ingest(fixture, 'name=a&format=pprof', 'x');
    deepEqual([status, headers['retry-after']], [429, '3']);
  });

  test('hands over what is not pprof, with all that the request says', async (t) => {
    const fixture = await startServer(t);
    const search =
      'name=shop.cpu{a=b}&from=1700000000&until=1700000010&sampleRate=50&spyName=x&units=u&aggregationType=y';

    for (const [format, type] of [
      ['', ''],
      ['&format=lines', ''],
      ['&format=speedscope', ''],
      ['', 'binary/octet-stream+tree'],
      ['&format=trie', FORM],
      ['&format=jfr', ''],
    ] as const) {
      equal((await ingest(fixture, `${search}${format}`, 'body', type)).status, 200);
    }

    const [first] = fixture.push.uploads;
    deepEqual(
      { ...first, body: Buffer.from(first?.body ?? []).toString() },
      {
        ...{ tenant: 'acme', format: 'groups', body: 'body', fromForm: false, jfrLabels: undefined },
        ...{ app: 'shop.cpu', tags: [{ name: 'a', value: 'b' }], spyName: 'x', sampleRate: 50 },
        ...{ fromNanos: 1_700_000_000_000_000_000n, untilNanos: 1_700_000_010_000_000_000n },
      },
    );
    deepEqual(
      fixture.push.uploads.map(({ format, fromForm }) => `${format} ${fromForm}`),
      ['groups false', 'lines false', 'speedscope false', 'tree false', 'trie false', 'jfr false'],
    );
  });

  test('takes a recording and its labels out of a form', async (t) => {
    const fixture = await startServer(t);

    for (const parts of [{ jfr: 'FLR', labels: 'snapshot' }, { jfr: '' }] as Record<string, string>[]) {
      equal((await ingest(fixture, 'name=a&format=jfr', form(parts), FORM)).status, 200);
    }

    deepEqual(
      fixture.push.uploads.map(({ body, jfrLabels, fromForm }) => [
        Buffer.from(body).toString(),
        jfrLabels && Buffer.from(jfrLabels).toString(),
        fromForm,
      ]),
      [
        ['FLR', 'snapshot', true],
        ['', undefined, true],
      ],
    );
  });

  const undecodable = undecodableUpload('groups', 'line 1 has no number');
  for (const [format, error, status, code] of [
    ['groups', undecodable, 422, 'unknown'],
    ['tree', undecodable, 422, 'unknown'],
    ['speedscope', undecodable, 422, 'unknown'],
    ['groups', new StoreError('invalid-argument', 'refused'), 400, 'invalid_argument'],
    ['lines', new StoreError('invalid-argument', 'refused'), 400, 'invalid_argument'],
    ['speedscope', new StoreError('invalid-argument', 'refused'), 422, 'unknown'],
    ['jfr', new StoreError('invalid-argument', 'refused'), 422, 'unknown'],
    ['trie', new StoreError('limit-exceeded', 'slower'), 429, 'resource_exhausted'],
    ['jfr', new StoreError('limit-exceeded', 'slower'), 429, 'resource_exhausted'],
    ['groups', new StoreError('unavailable', 'later'), 503, 'unavailable'],
    ['speedscope', new StoreError('unavailable', 'later'), 503, 'unavailable'],
    ['groups', new StoreError('corrupted', 'broken'), 500, 'unknown'],
    ['groups', new Error('bug'), 500, 'unknown'],
  ] as const) {
    test(`tells that ${format} failed with ${error.message} as ${status} ${code}`, async (t) => {
      const fixture = await startServer(t);
      fixture.push.work = () => Promise.reject(error);

      const response = await ingest(fixture, `name=a&format=${format}`, 'x');

      equal(response.status, status);
      equal(JSON.parse(response.body.toString()).code, code);
      equal(fixture.bugs.length, error instanceof StoreError ? 0 : 1);
    });
  }

  test('says of a body that cannot be read what was not looked at: no format, a coding', async (t) => {
    const fixture = await startServer(t);
    fixture.push.work = () => Promise.reject(undecodable);
    const messageFor = async (search: string, headers: Record<string, string>): Promise<string> =>
      JSON.parse((await fetchFrom(fixture, `/ingest?name=a${search}`, { body: 'x', headers })).body.toString()).message;

    equal(await messageFor('&format=groups', {}), undecodable.message);
    match(await messageFor('', {}), /no number; the request has no format, so that it was taken for folded text/);
    match(
      await messageFor('&format=tree', { 'content-encoding': 'gzip' }),
      /no number; Content-Encoding is not looked at/,
    );
  });

  for (const tenant of [null, 'a b', 'a|b']) {
    test(`refuses tenant ${tenant} with 401`, async (t) => {
      const response = await fetchFrom(await startServer(t), '/ingest?name=a&format=pprof', { body: 'x', tenant });

      equal(response.status, 401);
      equal(JSON.parse(response.body.toString()).code, 'unauthenticated');
    });
  }

  test('refuses other methods with a 405 that names the right one', async (t) => {
    const response = await fetchFrom(await startServer(t), '/ingest?name=a', { method: 'PUT', body: 'x' });

    equal(response.status, 405);
    equal(response.headers.allow, 'POST');
    equal(response.headers['content-type'], 'text/plain; charset=utf-8');
    equal(response.body.toString(), 'the method "PUT" is not taken here; these are: POST\n');
  });

  test('refuses a body over the limit with 413', async (t) => {
    const fixture = await startServer(t, { ingestionBodyBytesMax: 10 });

    equal((await ingest(fixture, 'name=a&format=pprof', 'x'.repeat(10))).status, 200);
    const response = await ingest(fixture, 'name=a&format=pprof', 'x'.repeat(11));

    equal(response.status, 413);
    equal(JSON.parse(response.body.toString()).code, 'invalid_argument');
    equal(await refusalsOf(fixture, 'body_limit'), 1);
  });
});

const CPU = 'process_cpu:cpu:nanoseconds:cpu:nanoseconds';

function get(
  fixture: Fixture,
  path: string,
  parameters: Readonly<Record<string, string>>,
  headers = {},
): Promise<Response> {
  return fetchFrom(fixture, `${path}?${new URLSearchParams(parameters)}`, { headers });
}

describe('GET /pyroscope/render', () => {
  test('asks the querier, and answers its JSON', async (t) => {
    const fixture = await startServer(t);
    fixture.querier.work = async () => '{"version":1}';
    const search = `query=${CPU}{a%3D"b"}&from=1700000000&until=1700000060&maxNodes=5&max-nodes=6&groupBy=a&groupBy=b`;

    const response = await fetchFrom(fixture, `/pyroscope/render?${search}`);

    equal(response.status, 200);
    equal(response.headers['content-type'], 'application/json');
    equal(response.body.toString(), '{"version":1}');
    deepEqual(fixture.querier.calls, [
      {
        method: 'render',
        tenants: ['acme'],
        request: {
          profileTypeId: CPU,
          labelSelector: '{a="b"}',
          startMs: 1_700_000_000_000,
          endMs: 1_700_000_060_000,
          maxNodes: 5,
          groupBy: ['a', 'b'],
        },
        wire: { codec: 'render', gzip: false },
      },
    ]);
  });

  test('takes now for both times, and the default for nodes that are no number', async (t) => {
    const fixture = await startServer(t);

    for (const nodes of ['', '0', 'x', '1.5']) await get(fixture, '/pyroscope/render', { query: CPU, maxNodes: nodes });
    await get(fixture, '/pyroscope/render', { query: CPU, 'max-nodes': '-1' });

    const nowMs = fixture.clock.now();
    deepEqual(
      fixture.querier.calls.map(({ request }) => (request as { maxNodes?: number }).maxNodes),
      [undefined, undefined, undefined, undefined, -1],
    );
    const { startMs, endMs } = fixture.querier.calls.map(({ request }) => request as TimeRange)[0] as TimeRange;
    deepEqual([startMs, endMs], [nowMs, nowMs]);
  });

  for (const query of ['', '{}', '{service_name="s"}', 'a:b{}', `${CPU}{`, 'process_cpu{}']) {
    test(`refuses the query ${JSON.stringify(query)} with 400`, async (t) => {
      const response = await get(await startServer(t), '/pyroscope/render', { query });

      equal(response.status, 400);
      equal(JSON.parse(response.body.toString()).code, 'invalid_argument');
    });
  }

  test('says that DOT is not implemented, and refuses other methods with 405', async (t) => {
    const fixture = await startServer(t);

    equal((await get(fixture, '/pyroscope/render', { query: CPU, format: 'dot' })).status, 501);
    const post = await fetchFrom(fixture, '/pyroscope/render', { method: 'POST' });
    equal(post.status, 405);
    equal(post.headers.allow, 'GET');
    equal(post.body.toString(), 'the method "POST" is not taken here; these are: GET\n');
  });

  for (const [tenant, status] of [
    [null, 401],
    ['a b', 400],
    ['a|b', 200],
    ['|', 200],
  ] as const) {
    test(`answers ${status} to tenant ${tenant}`, async (t) => {
      equal((await fetchFrom(await startServer(t), `/pyroscope/render?query=${CPU}`, { tenant })).status, status);
    });
  }

  test('compresses from 1400 bytes on, for clients that give gzip a weight', async (t) => {
    const fixture = await startServer(t);
    for (const [length, encoding, compressed] of [
      [1399, 'gzip', false],
      [1400, 'gzip', true],
      [1400, 'gzip;q=0.5', true],
      [1400, 'gzip;q=0', false],
      [100_000, 'br', false],
    ] as const) {
      fixture.querier.work = async () => 'x'.repeat(length);

      const response = await get(fixture, '/pyroscope/render', { query: CPU }, { 'accept-encoding': encoding });

      equal(response.headers['content-encoding'], compressed ? 'gzip' : undefined, `${length} ${encoding}`);
      equal(response.headers.vary, 'Accept-Encoding');
      equal((compressed ? gunzipSync(response.body) : response.body).length, length);
    }
  });

  test('says when an answer misses objects', async (t) => {
    const fixture = await startServer(t);
    fixture.querier.missingObjects = 1;

    const { headers } = await get(fixture, '/pyroscope/render', { query: CPU });

    equal(headers['x-kiln-partial'], 'missing-objects=1');
  });

  test('tells failures by their code', async (t) => {
    const fixture = await startServer(t);
    fixture.querier.work = () => Promise.reject(new StoreError('invalid-argument', 'too many nodes'));

    const response = await get(fixture, '/pyroscope/render', { query: CPU });

    equal(response.status, 400);
    equal(response.body.toString(), '{"code":"invalid_argument","message":"too many nodes"}');
  });
});

describe('GET /pyroscope/render-diff', () => {
  test('asks for both sides', async (t) => {
    const fixture = await startServer(t);

    const response = await get(fixture, '/pyroscope/render-diff', {
      leftQuery: `${CPU}{a="l"}`,
      leftFrom: '1',
      leftUntil: '2',
      rightQuery: `${CPU}{a="r"}`,
      rightFrom: '3',
      rightUntil: '4',
      maxNodes: '9',
    });

    equal(response.status, 200);
    const common = { profileTypeId: CPU, maxNodes: 9 };
    deepEqual(fixture.querier.calls[0]?.request, {
      left: { ...common, labelSelector: '{a="l"}', startMs: 1000, endMs: 2000 },
      right: { ...common, labelSelector: '{a="r"}', startMs: 3000, endMs: 4000 },
    });
  });

  for (const [leftQuery, rightQuery] of [
    [CPU, 'memory:a:b:c:d{}'],
    [CPU, ''],
    ['', CPU],
  ] as const) {
    test(`refuses "${leftQuery}" beside "${rightQuery}"`, async (t) => {
      equal((await get(await startServer(t), '/pyroscope/render-diff', { leftQuery, rightQuery })).status, 400);
    });
  }
});

describe('GET /pyroscope/label-values', () => {
  test('lists the profile types of the last hour, and null when there are none', async (t) => {
    const fixture = await startServer(t);
    const list = async () => (await get(fixture, '/pyroscope/label-values', { label: '__name__' })).body.toString();

    equal(await list(), 'null');
    fixture.querier.work = async () => `{"profileTypes":[{"ID":"${CPU}","name":"process_cpu"}]}`;
    equal(await list(), `["${CPU}"]`);
    deepEqual(fixture.querier.calls[0]?.request, { startMs: 0, endMs: 0 });
  });

  for (const label of ['', 'service_name']) {
    test(`refuses label "${label}"`, async (t) => {
      equal((await get(await startServer(t), '/pyroscope/label-values', { label })).status, 400);
    });
  }
});

describe('other routes', () => {
  test('/ready tells what is missing', async (t) => {
    const fixture = await startServer(t);

    equal((await fetchFrom(fixture, '/ready', { tenant: null })).body.toString(), 'ready');
    fixture.readiness = { ready: false, reason: 'the metastore has no leader' };
    const response = await fetchFrom(fixture, '/ready');

    equal(response.status, 503);
    equal(response.body.toString(), 'the metastore has no leader');
    const post = await fetchFrom(fixture, '/ready', { method: 'POST' });
    equal(post.status, 405);
    equal(post.headers.allow, 'GET, HEAD');
    equal(post.body.toString(), 'the method "POST" is not taken here; these are: GET, HEAD\n');
  });

  test('/metrics speaks both formats, and counts requests by route and status', async (t) => {
    const fixture = await startServer(t);
    await fetchFrom(fixture, '/ready');
    await fetchFrom(fixture, '/some/where');

    const text = await fetchFrom(fixture, '/metrics');
    const open = await fetchFrom(fixture, '/metrics', {
      headers: { accept: 'application/openmetrics-text; version=1.0.0' },
    });

    match(text.headers['content-type'] ?? '', /^text\/plain/);
    match(text.body.toString(), /kiln_http_request_duration_seconds_count\{route="\/ready",status="200"\} 1/);
    match(text.body.toString(), /kiln_http_request_duration_seconds_count\{route="unknown",status="404"\} 1/);
    match(open.headers['content-type'] ?? '', /^application\/openmetrics-text/);
    match(open.body.toString(), /# EOF/);
    match((await fetchFrom(fixture, '/metrics')).headers['content-type'] ?? '', /^text\/plain/);
  });

  test('/ is the page, /assets its files, and nothing else is served', async (t) => {
    const fixture = await startServer(t);

    const page = await fetchFrom(fixture, '/', { tenant: null, headers: { 'accept-encoding': 'gzip' } });
    equal(page.headers['content-type'], 'text/html; charset=utf-8');
    match(gunzipSync(page.body).toString(), /<title>page/);
    const script = await fetchFrom(fixture, '/assets/app.js', { headers: { 'accept-encoding': 'gzip' } });
    equal(script.headers['content-type'], 'text/javascript; charset=utf-8');
    equal(script.headers['content-encoding'], undefined);
    equal(script.body.toString(), 'let small;');
    for (const path of [
      '/assets/notes.md',
      '/assets/',
      '/assets/../app.js',
      '/assets/%2e%2e/x',
      '/index.html',
      '/assets',
    ]) {
      equal((await fetchFrom(fixture, path)).status, 404, path);
    }
    equal((await fetchFrom(fixture, '/', { method: 'POST' })).status, 405);
  });

  for (const path of ['/', '/ready']) {
    test(`${path} answers HEAD as it answers GET, without the body`, async (t) => {
      const fixture = await startServer(t);

      const got = await fetchFrom(fixture, path);
      const head = await fetchFrom(fixture, path, { method: 'HEAD' });

      equal(head.status, 200);
      deepEqual({ ...head.headers, date: '' }, { ...got.headers, date: '' });
      equal(head.body.length, 0);
    });
  }

  test('unknown paths are 404, below /api in JSON', async (t) => {
    const fixture = await startServer(t);

    for (const path of [
      '/nope',
      '/ingest/',
      '/pyroscope/',
      '/pyroscope/render/',
      '/querier.v1.QuerierService/Nope',
      '/render',
    ]) {
      for (const method of ['GET', 'POST']) {
        const response = await fetchFrom(fixture, path, { method });
        equal(response.status, 404, path);
        equal(response.body.toString(), '404 page not found\n');
      }
    }
    const api = await fetchFrom(fixture, '/api/v1/nope');
    equal(api.status, 404);
    deepEqual(JSON.parse(api.body.toString()), { code: 5, message: 'Not Found', details: [] });
  });

  test('a malformed Accept is 400 on every route', async (t) => {
    const fixture = await startServer(t);

    for (const path of [
      '/ready',
      '/',
      '/metrics',
      `/pyroscope/render?query=${CPU}`,
      '/querier.v1.QuerierService/Series',
    ]) {
      const response = await fetchFrom(fixture, path, { headers: { accept: 'text/html,,x/y' } });
      equal(response.status, 400, path);
      match(response.headers['content-type'] ?? '', /^text\/plain/);
    }
  });
});

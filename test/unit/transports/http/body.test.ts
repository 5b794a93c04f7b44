import { deepEqual, equal, rejects } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Registry } from 'prom-client';
import { StoreError } from '#src/domain/errors.ts';
import { type Body, type BodyHost, type BodySource, readBody } from '#src/transports/http/body.ts';
import { BodyBudget } from '#src/transports/http/body-budget.ts';
import { HttpMetrics } from '#src/transports/http/http-metrics.ts';
import { FakeClock, settle } from '../../../fixtures/fake-clock.ts';

/** A client whose chunks are sent by hand. */
class FakeSource implements BodySource {
  paused = false;
  declaredBytes: number;
  #onChunk: ((chunk: Uint8Array, last: boolean) => void) | undefined;
  readonly #abort = new AbortController();

  constructor(contentLength: number | undefined) {
    this.declaredBytes = contentLength ?? 0;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  receive(onChunk: (chunk: Uint8Array, last: boolean) => void): void {
    this.#onChunk = onChunk;
  }

  pauseBody(): void {
    this.paused = true;
  }

  resumeBody(): void {
    this.paused = false;
  }

  /** The memory of a chunk is gone after the call, as it is with the server library. */
  send(text: string, last = false): void {
    const chunk = new Uint8Array(Buffer.from(text));
    this.#onChunk?.(chunk, last);
    chunk.fill(0);
  }

  cancel(reason: StoreError): void {
    this.#abort.abort(reason);
  }
}

type Room = {
  host: BodyHost;
  clock: FakeClock;
  receive: (length?: number) => { source: FakeSource; body: Promise<Body> };
};

function roomOf(budgetBytes: number, limitBytes = 0): Room {
  const clock = new FakeClock();
  const metrics = new HttpMetrics(new Registry());
  const host = {
    budget: new BodyBudget(budgetBytes, metrics),
    clock,
    metrics,
    roomTimeoutMs: 5000,
    bodyTimeoutMs: 60_000,
  };
  const limit = { bytesMax: limitBytes, name: 'the limit', reason: 'body_limit' } as const;
  return {
    host,
    clock,
    receive(length) {
      const source = new FakeSource(length);
      const body = readBody(source, limit, host);
      body.catch(() => {}); // each test looks at it in its own time
      return { source, body };
    },
  };
}

describe('readBody', () => {
  for (const length of [11, undefined, 5, 20]) {
    test(`joins the chunks of a body that declares ${length} bytes`, async () => {
      const { host, receive } = roomOf(100);
      const { source, body } = receive(length);

      source.send('hello');
      source.send(' ');
      source.send('world');
      source.send('', true);

      const { bytes, release } = await body;
      equal(Buffer.from(bytes).toString(), 'hello world');
      equal(host.budget.usedBytes, 11);
      release();
      release();
      equal(host.budget.usedBytes, 0);
    });
  }

  test('can be empty', async () => {
    const { source, body } = roomOf(100).receive(0);

    source.send('', true);

    equal((await body).bytes.length, 0);
  });

  test('refuses at once what declares more than the limit', async () => {
    const { host, receive } = roomOf(100, 10);

    await rejects(receive(11).body, {
      code: 'limit-exceeded',
      reason: 'body_limit',
      message: /: limit 10 bytes, actual 11 bytes$/,
    });
    equal(host.budget.usedBytes, 0);
  });

  test('takes what has exactly the limit, and refuses one byte more when it comes', async () => {
    const { host, receive } = roomOf(100, 10);
    const exact = receive();
    const more = receive();

    exact.source.send('1234567890', true);
    more.source.send('1234567890');
    more.source.send('1', true);

    equal((await exact.body).bytes.length, 10);
    await rejects(more.body, { code: 'limit-exceeded' });
    equal(host.budget.usedBytes, 10);
  });

  test('does not count the framing of a message, and refuses what its frame declares too much', async () => {
    const { host } = roomOf(100);
    const limit = { bytesMax: 10, framingBytes: 5, name: 'the limit', reason: 'body_limit' } as const;
    const [exact, more, declared] = [new FakeSource(undefined), new FakeSource(undefined), new FakeSource(undefined)];
    const bodies = [exact, more, declared].map((source) => readBody(source, limit, host));

    exact.send('x'.repeat(15), true);
    more.send('x'.repeat(16), true);
    declared.declaredBytes = 17;
    declared.send('x');

    equal((await bodies[0])?.bytes.length, 15);
    await rejects(bodies[1] as Promise<Body>, {
      message: 'the body is larger than the limit: limit 10 bytes, actual at least 11 bytes',
    });
    await rejects(bodies[2] as Promise<Body>, {
      message: 'the body is larger than the limit: limit 10 bytes, actual 12 bytes',
    });
  });

  test('refuses what can never fit into the memory for bodies, limit or not', async () => {
    await rejects(roomOf(100).receive(101).body, {
      code: 'limit-exceeded',
      message: /--ingest-buffer-bytes-max: limit 100 bytes/,
    });
  });

  test('names the limit of a message that is over both', async () => {
    const { host } = roomOf(12);
    const limit = { bytesMax: 10, framingBytes: 5, name: 'the limit', reason: 'body_limit' } as const;
    const [overBoth, overMemory] = [new FakeSource(16), new FakeSource(15)];

    const bodies = [overBoth, overMemory].map((source) => readBody(source, limit, host));

    await rejects(bodies[0] as Promise<Body>, {
      message: 'the body is larger than the limit: limit 10 bytes, actual 11 bytes',
    });
    await rejects(bodies[1] as Promise<Body>, {
      message: 'the body is larger than --ingest-buffer-bytes-max: limit 12 bytes, actual 15 bytes',
    });
  });

  test('throws away what comes after a refusal', async () => {
    const { host, receive } = roomOf(100, 10);
    const { source, body } = receive();
    source.send('12345678901');

    source.send('x'.repeat(90));
    source.send('', true);

    await rejects(body, { code: 'limit-exceeded' });
    equal(host.budget.usedBytes, 0);
  });

  test('refuses a chunk for which there is no room, and gives back what it had', async () => {
    const { host, receive } = roomOf(100);
    const first = receive();
    first.source.send('x'.repeat(80));
    const second = receive();
    second.source.send('y'.repeat(5));

    second.source.send('y'.repeat(20));

    await rejects(second.body, { code: 'unavailable', reason: 'no_room' });
    equal(host.budget.usedBytes, 80);
  });

  test('pauses when there is little room, and goes on when there is more', async () => {
    const { host, receive } = roomOf(100);
    const first = receive();
    first.source.send('x'.repeat(85));
    const second = receive();
    second.source.send('y'.repeat(5));
    equal(second.source.paused, true);

    first.source.send('', true);
    equal(second.source.paused, false); // it is the oldest now
    (await first.body).release();
    second.source.send('y', true);

    equal((await second.body).bytes.length, 6);
    equal(host.budget.usedBytes, 6);
  });

  test('refuses a paused body after five seconds, and lets its rest flow away', async () => {
    const { host, clock, receive } = roomOf(100);
    receive().source.send('x'.repeat(85));
    const { source, body } = receive();
    source.send('y'.repeat(5));

    await clock.turn(4999);
    equal(source.paused, true);
    await clock.turn(1);

    await rejects(body, { code: 'unavailable', reason: 'no_room' });
    equal(source.paused, false);
    equal(host.budget.usedBytes, 85);
  });

  test('completes a body whose end comes although it is paused', async () => {
    const { receive } = roomOf(100);
    receive().source.send('x'.repeat(85));
    const { source, body } = receive();
    source.send('y');

    source.send('y', true);

    equal((await body).bytes.length, 2);
    equal(source.paused, false);
  });

  test('refuses a body that is not complete after a minute', async () => {
    const { host, clock, receive } = roomOf(100);
    const { source, body } = receive(10);
    for (let i = 0; i < 6; i++) {
      source.send('x');
      await clock.turn(10_000);
    }

    await rejects(body, { code: 'deadline-exceeded', reason: 'body_timeout' });
    equal(host.budget.usedBytes, 0);
  });

  test('gives everything back when its request is cancelled, and fails for the same reason', async () => {
    const { host, receive } = roomOf(100);
    const { source, body } = receive(10);
    source.send('x');

    source.cancel(new StoreError('aborted', 'the client left'));

    await rejects(body, { code: 'aborted', message: 'the client left' });
    equal(host.budget.usedBytes, 0);
  });

  test('reserves nothing for what a client only promises', async () => {
    const { source, body } = roomOf(1 << 30).receive(1 << 29);

    source.send('x');
    source.send('', true);

    equal((await body).bytes.buffer.byteLength < 1 << 21, true);
  });

  test('counts pauses and refusals', async () => {
    const registry = new Registry();
    const clock = new FakeClock();
    const metrics = new HttpMetrics(registry);
    const host = { budget: new BodyBudget(100, metrics), clock, metrics, roomTimeoutMs: 5000, bodyTimeoutMs: 60_000 };
    const limit = { bytesMax: 0, name: 'the limit', reason: 'body_limit' } as const;
    for (const size of [85, 5]) {
      const source = new FakeSource(undefined);
      readBody(source, limit, host).catch(() => {});
      source.send('x'.repeat(size));
    }
    await clock.turn(5000);
    await settle();

    const values = await registry.getMetricsAsJSON();
    const valueOf = (name: string) => values.find((metric) => metric.name === name)?.values[0]?.value;
    deepEqual(
      ['kiln_http_body_pauses_total', 'kiln_http_requests_refused_total', 'kiln_http_body_in_flight_bytes'].map(
        valueOf,
      ),
      [1, 1, 85],
    );
  });
});

import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MessageReader, type MessageSource } from '#src/transports/grpc/message-reader.ts';
import { noRoom } from '#src/transports/http/body.ts';
import { frameHeader } from '#src/transports/http/grpc-wire.ts';
import { settle } from '../../../fixtures/fake-clock.ts';
import { Random } from '../../../fixtures/random.ts';

const LIMIT = { bytesMax: 1000, name: 'the limit of stream messages', reason: 'message_limit' } as const;

/** A call whose frames come when the test says so, and a reader of it. */
class FakeCall implements MessageSource {
  readonly reader: MessageReader;
  readonly refused: string[] = [];
  paused = false;
  pauses = 0;
  readonly #abort = new AbortController();
  #onChunk: (chunk: Uint8Array, last: boolean) => void = () => {};

  constructor() {
    const metrics = { refused: (reason: string) => void this.refused.push(reason) };
    this.reader = new MessageReader(this, 'identity', LIMIT, metrics);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  receive(onChunk: (chunk: Uint8Array, last: boolean) => void): void {
    this.#onChunk = onChunk;
  }

  pauseBody(): void {
    this.paused = true;
    this.pauses++;
  }

  resumeBody(): void {
    this.paused = false;
  }

  /** As the library does: nothing comes while the call is paused. */
  send(chunk: Uint8Array, last = false): void {
    equal(this.paused, false);
    this.#onChunk(chunk, last);
  }

  cancel(reason: Error): void {
    this.#abort.abort(reason);
  }

  /** The next message, as text. */
  async text(): Promise<string | undefined> {
    const message = await this.reader.next();
    return message && Buffer.from(message.bytes).toString();
  }
}

function frameOf(text: string): Buffer {
  return Buffer.concat([frameHeader(0, text.length), Buffer.from(text)]);
}

describe('MessageReader', () => {
  test('reads messages that are cut anywhere', async () => {
    const seed = Number(process.env['SEED'] ?? Date.now() % 1e9);
    console.log(`SEED=${seed}`);
    const random = new Random(seed);
    for (let round = 0; round < 200; round++) {
      const texts = Array.from({ length: random.int(0, 20) }, (_, i) =>
        String(i).repeat(random.int(0, random.int(0, 500))),
      );
      const bytes = Buffer.concat(texts.map((text) => frameOf(text)));
      const call = new FakeCall();
      const read: string[] = [];
      const done = (async () => {
        for (let text = await call.text(); text !== undefined; text = await call.text()) read.push(text);
      })();
      for (let at = 0; at < bytes.length; ) {
        if (call.paused) await settle();
        const end = Math.min(bytes.length, at + random.int(1, random.int(1, 3000)));
        call.send(bytes.subarray(at, end));
        at = end;
      }
      await settle();
      call.send(new Uint8Array(0), true);
      await done;
      deepEqual(read, texts);
    }
  });

  test('takes no more while nobody waits, be it a message or a part of one', async () => {
    for (const first of [frameOf('a'), Buffer.of(0), Buffer.from('00ffffffff', 'hex')]) {
      const call = new FakeCall();
      call.send(first);
      equal(call.paused, true);
    }

    const call = new FakeCall();
    const answer = call.text();
    await settle();
    equal(call.pauses, 0);
    call.send(frameOf('a'));
    equal(await answer, 'a');
    equal(call.paused, false);
    call.send(frameOf('bc').subarray(0, 6));
    equal(call.paused, true);
    const next = call.text();
    await settle();
    equal(call.paused, false);
    call.send(frameOf('bc').subarray(6));
    equal(await next, 'bc');
  });

  test('refuses a message over the limit by its frame, and counts that', async () => {
    const call = new FakeCall();
    call.send(Buffer.concat([frameOf('x'.repeat(1000)), Buffer.from('00000003e9', 'hex')]));

    equal((await call.text())?.length, 1000);
    deepEqual(call.refused, []);
    await rejects(call.text(), {
      code: 'limit-exceeded',
      message: 'the message is larger than the limit of stream messages: limit 1000 bytes, actual 1001 bytes',
    });
    deepEqual(call.refused, ['message_limit']);
  });

  test('copies little, however small the pieces are', async (t) => {
    const call = new FakeCall();
    const bytes = frameOf('x'.repeat(1000));
    const answer = call.text();
    let allocatedBytes = 0;

    for (const byte of bytes) {
      await settle();
      const allocate = t.mock.method(Buffer, 'allocUnsafe');
      call.send(Buffer.from([byte]));
      allocate.mock.restore();
      for (const { arguments: args } of allocate.mock.calls) allocatedBytes += args[0];
    }

    equal((await answer)?.length, 1000);
    ok(allocatedBytes <= 4 * bytes.length, `${allocatedBytes}`);
  });

  test('ends with what the call is ended with, and counts who found no room', async () => {
    const call = new FakeCall();
    const answer = call.text();
    await settle();

    call.cancel(noRoom(10));

    await rejects(answer, { code: 'unavailable' });
    deepEqual(call.refused, ['no_room']);
  });
});

import { StoreError } from '#src/domain/errors.ts';
import { sizeText } from '#src/domain/model/amount-text.ts';
import { LimitFlag } from '#src/domain/model/limit-flags.ts';
import type { Bytes, DurationMs } from '#src/domain/model/units.ts';
import type { Clock } from '#src/platform/clock.ts';
import type { BodyBudget, Intake } from './body-budget.ts';
import type { Exchange } from './exchange.ts';
import type { RefusalReason } from './http-metrics.ts';
import type { TransportConfig } from './transport-config.ts';

export type Body = {
  /** Alone in its ArrayBuffer, so that it can be transferred to a worker. */
  readonly bytes: Uint8Array;
  /** Gives the room back. Once, when nobody works on the bytes any more. */
  release(): void;
};

export type BodyHost = {
  readonly budget: BodyBudget;
  readonly clock: Clock;
  readonly metrics: { refused(reason: BodyRefusalReason): void };
  readonly roomTimeoutMs: DurationMs;
  readonly bodyTimeoutMs: DurationMs;
};

export type BodyLimit = {
  /** Of the message. 0: none. */
  readonly bytesMax: Bytes;
  /** What the protocol puts around the message, which does not count. Default: nothing. */
  readonly framingBytes?: Bytes;
  /** As it is called in messages. */
  readonly name: string;
  readonly reason: 'body_limit' | 'message_limit';
};

/** Of everything that carries profiles. @param bytesMax 0: none */
export function ingestionBodyLimit(bytesMax: Bytes): BodyLimit {
  return { bytesMax, name: `--${LimitFlag.ingestionBody}`, reason: 'body_limit' };
}

/** Of a message of OTLP: that of everything that carries profiles, or what a thread can open, if that is less. */
export function otlpBodyLimit(config: Pick<TransportConfig, 'ingestionBodyBytesMax' | 'openable'>): BodyLimit {
  const { ingestionBodyBytesMax: bytesMax, openable } = config;
  if (bytesMax > 0 && bytesMax <= openable.bytes) return ingestionBodyLimit(bytesMax);
  return { bytesMax: openable.bytes, name: openable.name, reason: 'body_limit' };
}

export type BodyRefusalReason = Extract<RefusalReason, 'body_limit' | 'message_limit' | 'no_room' | 'body_timeout'>;

const STATUS: Record<BodyRefusalReason, number> = {
  body_limit: 413,
  message_limit: 413,
  body_timeout: 408,
  no_room: 503,
};

/** A body that was not taken. Its code is right for RPCs; other routes answer its status. */
export class BodyRefusal extends StoreError {
  readonly reason: BodyRefusalReason;

  constructor(reason: BodyRefusalReason, code: StoreError['code'], message: string) {
    super(code, message);
    this.reason = reason;
  }

  get status(): number {
    return STATUS[this.reason];
  }
}

/** @param bytesMax  of all bodies together */
export function noRoom(bytesMax: Bytes): BodyRefusal {
  const message = `too many request bodies are in memory, --${LimitFlag.ingestBuffer} is ${sizeText(bytesMax)}`;
  return new BodyRefusal('no_room', 'unavailable', message);
}

/** What the receiving side of an exchange, or of a gRPC call, must be able to do. */
export type BodySource = Pick<Exchange, 'declaredBytes' | 'signal' | 'receive' | 'pauseBody' | 'resumeBody'>;

/**
 * Receives the body of a request.
 *
 * @order  in the turn in which the request arrived
 * @throws BodyRefusal when it is over its limit, when there is no room for it, or when it takes too long;
 *         the reason of the source's signal when that aborts
 */
export function readBody(source: BodySource, limit: BodyLimit, host: BodyHost): Promise<Body> {
  return new Promise((resolve, reject) => new BodyIntake(source, limit, host, resolve, reject).start());
}

/** A body up to this size gets its whole buffer with the first chunk; a larger one has to earn it. */
const TRUSTED_LENGTH_BYTES = 1 << 20;

/** Made once: the reason that Node makes by itself takes longer than the rest of a small body. */
const BODY_OVER = new StoreError('aborted', 'the body is complete or refused');

class BodyIntake implements Intake {
  readonly #source: BodySource;
  readonly #limit: BodyLimit;
  readonly #host: BodyHost;
  readonly #resolve: (body: Body) => void;
  readonly #reject: (error: StoreError) => void;
  /** Aborts when the body is complete or refused. What arrives afterwards is thrown away. */
  readonly #over = new AbortController();
  #pause: AbortController | undefined;
  #buffer = new Uint8Array(0);
  #receivedBytes: Bytes = 0;
  #chunkCount = 0;

  constructor(
    source: BodySource,
    limit: BodyLimit,
    host: BodyHost,
    resolve: (body: Body) => void,
    reject: (error: StoreError) => void,
  ) {
    this.#source = source;
    this.#limit = limit;
    this.#host = host;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  start(): void {
    if (this.#source.declaredBytes > this.#bytesMax) {
      this.#refuseSize(this.#source.declaredBytes);
      return;
    }
    this.#host.budget.open(this);
    const { signal } = this.#source;
    signal.addEventListener('abort', () => this.#fail(signal.reason), { once: true });
    this.#source.receive((chunk, last) => this.#take(chunk, last));
  }

  pause(): void {
    this.#source.pauseBody();
    this.#pause = new AbortController();
    void this.#limitPause(this.#pause.signal);
  }

  resume(): void {
    this.#pause?.abort();
    this.#pause = undefined;
    this.#source.resumeBody();
  }

  #take(chunk: Uint8Array, last: boolean): void {
    if (this.#over.signal.aborted) return;
    // The frame of a gRPC message declares its length with the first chunk.
    const sizeBytes = Math.max(this.#receivedBytes + chunk.length, this.#source.declaredBytes);
    if (sizeBytes > this.#bytesMax) {
      this.#refuseSize(sizeBytes);
      return;
    }
    if (!this.#host.budget.charge(chunk.length)) {
      this.#refuseRoom();
      return;
    }
    const first = this.#chunkCount++ === 0;
    this.#append(chunk);
    if (last) {
      this.#complete();
      return;
    }
    // Most bodies are one chunk and need no timer. Until the first one comes the server library keeps the time.
    if (first) void this.#limitTime();
    this.#host.budget.throttle(this);
  }

  /** Copies: the chunk is gone when this turn ends. */
  #append(chunk: Uint8Array): void {
    const neededBytes = this.#receivedBytes + chunk.length;
    if (neededBytes > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(this.#capacityFor(neededBytes));
      larger.set(this.#buffer.subarray(0, this.#receivedBytes));
      this.#buffer = larger;
    }
    this.#buffer.set(chunk, this.#receivedBytes);
    this.#receivedBytes = neededBytes;
  }

  /** A declared length is only a claim: a client that says much and sends little must not reserve much. */
  #capacityFor(neededBytes: Bytes): Bytes {
    const { declaredBytes } = this.#source;
    if (neededBytes <= declaredBytes && declaredBytes <= TRUSTED_LENGTH_BYTES) return declaredBytes;
    const grownBytes = Math.max(neededBytes, 2 * this.#buffer.length);
    return declaredBytes >= neededBytes ? Math.min(grownBytes, declaredBytes) : grownBytes;
  }

  #complete(): void {
    this.#over.abort(BODY_OVER);
    // The last chunks of a body may come after a pause, out of one read of the socket.
    if (this.#pause !== undefined) this.resume();
    this.#host.budget.close(this);
    const { budget } = this.#host;
    const receivedBytes = this.#receivedBytes;
    let released = false;
    this.#resolve({
      bytes: this.#buffer.subarray(0, receivedBytes),
      release() {
        if (released) return;
        released = true;
        budget.release(receivedBytes);
      },
    });
  }

  #fail(error: StoreError): void {
    if (this.#over.signal.aborted) return;
    this.#over.abort(BODY_OVER);
    // The rest must flow to be thrown away, or the connection is of no more use.
    if (this.#pause !== undefined) this.resume();
    this.#host.budget.close(this);
    this.#host.budget.release(this.#receivedBytes);
    this.#buffer = new Uint8Array(0);
    if (error instanceof BodyRefusal) this.#host.metrics.refused(error.reason);
    this.#reject(error);
  }

  #refuseSize(bytes: Bytes): void {
    const { bytesMax, framingBytes = 0, name } = this.#limit;
    const ownLimit = bytesMax > 0 && bytes > bytesMax + framingBytes;
    const atLeast = bytes === this.#source.declaredBytes ? '' : 'at least ';
    const message = ownLimit
      ? `the body is larger than ${name}: limit ${sizeText(bytesMax)}, actual ${atLeast}${sizeText(bytes - framingBytes)}`
      : `the body is larger than --${LimitFlag.ingestBuffer}: limit ${sizeText(this.#bytesMax)}, actual ${atLeast}${sizeText(bytes)}`;
    this.#fail(new BodyRefusal(this.#limit.reason, 'limit-exceeded', message));
  }

  #refuseRoom(): void {
    this.#fail(noRoom(this.#host.budget.bytesMax));
  }

  async #limitPause(resumed: AbortSignal): Promise<void> {
    await this.#host.clock.sleep(this.#host.roomTimeoutMs, AbortSignal.any([resumed, this.#over.signal]));
    if (!resumed.aborted) this.#refuseRoom();
  }

  async #limitTime(): Promise<void> {
    await this.#host.clock.sleep(this.#host.bodyTimeoutMs, this.#over.signal);
    const message = `the body was not complete after ${this.#host.bodyTimeoutMs} ms`;
    this.#fail(new BodyRefusal('body_timeout', 'deadline-exceeded', message));
  }

  /** More than the budget has can never fit, whatever the limit says. */
  get #bytesMax(): Bytes {
    const { bytesMax, framingBytes = 0 } = this.#limit;
    return Math.min(bytesMax > 0 ? bytesMax + framingBytes : Number.POSITIVE_INFINITY, this.#host.budget.bytesMax);
  }
}

import { NEVER_FITS, StoreError } from '#src/domain/errors.ts';

type Noted = { readonly index: number; readonly error: unknown };

/** Whether sending the same profile again cannot help. */
export function isRefusal(error: unknown): boolean {
  return error instanceof StoreError && (error.code === 'invalid-argument' || neverFits(error));
}

/** Whether the profile is over a limit that it would be over at any time. */
export function neverFits({ details }: StoreError): boolean {
  return details[NEVER_FITS] === true;
}

/**
 * What a push is answered with: the first failure in the order of its profiles, whenever it happened, of those that weigh
 * most. One that it helps to send again for weighs more than a refusal, because a client that hears of the refusal drops
 * the push, and a good profile with it; sent again, the refused ones are refused again. A bug is the answer only where
 * nothing better is known, because a StoreError tells the client what to do.
 *
 * All others are forgotten at once. A push may have tens of thousands of profiles, and an error takes a kilobyte.
 */
export class FirstFailure {
  #retryable: Noted | undefined;
  #refusal: Noted | undefined;
  #bug: Noted | undefined;

  /** @param index  of the profile in its push */
  note(index: number, error: unknown): void {
    const noted = { index, error };
    if (isRefusal(error)) this.#refusal = earlier(this.#refusal, noted);
    else if (error instanceof StoreError) this.#retryable = earlier(this.#retryable, noted);
    else this.#bug = earlier(this.#bug, noted);
  }

  /** undefined when there is none. */
  first(): unknown {
    return (this.#retryable ?? this.#refusal ?? this.#bug)?.error;
  }

  /** @throws the failure, if there is one */
  throwIfAny(): void {
    const first = this.#retryable ?? this.#refusal ?? this.#bug;
    if (first !== undefined) throw first.error;
  }
}

function earlier(known: Noted | undefined, noted: Noted): Noted {
  return known === undefined || noted.index < known.index ? noted : known;
}

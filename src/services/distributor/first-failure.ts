import { StoreError } from '#src/domain/errors.ts';

/**
 * What a push is answered with: the first failure in the order of its profiles, whenever it happened. A bug is the answer
 * only where nothing better is known, because a StoreError tells the client what to do.
 *
 * All others are forgotten at once. A push may have hundreds of thousands of profiles, and an error takes a kilobyte.
 */
export class FirstFailure {
  #storeError: { readonly index: number; readonly error: unknown } | undefined;
  #bug: { readonly index: number; readonly error: unknown } | undefined;

  /** @param index  of the profile in its push */
  note(index: number, error: unknown): void {
    if (error instanceof StoreError) {
      if (this.#storeError === undefined || index < this.#storeError.index) this.#storeError = { index, error };
    } else if (this.#bug === undefined || index < this.#bug.index) this.#bug = { index, error };
  }

  /** undefined when there is none. */
  first(): unknown {
    return (this.#storeError ?? this.#bug)?.error;
  }

  /** @throws the failure, if there is one */
  throwIfAny(): void {
    const first = this.#storeError ?? this.#bug;
    if (first !== undefined) throw first.error;
  }
}

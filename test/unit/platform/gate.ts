/** A promise that the test resolves when the story is there. */
export type Gate<T> = { readonly promise: Promise<T>; resolve(value: T): void };

export function gate<T = void>(): Gate<T> {
  let open: (value: T) => void = () => {};
  const promise = new Promise<T>((resolve) => {
    open = resolve;
  });
  return { promise, resolve: (value) => open(value) };
}

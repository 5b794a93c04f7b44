/** Lets everything else that waits for the event loop go first: between two slices of long work. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Owns bounded waiting that leaves no timer behind, and promises that are settled from outside. */

/** Resolves after `timeoutMs`, or as soon as `cut` settles. */
export function pause(timeoutMs: number, cut?: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, timeoutMs);
    const end = (): void => {
      clearTimeout(timer);
      resolve();
    };
    cut?.then(end, end);
  });
}

/** A promise together with the function that resolves it; later calls of that have no effect. */
export function deferred<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

import { onAbort } from "../util/async.js";

/**
 * A web stream of what a generator yields. It asks the generator only when it is read itself.
 *
 * @param make - makes the generator. Its signal aborts when the reader cancels, or with `signal`; the generator has to end
 * then, also while it waits.
 */
export function streamOf<T>(make: (gone: AbortSignal) => AsyncGenerator<T>, signal?: AbortSignal): ReadableStream<T> {
  const controller = new AbortController();
  const leave = (): void => controller.abort();
  const stopListening = onAbort(signal, leave);
  if (signal?.aborted === true) leave();
  const values = make(controller.signal);
  return new ReadableStream<T>(
    {
      async pull(stream) {
        const { value, done } = await values.next();
        if (done !== true) return stream.enqueue(value);
        stopListening();
        stream.close();
      },
      cancel() {
        stopListening();
        leave();
      },
    },
    { highWaterMark: 0 },
  );
}

/** Owns making many calls at once, but not too many. */

/** Something that is done and waited for. */
export type Call = () => Promise<unknown>;

/** Makes so many calls, no more than `window` of them at any time. */
export async function windowed(call: Call, count: number, window: number): Promise<unknown[]> {
  const answers: unknown[] = [];
  let made = 0;
  const lane = async (): Promise<void> => {
    while (made++ < count) answers.push(await call());
  };
  await Promise.all(Array.from({ length: window }, lane));
  return answers;
}

/**
 * The least CPU time in milliseconds that this process needed for the work, over several runs. What else the machine does
 * adds nothing to it.
 */
async function cost(work: () => unknown, runs = 3): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let run = 0; run < runs; run++) {
    const began = process.cpuUsage();
    await work();
    const { user, system } = process.cpuUsage(began);
    least = Math.min(least, (user + system) / 1_000);
  }
  return least;
}

/** Below this a measurement shows the noise of the process and not the work, in milliseconds. */
const NOISE_MS = 4;

/**
 * How many times as much the work costs at `times` the size, as a share of what quadratic work would cost: a linear one
 * is near `1 / times`, a quadratic one near 1.
 */
export async function quadraticShare(
  work: (size: number) => unknown,
  { size, times }: { readonly size: number; readonly times: number },
): Promise<number> {
  await work(size);
  const small = Math.max(await cost(() => work(size)), NOISE_MS);
  const large = await cost(() => work(size * times));
  return large / small / times ** 2;
}

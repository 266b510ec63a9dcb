/** The measure of tests that hold time to size: the processor's time, which busy neighbours do not change much. */

/** The least time in milliseconds that this process has worked on one of five runs. */
export async function leastCpuMs(run: () => unknown): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let count = 0; count < 5; count++) {
    const before = process.cpuUsage();
    await run();
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / 1_000);
  }
  return least;
}

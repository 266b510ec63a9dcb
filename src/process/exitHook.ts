/** Owns the one `exit` listener of this program, which ends the processes that are still there. */

const live = new Set<() => void>();

function killLive(): void {
  for (const kill of live) kill();
}

/** Runs `kill`, synchronously, when this program exits, unless the returned function was called before. */
export function killAtExit(kill: () => void): () => void {
  if (live.size === 0) process.on("exit", killLive);
  live.add(kill);
  return () => {
    if (live.delete(kill) && live.size === 0) process.removeListener("exit", killLive);
  };
}

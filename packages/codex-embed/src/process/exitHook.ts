/** Owns the one `exit` listener of this program, which clears away what is still there: processes and their files. */

const pending = new Set<() => void>();

function clearAway(): void {
  for (const action of pending) action();
}

/** Runs `action`, synchronously, when this program exits, unless the returned function was called before. */
export function atExit(action: () => void): () => void {
  if (pending.size === 0) process.on("exit", clearAway);
  pending.add(action);
  return () => {
    if (pending.delete(action) && pending.size === 0) process.removeListener("exit", clearAway);
  };
}

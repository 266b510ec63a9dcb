/** Handles failed turns by their cause, retries on overload, and sets a deadline. */

import { Codex, isRetryableError, retryOnOverload, TurnDeadlineError, TurnFailedError } from "codex-embed";

const codex = new Codex();
try {
  const thread = await codex.startThread({ sandbox: "read-only" });

  async function ask(question: string, deadlineMs: number): Promise<void> {
    let attempts = 0;
    try {
      const run = () => ((attempts += 1), thread.run(question, { deadlineMs }));
      const { finalResponse } = await retryOnOverload(run, { maxAttempts: 3, initialDelayMs: 50 });
      console.log(`${finalResponse} (attempt ${attempts})`);
    } catch (error) {
      if (TurnFailedError.isInstance(error)) {
        console.log(`failed: ${JSON.stringify(error.info)}, retryable: ${isRetryableError(error)}`);
      } else if (TurnDeadlineError.isInstance(error)) {
        console.log(`interrupted after ${error.deadlineMs} ms`);
      } else throw error; // LaunchError, TransportClosedError, …: each has a stable `code`
    }
  }

  await ask("Is the service up?", 60_000);
  await ask("Think about it for an hour.", 500);
  await ask("Are you still there?", 60_000); // the thread still works after a failure
  await ask("Read all of this very long text.", 60_000);
} finally {
  await codex.close();
}

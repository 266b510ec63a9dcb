/** The bench of the exec client's end-to-end tests: the pinned runtime, offline, with a scripted model. */

import { execFileSync } from "node:child_process";
import { Codex, type CodexOptions, type Thread, type ThreadEvent, type ThreadOptions } from "codex-embed/exec";
import { createTestHome, ScriptedModel, type TestHome, type TestHomeOptions } from "codex-embed/testing";
import { onTestFinished } from "vitest";

/** A client on a home of its own. */
export class ExecBench {
  readonly model: ScriptedModel;
  readonly home: TestHome;
  /** What every thread needs: a folder that is no Git repository. */
  readonly threadOptions: ThreadOptions;

  private constructor(model: ScriptedModel, home: TestHome) {
    this.model = model;
    this.home = home;
    this.threadOptions = { workingDirectory: home.workspace, skipGitRepoCheck: true };
  }

  /** Makes a bench that is gone when the test is over. */
  static async start(options: Omit<TestHomeOptions, "model"> = {}): Promise<ExecBench> {
    const model = await ScriptedModel.start();
    onTestFinished(() => model.close());
    const home = await createTestHome({ model, ...options });
    onTestFinished(() => home.dispose());
    return new ExecBench(model, home);
  }

  get env(): Record<string, string> {
    return { ...this.home.env };
  }

  codex(options: CodexOptions = {}): Codex {
    return new Codex({ env: this.env, ...options });
  }

  thread(options: ThreadOptions = {}): Thread {
    return this.codex().startThread({ ...this.threadOptions, ...options });
  }

  /** The user's texts of the last request, without those of the runtime. */
  lastTexts(): string[] {
    return (this.model.requests.at(-1)?.userTexts() ?? []).filter((text) => !text.startsWith("<"));
  }
}

/** Makes the workspace a repository with one commit, and gives git in it. */
export function gitOf(bench: ExecBench): (...args: string[]) => string {
  const git = (...args: string[]) =>
    execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@example.com", ...args], {
      cwd: bench.home.workspace,
      env: bench.env,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
  git("init");
  git("commit", "--allow-empty", "-m", "Begin");
  return git;
}

/** Reads a stream to its end. */
export async function gather(events: AsyncIterable<ThreadEvent>): Promise<ThreadEvent[]> {
  const seen: ThreadEvent[] = [];
  for await (const event of events) seen.push(event);
  return seen;
}

/** What a promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => {
      throw new Error("It resolved.");
    },
    (error: unknown) => error,
  );
}

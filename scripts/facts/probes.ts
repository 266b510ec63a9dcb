/** What a runtime is made to do, so that two of them can be compared. */

import type { StartThreadOptions, Thread } from "codex-embed";
import {
  applyPatch,
  disconnect,
  fail,
  failResponse,
  gate,
  message,
  type Part,
  reasoning,
  type Step,
  shell,
  step,
  updatePlan,
  usage,
} from "codex-embed/testing";

/** Starts the thread of the probe, and scripts the answers of the model. */
type StartThread = (options: StartThreadOptions, ...steps: readonly (Step | Part)[]) => Promise<Thread>;

/** Does one thing. What the runtime says of the thread meanwhile is compared. */
export type Probe = (thread: StartThread) => Promise<void>;

const EPHEMERAL = { ephemeral: true } as const;
const ASKING = { ...EPHEMERAL, sandbox: "read-only", approvalMode: "ask" } as const;

const patch = (path: string) => applyPatch(`*** Begin Patch\n*** Add File: ${path}\n+new\n*** End Patch`);
const escalated = () => shell("echo approved", { escalate: { justification: "To say so." } });

/** The turn ends, whether it succeeds or fails. */
const turn =
  (...steps: readonly (Step | Part)[]): Probe =>
  async (thread) => {
    const handle = await (await thread(EPHEMERAL, ...steps)).startTurn("Go.");
    await handle.outcome();
  };

const asking =
  (decision: "accept" | "decline"): Probe =>
  async (thread) => {
    const own = await thread(
      { ...ASKING, handlers: { approveCommand: () => decision } },
      escalated(),
      message("Done."),
    );
    await own.run("Go.");
  };

export const PROBES: Readonly<Record<string, Probe>> = {
  "a message": turn(step(reasoning({ summary: ["Thinking."] }), message("Hello."), usage({ input: 10, output: 2 }))),
  "a command": turn(shell("echo hello"), message("Done.")),
  "a command that fails": turn(shell("exit 3"), message("Done.")),
  "two patches": turn(patch("a.txt"), patch("b.txt"), message("Done.")),
  "a plan": turn(updatePlan([{ step: "One", status: "in_progress" }]), message("Done.")),
  "an approved command": asking("accept"),
  "a declined command": asking("decline"),
  "401": turn(fail(401)),
  "429": turn(fail(429)),
  "500": turn(fail(500)),
  "a stream that is cut": turn(step(message("Half."), disconnect())),
  "no room in the context": turn(failResponse("context_length_exceeded")),
  "a quota that is used up": turn(failResponse("insufficient_quota")),
  "a steer": async (thread) => {
    const hold = gate();
    const own = await thread(EPHEMERAL, message({ deltas: ["Left", hold, "."] }), message("Right."));
    const handle = await own.startTurn("Left?");
    await hold.reached;
    await handle.steer("No, right.");
    hold.open();
    await handle.outcome();
  },
  "an interrupt": async (thread) => {
    const hold = gate();
    const own = await thread(EPHEMERAL, message({ deltas: ["Hel", hold, "lo."] }));
    const handle = await own.startTurn("Hi.");
    await hold.reached;
    await handle.interrupt();
    await handle.outcome();
  },
};

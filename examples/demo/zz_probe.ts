import { Codex } from "codex-embed";
import { ScriptedModel, createTestHome, message, shell, applyPatch, updatePlan, reasoning, step, rawItem } from "codex-embed/testing";
import { writeFile, mkdir } from "node:fs/promises";
import { execFileSync } from "node:child_process";
import { join, dirname } from "node:path";
await using model = await ScriptedModel.start();
await using home = await createTestHome({ model });
const TMPDIR = join(dirname(home.workspace), "tmp");
await using codex = await Codex.launch({ codexHome: home.codexHome, env: { ...home.env, TMPDIR }, inheritEnv: false, onStderr: (t) => console.log("STDERR", t) });
codex.on("warning", (n) => console.log("W", n));
codex.on("configWarning", (n) => console.log("CW", n));
await writeFile(join(home.workspace, "a.txt"), "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\n");
await writeFile(join(home.workspace, "gone.txt"), "one\ntwo\n");
await writeFile(join(home.workspace, "mv.txt"), "one\ntwo\n");
const probe = await codex.request("command/exec", { command: ["true"], cwd: home.workspace, sandboxPolicy: { type: "workspaceWrite", writableRoots: [], networkAccess: false, excludeTmpdirEnvVar: false, excludeSlashTmp: false } });
console.log(probe);
const thread = await codex.startThread({ cwd: home.workspace, sandbox: "workspace-write" });
model.enqueue(
  step(reasoning({ summary: ["**Look** at it\n\nBecause."], deltas: 3 }), message("commentary here", { phase: "commentary", deltas: 3, usage: { input: 100, output: 10 } }), shell("echo 'a b' \"q\"; ls -la /tmp $TMPDIR; false")),
  step(shell("cat a.txt"), shell("sleep 0.3; echo hi")),
  updatePlan([{ step: "x", status: "in_progress" }]),
  applyPatch("*** Begin Patch\n*** Update File: a.txt\n@@\n two\n-three\n+THREE\n+3b\n four\n@@\n seven\n-eight\n+8\n*** Add File: b.txt\n+new\n+file\n*** Delete File: gone.txt\n*** Update File: mv.txt\n*** Move to: moved.txt\n@@\n-one\n+ONE\n*** End Patch"),
  rawItem({ type: "web_search_call", id: "ws1", status: "completed", action: { type: "search", query: "hello" } }),
  message("done", { usage: { input: 300, output: 20, cached: 200 } }),
);
const t0 = Date.now();
for await (const e of await thread.startTurn("go")) console.log(Date.now() - t0, e.method, JSON.stringify(e.params));
model.assertComplete();

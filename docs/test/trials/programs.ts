/** Tries files that are programs, with what they need beside them: something to bundle, a client, an answer that is wrong. */

import { dirname } from "node:path";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { message, step, usage } from "codex-embed/testing";
import { expect, test, vi } from "vitest";
import { descendantsOf, isAlive } from "../../../packages/codex-embed/test/support/processes.js";
import { clientWith, textOf } from "../../../packages/mcp-server/test/support/mcp.js";
import { folderOf } from "../support/pageFiles.js";
import { readPages } from "../support/pages.js";
import { Scene } from "../support/scene.js";
import type { Trial } from "../support/trial.js";

export const bundler: Trial = {
  page: "docs/guides/bundlers.md",
  files: ["build.ts"],
  declare: ({ workshop }) =>
    test("build.ts: bundles the quickstart of the README, and the bundle runs", async () => {
      await using scene = await Scene.open(workshop, bundler.page);
      const readme = readPages().find(({ path }) => path === "README.md");
      const quickstart = readme?.blocks.find(({ language }) => language === "ts");
      await workshop.lay(`${folderOf(bundler.page)}/agent.ts`, quickstart?.text ?? "");
      const builder = scene.start("build.ts", { cwd: dirname(scene.path("build.ts")) });
      expect(await builder.ended, builder.output).toEqual({ code: 0, signal: null });
      scene.model.enqueue(step(message("It is repaired."), usage({ input: 40, output: 2 })));
      const bundle = scene.start("dist/agent.mjs");
      expect(await bundle.ended, bundle.output).toEqual({ code: 0, signal: null });
      expect(bundle.output).toMatch(/^It is repaired\. 42\n$/);
    }),
};

export const wrongAnswer: Trial = {
  page: "docs/guides/structured-output.md",
  files: ["count.ts"],
  declare: ({ workshop }) =>
    test("count.ts: says what is wrong with the answer, and where", async () => {
      await using scene = await Scene.open(workshop, wrongAnswer.page);
      scene.model.enqueue(message('{"tests":0}'));
      const program = scene.start("count.ts");
      expect(await program.ended, program.output).toEqual({ code: 0, signal: null });
      expect(program.output).toContain('{"tests":0}');
      expect(program.output).toMatch(/path: \[ 'tests' \]/);
    }),
};

export const ownMcpServer: Trial = {
  page: "docs/mcp.md",
  files: ["server.ts"],
  declare: ({ workshop }) =>
    test("server.ts: serves its own tool and those of Codex, and leaves nothing", async () => {
      await using scene = await Scene.open(workshop, ownMcpServer.page);
      // The client kills what does not end when stdin does; only a server that ends by itself has an exit code to tell.
      const script = `"$0" "$1"; echo "It ended with $?." >&2`;
      const args = ["-c", script, process.execPath, scene.path("server.ts")];
      const transport = new StdioClientTransport({ command: "sh", args, env: scene.env, stderr: "pipe" });
      let errors = "";
      transport.stderr?.on("data", (chunk: Buffer) => (errors += String(chunk)));
      const client = clientWith();
      await client.connect(transport);
      try {
        const { tools } = await client.listTools();
        expect(tools.map(({ name }) => name).toSorted()).toEqual(["codex", "codex-reply", "own"]);
        expect(textOf(await client.callTool({ name: "own" }))).toBe("Hello.");
        scene.model.enqueue(message("It is done."));
        const done = await client.callTool({ name: "codex", arguments: { prompt: "Go." } });
        expect(textOf(done)).toContain("It is done.");
      } finally {
        const below = await descendantsOf(transport.pid ?? 0);
        await client.close();
        for (const pid of below) if (await isAlive(pid)) process.kill(pid, "SIGKILL");
      }
      await vi.waitFor(() => expect(errors).toBe("It ended with 0.\n"));
    }),
};

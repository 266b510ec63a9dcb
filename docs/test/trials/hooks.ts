/** Tries the files that export a client of their own making: behind `docker`, behind `sudo`, and at a gateway with a key. */

import { readFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { message, shell } from "codex-embed/testing";
import { expect, test } from "vitest";
import { ROOT } from "../support/pages.js";
import { Scene } from "../support/scene.js";
import type { Trial } from "../support/trial.js";

/** In the place of the programs that a page starts: what they are told, they keep. */
const BIN = [`${ROOT}docs/test/fixtures/bin`, `${ROOT}node_modules/.bin`];

/** Runs a turn through the stand-in that a file starts, and gives what that was told. */
async function throughStandIn(scene: Scene, file: string): Promise<string[]> {
  const told = join(scene.home.workspace, "arguments.txt");
  scene.model.enqueue(shell("pwd"), message("It went through."));
  const env = { PATH: [...BIN, scene.env["PATH"]].join(delimiter), STAND_IN_ARGUMENTS: told };
  expect(await scene.turnOn(file, env)).toBe("It went through.");
  expect(scene.model.requests[1]?.toolOutput("call_1")).toContain(scene.home.workspace);
  return (await readFile(told, "utf8")).trim().split("\n");
}

export const dockerHook: Trial = {
  page: "docs/guides/docker.md",
  files: ["outside.ts"],
  declare: ({ workshop }) =>
    test("outside.ts: a turn runs through `docker run`", async () => {
      await using scene = await Scene.open(workshop, dockerHook.page);
      const told = await throughStandIn(scene, "outside.ts");
      const inside = ["-v", "project:/work", "-w", scene.home.workspace, "my-agent", "codex", "app-server"];
      expect(told.slice(0, 11)).toEqual(["run", "--rm", "-i", "--init", ...inside]);
    }),
};

export const sudoHook: Trial = {
  page: "docs/guides/tenants.md",
  files: ["tenant.ts"],
  declare: ({ workshop }) =>
    test("tenant.ts: a turn runs through `sudo`, with the client's environment", async () => {
      await using scene = await Scene.open(workshop, sudoHook.page);
      const told = await throughStandIn(scene, "tenant.ts");
      const [, kept = ""] = told;
      expect(told).toEqual(["-n", kept, "-u", "tenant-north", "--", scene.env["DOCS_CODEX_BIN"], ...told.slice(6)]);
      expect(kept.replace("--preserve-env=", "").split(",")).toContain("CODEX_HOME");
      expect(told).toContain("app-server");
    }),
};

export const gateway: Trial = {
  page: "docs/guides/providers.md",
  files: ["gateway.ts"],
  declare: ({ workshop }) =>
    test("gateway.ts: the key reaches the model, and not the agent's commands", async () => {
      await using scene = await Scene.open(workshop, gateway.page);
      scene.model.enqueue(shell('echo "<$GATEWAY_KEY>"'), message("It is reached."));
      expect(await scene.turnOn("gateway.ts", { GATEWAY_KEY: "a-key-of-the-tests" })).toBe("It is reached.");
      const [first, second] = scene.model.requests;
      expect(first?.headers.authorization).toBe("Bearer a-key-of-the-tests");
      expect(first?.body["model"]).toBe("large");
      expect(second?.toolOutput("call_1")).toContain("\n<>\n");
    }),
};

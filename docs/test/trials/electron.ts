/** Tries the Electron app: its main process and its preload script, on a stand-in for Electron in one process. */

import { copyFile, mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { message, shell } from "codex-embed/testing";
import { expect, test } from "vitest";
import { ROOT } from "../support/pages.js";
import { Scene } from "../support/scene.js";
import type { Trial } from "../support/trial.js";

export const electron: Trial = {
  page: "docs/guides/electron.md",
  files: ["main.mts", "preload.cjs"],
  declare: ({ workshop }) =>
    test("main.mts and preload.cjs: the window runs the agent, a person is asked, and nothing outlives the app", async () => {
      await using scene = await Scene.open(workshop, electron.page, { sandbox: "read-only" });
      const standIn = scene.path("node_modules/electron/index.js");
      await mkdir(dirname(standIn), { recursive: true });
      await copyFile(`${ROOT}docs/test/fixtures/electron.cjs`, standIn);
      const userData = join(scene.home.codexHome, "user-data");
      await mkdir(join(userData, "codex"), { recursive: true });
      await copyFile(join(scene.home.codexHome, "config.toml"), join(userData, "codex", "config.toml"));
      scene.model.enqueue(
        shell("echo done > ../allowed.txt", { escalate: { justification: "It needs to." } }),
        message({ deltas: ["It is ", "done."] }),
      );

      const app = scene.start("main.mts", { env: { STAND_IN_userData: userData } });
      expect(await app.ended, app.output).toEqual({ code: 0, signal: null });
      const said = app.output
        .trim()
        .split("\n")
        .map((line): { text?: string } => JSON.parse(line));
      expect(said.map(({ text = "" }) => text).join("")).toBe("It is done.");
      expect(said.filter((line) => !("text" in line))).toEqual([
        { loaded: "index.html" },
        { asked: expect.objectContaining({ detail: expect.stringContaining("echo done > ../allowed.txt") }), of: true },
        { answer: "It is done." },
        { quit: true },
      ]);
      expect(await readFile(join(scene.home.workspace, "../allowed.txt"), "utf8")).toBe("done\n");
    }),
};

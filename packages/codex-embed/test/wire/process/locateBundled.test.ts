/** The tests of finding the runtime from inside a bundle. */

import { spawnSync } from "node:child_process";
import { rmSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { locateRuntime } from "../../../src/process/locate.js";
import { bundleHost, temporaryFolder } from "./children.js";

const root = fileURLToPath(new URL("../../../../../", import.meta.url));

function run(script: string, cwd: string): unknown {
  const { stdout, stderr } = spawnSync(process.execPath, [script], { cwd, encoding: "utf8" });
  expect(stderr).toBe("");
  return JSON.parse(stdout);
}

describe.each(["cjs", "esm"] as const)("a program bundled as %s", (format) => {
  it("finds the runtime of the working directory", async () => {
    const script = bundleHost("hostThatLocates.ts", await temporaryFolder(), format);
    expect(run(script, root)).toEqual(locateRuntime({ env: {} }));
  });

  it("finds the runtime beside its own script", async () => {
    const folder = await temporaryFolder();
    const script = bundleHost("hostThatLocates.ts", folder, format);
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"), "dir");
    expect(run(script, dirname(folder))).toEqual(locateRuntime({ env: {} }));
  });

  it("finds the runtime beside its script or beside the link that it was started by", async () => {
    const [real, linked] = [await temporaryFolder(), await temporaryFolder()];
    const script = bundleHost("hostThatLocates.ts", real, format);
    const link = join(linked, "cli");
    symlinkSync(script, link);
    for (const folder of [real, linked]) {
      const modules = join(folder, "node_modules");
      symlinkSync(join(root, "node_modules"), modules, "dir");
      expect(run(link, dirname(folder))).toEqual(locateRuntime({ env: {} }));
      rmSync(modules);
    }
  });

  it("says where it looked when there is none", async () => {
    const folder = await temporaryFolder();
    const script = bundleHost("hostThatLocates.ts", folder, format);
    expect(run(script, folder)).toEqual({ error: expect.stringContaining(`- ${folder}`) });
  });
});

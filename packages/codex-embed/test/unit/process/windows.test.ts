/** The tests of what is particular to Windows in finding and ending the runtime, as far as another system can tell. */

import { readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { findExecutable, withPathFolder } from "../../../src/process/environment.js";
import { runtimeTarget } from "../../../src/process/locate.js";
import { ProcessTree } from "../../../src/process/processTree.js";
import { verifies } from "../../support/verifies.js";
import { put, temporaryFolder } from "./temporary.js";

const find = (name: string, env: Readonly<Record<string, string>>) => findExecutable(name, env, "win32");

describe("the lookup on PATH", () => {
  it("takes folders that stand in quotes, with the semicolons in them", () => {
    verifies("windows");
    const folder = join(temporaryFolder(), "Program Files; x86");
    const path = put(join(folder, "codex.exe"));
    expect(find("codex", { Path: `C:\\Windows;"${folder}";` })).toEqual({ path });
    expect(find("codex", { PATH: `"${folder}"` })).toEqual({ path });
    expect(find("codex", { PATH: folder })).toMatchObject({ rejected: [{ path: "codex" }] });
  });

  it("leaves quotes in the names of folders elsewhere", () => {
    const folder = join(temporaryFolder(), '"quoted"');
    const path = put(join(folder, "codex"));
    expect(findExecutable("codex", { PATH: folder }, "linux")).toEqual({ path });
  });

  it("goes through the folders first, then through PATHEXT in its order", () => {
    const [first, second] = [temporaryFolder(), temporaryFolder()];
    const com = put(join(first, "codex.com"));
    const exe = put(join(first, "codex.exe"));
    put(join(second, "codex.exe"));
    const PATH = `${first};${second}`;
    expect(find("codex", { PATH })).toEqual({ path: com });
    expect(find("codex", { PATH, PATHEXT: ".EXE;.COM" })).toEqual({ path: exe });
  });

  it("takes the default of PATHEXT when there is none, and nothing for its empty entries", () => {
    const folder = temporaryFolder();
    const path = put(join(folder, "codex.exe"));
    expect(find("codex", { PATH: folder })).toEqual({ path });
    expect(find("codex", { PATH: folder, PATHEXT: ";;.EXE;" })).toEqual({ path });
    expect(find("codex", { PATH: folder, PATHEXT: ".BAT" })).toMatchObject({ rejected: [{ path: "codex" }] });
  });

  it("takes a dot in the name for a part of it, unless an extension follows", () => {
    const folder = temporaryFolder();
    const path = put(join(folder, "codex-1.23.exe"));
    expect(find("codex-1.23", { PATH: folder })).toEqual({ path });
    expect(find("codex-1.23.EXE", { PATH: folder })).toMatchObject({ rejected: [{ path: "codex-1.23.EXE" }] });
  });
});

describe("shims", () => {
  it.each([
    ["npm", "codex.cmd", '"%_prog%"  "%dp0%\\lib\\@openai\\codex\\bin\\codex.js" %*', "lib"],
    [
      "pnpm",
      "codex.CMD",
      '@node  "%~dp0\\..\\.pnpm\\@openai+codex@1\\node_modules\\@openai\\codex\\bin\\codex.js" %*',
      "../.pnpm/@openai+codex@1/node_modules",
    ],
    ["PowerShell", "codex.ps1", '& node  "$basedir/../store/@openai/codex/bin/codex.js" $args', "../store"],
  ])("of %s are the script that they name", (_, name, text, modules) => {
    const folder = join(temporaryFolder(), "bin");
    const path = put(join(folder, modules, "@openai/codex/bin/codex.js"));
    const shim = put(join(folder, name), `${text}\r\n`);
    expect(find(shim, {})).toEqual({ path });
  });

  it("that name another program are refused", () => {
    const shim = put(join(temporaryFolder(), "codex.cmd"), '@node "%~dp0\\other\\codex.js.txt" %*\r\n');
    expect(find(shim, {})).toMatchObject({ rejected: [{ path: shim }] });
  });
});

describe("the environment", () => {
  it("gets the folder of helpers in front of Path, whatever its case, and no second PATH", () => {
    expect(withPathFolder({ Path: "C:\\Windows" }, "D:\\codex", "win32")).toEqual({
      Path: `D:\\codex${delimiter}C:\\Windows`,
    });
    expect(withPathFolder({ Path: "" }, "D:\\codex", "win32")).toEqual({ Path: "D:\\codex" });
    expect(withPathFolder({ Path: "/x" }, "/codex", "linux")).toEqual({ Path: "/x", PATH: "/codex" });
  });
});

describe("the table of platforms", () => {
  it.each([
    ["win32", "ia32"],
    ["linux", "arm"],
    ["darwin", "universal"],
    ["freebsd", "x64"],
  ])("has none for %s on %s", (platform, arch) => expect(runtimeTarget(platform, arch)).toBeNull());
});

describe("the end of a tree", () => {
  /** Makes this program believe that it runs on Windows, with a `taskkill` that writes down what it is told. */
  function onWindows(taskkill: "present" | "missing"): () => string {
    const folder = temporaryFolder();
    const log = put(join(folder, "log"), "");
    if (taskkill === "present") put(join(folder, "taskkill"), `#!/bin/sh\necho "$@" >> '${log}'\n`);
    const platform = Object.getOwnPropertyDescriptor(process, "platform") ?? {};
    Object.defineProperty(process, "platform", { ...platform, value: "win32" });
    vi.stubEnv("PATH", folder);
    onTestFinished(() => {
      Object.defineProperty(process, "platform", platform);
      vi.unstubAllEnvs();
    });
    return () => readFileSync(log, "utf8");
  }

  it("is taskkill, by force and with all children, at once or when the program exits", async () => {
    verifies("windows");
    const told = onWindows("present");
    const tree = new ProcessTree(4242);
    await tree.signal("SIGTERM");
    expect(told()).toBe("/PID 4242 /T /F\n");
    tree.killSync();
    expect(told()).toBe("/PID 4242 /T /F\n/PID 4242 /T /F\n");
  });

  it("leaves an id alone whose process has exited: it may be another's by now", async () => {
    const told = onWindows("present");
    const tree = new ProcessTree(4242);
    tree.rootExited();
    await tree.signal("SIGKILL");
    tree.killSync();
    expect(told()).toBe("");
    expect(await tree.gone(1_000)).toBe(true);
  });

  it("goes on without taskkill", async () => {
    onWindows("missing");
    const tree = new ProcessTree(4242);
    await expect(tree.signal("SIGTERM")).resolves.toBeUndefined();
    expect(() => tree.killSync()).not.toThrow();
  });
});

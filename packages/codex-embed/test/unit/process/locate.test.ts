/** The tests of finding the runtime, over folders made for each case. */

import { mkdirSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { UsageError } from "../../../src/errors/base.js";
import { LaunchError } from "../../../src/errors/connection.js";
import { type LocateOptions, locateRuntime } from "../../../src/process/locate.js";
import { RUNTIME_VERSION } from "../../../src/protocol/generated/tables.js";
import { verifies } from "../../support/verifies.js";
import { put, temporaryFolder } from "./temporary.js";

const TRIPLE = "x86_64-unknown-linux-musl";
const linux = { platform: "linux", arch: "x64" } as const;

function failure(options: LocateOptions): LaunchError {
  try {
    locateRuntime(options);
  } catch (error) {
    if (LaunchError.isInstance(error)) return error;
    throw error;
  }
  throw new Error("It was located.");
}

/** Installs a package in the layout that the registry has it in; returns its binary. */
function install(folder: string, version = `${RUNTIME_VERSION}-linux-x64`, triple = TRIPLE, name = "codex"): string {
  put(join(folder, "package.json"), JSON.stringify({ name: "@openai/codex", version }));
  mkdirSync(join(folder, "vendor", triple, "codex-path"), { recursive: true });
  return put(join(folder, "vendor", triple, "bin", name));
}

function link(from: string, to: string): void {
  mkdirSync(dirname(from), { recursive: true });
  symlinkSync(to, from, "dir");
}

describe("codexBin", () => {
  it("is a path", () => {
    const path = put(join(temporaryFolder(), "my codex"));
    const expected = { path, source: "codexBin", command: path, args: [], pathDir: null };
    expect(locateRuntime({ codexBin: path, env: {}, ...linux })).toEqual(expected);
  });

  it("brings the folder of helpers that lies beside it in the package's layout", () => {
    const folder = temporaryFolder();
    const path = install(folder);
    const pathDir = join(folder, "vendor", TRIPLE, "codex-path");
    expect(locateRuntime({ codexBin: path, env: {}, ...linux })).toMatchObject({ path, pathDir });
  });

  it("is a bare name, looked up on the given PATH", () => {
    const folder = temporaryFolder();
    const path = put(join(folder, "second", "my-codex"));
    put(join(folder, "third", "my-codex"));
    const env = { PATH: ["first", "second", "third"].map((name) => join(folder, name)).join(":") };
    expect(locateRuntime({ codexBin: "my-codex", env, ...linux })).toMatchObject({ path, command: path });
    expect(failure({ codexBin: "other", env, ...linux }).message).toContain("none of the 3 folders of PATH");
    expect(failure({ codexBin: "my-codex", env: {}, ...linux }).message).toContain("PATH is empty");
  });

  it("is run by Node when it is a script, also behind a link", () => {
    const folder = temporaryFolder();
    for (const extension of [".js", ".cjs", ".mjs"]) {
      const path = put(join(folder, `codex${extension}`), "", 0o644);
      expect(locateRuntime({ codexBin: path, env: {}, ...linux })).toMatchObject({
        command: process.execPath,
        args: [path],
      });
    }
    const shim = join(folder, "codex");
    symlinkSync(join(folder, "codex.js"), shim);
    expect(locateRuntime({ codexBin: shim, env: {}, ...linux })).toMatchObject({
      command: process.execPath,
      args: [shim],
    });
  });

  it.each([
    ["missing", () => {}, "there is no such file"],
    ["a folder", (path: string) => mkdirSync(path), "it is not a file"],
    ["not executable", (path: string) => void put(path, "", 0o644), "it is not executable"],
    ["below a file", (path: string) => void put(dirname(path), ""), "it cannot be read (ENOTDIR)"],
  ])("fails at once when it is %s", (_, make, reason) => {
    verifies("named-executable");
    const path = join(temporaryFolder(), "folder", "codex");
    if (reason !== "it cannot be read (ENOTDIR)") mkdirSync(dirname(path));
    make(path);
    const working = put(join(temporaryFolder(), "codex"));
    const error = failure({ codexBin: path, env: { CODEX_BIN: working }, ...linux });
    expect(error).toMatchObject({ code: "BINARY_NOT_FOUND" });
    expect(error.tried).toEqual([{ source: "codexBin", path, reason: expect.stringContaining(reason) }]);
    expect(error.message).toContain(`- ${path}: ${reason}`);
    expect(error.message).toContain("codexBin");
  });

  it("may not be empty", () => {
    expect(() => locateRuntime({ codexBin: "", env: {}, ...linux })).toThrow(UsageError);
  });

  it("is called in messages what its user calls it", () => {
    const named = failure({ codexBin: "/nowhere/codex", optionName: "pathOfCodex", env: {}, ...linux });
    expect(named.message).toContain("The option pathOfCodex names");
    const packaged = failure({ optionName: "pathOfCodex", env: {}, ...linux, bases: [] });
    expect(packaged.message).toContain("with the option pathOfCodex or");
  });

  it("wins over CODEX_BIN", () => {
    const path = put(join(temporaryFolder(), "codex"));
    expect(locateRuntime({ codexBin: path, env: { CODEX_BIN: "/nowhere" }, ...linux })).toMatchObject({ path });
  });
});

describe("CODEX_BIN", () => {
  it("is used when there is no codexBin, and when it is not empty", () => {
    const path = put(join(temporaryFolder(), "codex"));
    expect(locateRuntime({ env: { CODEX_BIN: path }, ...linux })).toMatchObject({ path, source: "CODEX_BIN" });
    expect(locateRuntime({ env: { CODEX_BIN: "" } })).toMatchObject({ source: "package" });
  });

  it("does not fall back to the package when it is bad", () => {
    verifies("named-executable");
    const error = failure({ env: { CODEX_BIN: "/nowhere/codex" } });
    expect(error.tried).toEqual([{ source: "CODEX_BIN", path: "/nowhere/codex", reason: "there is no such file" }]);
  });
});

describe("the package", () => {
  it("is the installed one by default", () => {
    expect(locateRuntime({ env: {} })).toMatchObject({ source: "package", args: [], pathDir: expect.any(String) });
  });

  it.each([
    ["linux", "arm64", "linux-arm64", "aarch64-unknown-linux-musl", "codex"],
    ["android", "arm64", "linux-arm64", "aarch64-unknown-linux-musl", "codex"],
    ["darwin", "x64", "darwin-x64", "x86_64-apple-darwin", "codex"],
    ["darwin", "arm64", "darwin-arm64", "aarch64-apple-darwin", "codex"],
    ["win32", "x64", "win32-x64", "x86_64-pc-windows-msvc", "codex.exe"],
    ["win32", "arm64", "win32-arm64", "aarch64-pc-windows-msvc", "codex.exe"],
  ])("is the one for %s on %s", (platform, arch, name, triple, binary) => {
    verifies("find-binary");
    const folder = temporaryFolder();
    const path = install(join(folder, `node_modules/@openai/codex-${name}`), RUNTIME_VERSION, triple, binary);
    const found = locateRuntime({ env: {}, platform, arch, bases: [join(folder, "app.js")] });
    expect(found).toMatchObject({ path, command: path, pathDir: join(dirname(dirname(path)), "codex-path") });
  });

  it("is found where pnpm hides it: only visible from the package that depends on it", () => {
    verifies("find-binary");
    const folder = temporaryFolder();
    const store = join(folder, "node_modules/.pnpm");
    const path = install(join(store, "codex-linux/node_modules/@openai/codex-linux-x64"));
    put(join(store, "codex/node_modules/@openai/codex/package.json"), "{}");
    put(join(store, "embed/node_modules/codex-embed/package.json"), "{}");
    link(
      join(store, "codex/node_modules/@openai/codex-linux-x64"),
      join(store, "codex-linux/node_modules/@openai/codex-linux-x64"),
    );
    link(join(store, "embed/node_modules/@openai/codex"), join(store, "codex/node_modules/@openai/codex"));
    link(join(folder, "node_modules/codex-embed"), join(store, "embed/node_modules/codex-embed"));
    expect(locateRuntime({ env: {}, ...linux, bases: [join(folder, "dist/bundle.js")] })).toMatchObject({ path });
  });

  it("is found through @openai/codex-sdk, whose exports hide its package.json", () => {
    const folder = temporaryFolder();
    const sdk = join(folder, "node_modules/@openai/codex-sdk");
    put(join(sdk, "package.json"), JSON.stringify({ exports: { ".": { import: "./index.js" } } }));
    const path = install(join(sdk, "node_modules/@openai/codex-linux-x64"));
    expect(locateRuntime({ env: {}, ...linux, bases: [join(folder, "app.js")] })).toMatchObject({ path });
  });

  it("is the pinned version, wherever it lies, before any other", () => {
    const name = "node_modules/@openai/codex-linux-x64";
    const [folder, other] = [temporaryFolder(), temporaryFolder()];
    const older = install(join(folder, name), "0.1.0-linux-x64");
    const pinned = install(join(other, name));
    const bases = [join(folder, "app.js"), join(other, "app.js")];
    expect(locateRuntime({ env: {}, ...linux, bases })).toMatchObject({ path: pinned });
    expect(locateRuntime({ env: {}, ...linux, bases: bases.slice(0, 1) })).toMatchObject({ path: older });
  });

  it("is the unpacked copy when it was resolved inside an Electron archive", () => {
    const folder = temporaryFolder();
    const name = "node_modules/@openai/codex-linux-x64";
    put(join(folder, "app.asar", name, "package.json"), "{}");
    const path = install(join(folder, "app.asar.unpacked", name));
    const bases = [join(folder, "app.asar/main.js")];
    const pathDir = join(folder, "app.asar.unpacked", name, "vendor", TRIPLE, "codex-path");
    expect(locateRuntime({ env: {}, ...linux, bases })).toMatchObject({ path, command: path, pathDir });
    const inside = path.replace(".unpacked", "");
    expect(locateRuntime({ codexBin: inside, env: {}, ...linux })).toMatchObject({ path, pathDir });
  });

  it("is reported with every place and a way out when it is not installed", () => {
    const bases = [join(temporaryFolder(), "a.js"), join(temporaryFolder(), "b.js")];
    const error = failure({ env: {}, ...linux, bases });
    expect(error.tried.map(({ path }) => path)).toEqual(bases);
    for (const base of bases) expect(error.message).toContain(`- ${base}: @openai/codex-linux-x64 is not installed`);
    expect(error.message).toContain(`npm install @openai/codex@${RUNTIME_VERSION}`);
    expect(error.message).toContain("--omit=optional");
    expect(error.message).toMatch(/codexBin .*CODEX_BIN\.$/);
  });

  it("is reported when it is there without its binary, or for an unknown platform", () => {
    const folder = temporaryFolder();
    put(join(folder, "node_modules/@openai/codex-linux-x64/package.json"), "{}");
    const path = join(folder, "node_modules/@openai/codex-linux-x64/vendor", TRIPLE, "bin/codex");
    const error = failure({ env: {}, ...linux, bases: [join(folder, "app.js")] });
    expect(error.tried).toEqual([{ source: "package", path, reason: "there is no such file" }]);
    expect(failure({ env: {}, platform: "sunos", arch: "x64" }).message).toContain(
      "sunos-x64: no runtime is published",
    );
    expect(failure({ env: {}, platform: "__proto__", arch: "x64" }).message).toContain("no runtime is published");
  });

  it("is looked for with the given resolver", () => {
    const path = install(temporaryFolder());
    const asked: string[] = [];
    const resolvePackageJson = (name: string) => {
      asked.push(name);
      return name === "@openai/codex-linux-x64" ? join(path, "../../../../package.json") : null;
    };
    expect(locateRuntime({ env: {}, ...linux, resolvePackageJson, bases: ["/base.js"] })).toMatchObject({ path });
    expect(asked).toEqual(["@openai/codex-linux-x64"]);
  });
});

describe("on Windows", () => {
  const windows = { platform: "win32", arch: "x64" } as const;

  it("a bare name is looked up with PATHEXT on Path, in any case", () => {
    const folder = temporaryFolder();
    const path = put(join(folder, "codex.exe"), "", 0o644);
    const env = { Path: `;/nowhere;${folder}`, PathExt: ".COM;.EXE" };
    expect(locateRuntime({ codexBin: "codex", env, ...windows })).toMatchObject({ path, command: path });
    expect(locateRuntime({ env: { ...env, codex_bin: "codex.exe" }, ...windows })).toMatchObject({
      source: "CODEX_BIN",
    });
  });

  it.each([
    ["beside node_modules, as npm installs globally", "", "codex.cmd", "node_modules/@openai/codex/bin/codex.js"],
    ["in .bin, as npm installs locally", "node_modules/.bin", "codex.ps1", "node_modules/@openai/codex/bin/codex.js"],
    ["in .bin, named without an extension", "node_modules/.bin", "codex", "node_modules/@openai/codex/bin/codex.js"],
  ])("a shim %s is its script, run by Node", (_, place, shim, script) => {
    const folder = temporaryFolder();
    const path = put(join(folder, script), "", 0o644);
    const codexBin = put(join(folder, place, shim), "@ECHO off\r\n", 0o644);
    const expected = { path, command: process.execPath, args: [path] };
    expect(locateRuntime({ codexBin, env: {}, ...windows })).toMatchObject(expected);
  });

  it("a shim of another package manager is the script that it names", () => {
    const folder = temporaryFolder();
    const path = put(join(folder, "global/5/@openai/codex/bin/codex.js"), "", 0o644);
    const text = '@SETLOCAL\r\nnode  "%~dp0\\global\\5\\@openai\\codex\\bin\\codex.js" %*\r\n';
    put(join(folder, "codex.CMD"), text, 0o644);
    const found = locateRuntime({ codexBin: join(folder, "codex.CMD"), env: {}, ...windows });
    expect(found).toMatchObject({ path, command: process.execPath });
  });

  it("a shim without a package is refused, not run by a shell", () => {
    const codexBin = put(join(temporaryFolder(), "codex.cmd"), "@ECHO off\r\n", 0o644);
    expect(failure({ codexBin, env: {}, ...windows }).message).toContain("it is a shell script");
  });
});

import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { UsageError } from "codex-embed";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { homeFolder, prepareOwnHome } from "../../../src/process/home.js";

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "codex-embed-home-"));
  writeFileSync(join(home, "config.toml"), "a = 1");
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

it("is that of the option, the variable, or the user", () => {
  const env = { HOME: "/user", CODEX_HOME: "/variable" };
  expect(homeFolder({ codexHome: "/option", env })).toBe("/option");
  expect(homeFolder({ env })).toBe("/variable");
  expect(homeFolder({ env: { HOME: "/user" }, inheritEnv: false })).toBe(join("/user", ".codex"));
  expect(homeFolder({ inheritEnv: false })).toBe(join(homedir(), ".codex"));
});

describe("a home of its own", () => {
  it.each([
    [{}, null, []],
    [{ ignoreUserConfig: false, ignoreRules: false }, null, []],
    [{ ignoreUserConfig: true }, "without-config", ["auth.json", "rules"]],
    [{ ignoreRules: true }, "without-rules", ["auth.json", "config.toml"]],
    [{ ignoreUserConfig: true, ignoreRules: true }, "bare", ["auth.json"]],
  ])("for %j shares what is not ignored", (ignored, name, links) => {
    const folder = prepareOwnHome(home, ignored);
    expect(folder).toBe(name === null ? home : join(home, "codex-embed", name));
    expect(prepareOwnHome(home, ignored)).toBe(folder);
    if (name === null) return;
    expect(readdirSync(folder).sort()).toEqual(links);
    for (const link of links) expect(readlinkSync(join(folder, link))).toBe(join("..", "..", link));
    expect(lstatSync(folder).mode & 0o777).toBe(0o700);
  });

  it("forgets what the runtime wrote in place of what is ignored, keeps the rest, and touches nothing of the user's", () => {
    const ignored = { ignoreUserConfig: true, ignoreRules: true };
    const folder = prepareOwnHome(home, ignored);
    writeFileSync(join(folder, "config.toml"), "poison = true");
    mkdirSync(join(folder, "rules"));
    writeFileSync(join(folder, "rules", "default.rules"), "poison");
    mkdirSync(join(folder, "sessions"));
    rmSync(join(folder, "auth.json"));
    writeFileSync(join(folder, "auth.json"), "of its own");
    prepareOwnHome(home, ignored);
    expect(readdirSync(folder).sort()).toEqual(["auth.json", "sessions"]);
    expect(readFileSync(join(folder, "auth.json"), "utf8")).toBe("of its own");
    expect(readdirSync(home).sort()).toEqual(["codex-embed", "config.toml"]);
    expect(readFileSync(join(home, "config.toml"), "utf8")).toBe("a = 1");
  });

  it("that cannot be made is an error with the reason", () => {
    writeFileSync(join(home, "codex-embed"), "a file");
    const prepare = () => prepareOwnHome(home, { ignoreRules: true });
    expect(prepare).toThrow(UsageError);
    expect(prepare).toThrow(/need a home of their own in .*without-rules.*(EEXIST|ENOTDIR)/);
  });
});

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UsageError } from "codex-embed";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { configOverrides } from "../../../src/process/config.js";
import type { LaunchOptions } from "../../../src/process/launch.js";
import { withProfile } from "../../../src/process/profile.js";

let codexHome: string;
beforeAll(async () => {
  codexHome = await mkdtemp(join(tmpdir(), "codex-embed-profile-"));
});
afterAll(() => rm(codexHome, { recursive: true, force: true }));

async function read(content: string | Uint8Array, options: LaunchOptions = {}): Promise<string[]> {
  await writeFile(join(codexHome, "fast.config.toml"), content);
  const { config = {}, profile } = await withProfile({ codexHome, profile: "fast", ...options });
  expect(profile).toBeUndefined();
  return configOverrides(config);
}

describe("a profile", () => {
  it("becomes overrides with values of every type", async () => {
    const content = `\uFEFFmodel = 'lit"eral'
big = 9223372036854775807
float = 0.5
on = true
hex = 0xff
text = """two
lines"""
list = [1, "a", { b = false }]
empty = {}
a.b.c = 1
[projects."/a b"]
trust_level = "trusted"
[[servers]]
name = "one"
`;
    expect(await read(content)).toEqual([
      'model="lit\\"eral"',
      "big=9223372036854775807",
      "float=0.5",
      "on=true",
      "hex=255",
      'text="two\\nlines"',
      'list=[1, "a", {b = false}]',
      "empty={}",
      "a.b.c=1",
      'projects={"/a b" = {trust_level = "trusted"}}',
      'servers=[{name = "one"}]',
    ]);
  });

  it("lies below config: tables merge by key, also under quoted keys, and the rest is replaced", async () => {
    const content = `model = "profile"
list = [1, 2]
[projects."/a"]
trust_level = "trusted"
[features]
x = true
y = true
[__proto__]
z = 1
`;
    const config = {
      model: "config",
      list: [3],
      features: { y: false },
      projects: { "/b": { trust_level: "untrusted" } },
    };
    expect(await read(content, { config: { ...config, absent: undefined } })).toEqual([
      'model="config"',
      "list=[3]",
      'projects={"/a" = {trust_level = "trusted"}, "/b" = {trust_level = "untrusted"}}',
      "features.x=true",
      "features.y=false",
      "__proto__.z=1",
    ]);
  });

  it("may be empty", async () => {
    expect(await read("# nothing\n")).toEqual([]);
  });

  it("is in the home that the variable names, relative to the working directory of the process", async () => {
    await mkdir(join(codexHome, "sub"));
    await writeFile(join(codexHome, "sub", "fast.config.toml"), 'model = "sub"');
    const options = { profile: "fast", cwd: codexHome, env: { CODEX_HOME: "sub" } };
    expect(await withProfile(options)).toMatchObject({ config: { model: "sub" } });
  });

  it.each(["", "a/b", "a.b", "..", "a b", "é", "a\0"])("must have a plain name, and %j is none", async (profile) => {
    const reading = withProfile({ codexHome, profile });
    await expect(reading).rejects.toThrow(UsageError);
    await expect(reading).rejects.toThrow(/^profile is .*Give a plain name/);
  });

  it("must have a file", async () => {
    const reading = withProfile({ codexHome, profile: "none" });
    await expect(reading).rejects.toThrow(UsageError);
    await expect(reading).rejects.toThrow(`${join(codexHome, "none.config.toml")} does not exist. Write its settings`);
    await mkdir(join(codexHome, "folder.config.toml"));
    await expect(withProfile({ codexHome, profile: "folder" })).rejects.toThrow("cannot be read: EISDIR");
  });

  it("is left out by ignoreUserConfig, so both together are refused", async () => {
    await expect(read("", { ignoreUserConfig: true })).rejects.toThrow("Remove one of them");
    expect(await read("a = 1", { ignoreUserConfig: false, ignoreRules: true })).toEqual(["a=1"]);
  });

  it.each<[string, string | Uint8Array, string]>([
    ["broken TOML", 'a = 1\nkey = "s3cr3t', "is not valid TOML: see line 2, column"],
    ["a key twice", "s3cr3t = 1\ns3cr3t = 2", "is not valid TOML: see line 2, column 1"],
    ["text that is not UTF-8", new Uint8Array([0x61, 0xff]), "it is not UTF-8 text"],
    ["a date", 'a."b c" = 2026-01-01', 'a."b c" is a date or a time'],
    ["a time in a list", "a = [1, 07:32:00]", "a.1 is a date or a time"],
    ["infinity", "a.b = inf", "fast.config.toml cannot be used: a.b is Infinity"],
    ["not a number", "a = nan", "fast.config.toml cannot be used: a is NaN"],
    [
      "an integer of more than 64 bits",
      "a = 9223372036854775808",
      "fast.config.toml cannot be used: a is an integer of more than 64 bits",
    ],
    ["a top-level key with a dot", '"a.b" = 1', '"a.b" is a top-level key that needs quotes'],
    ["a surrogate", 'a = "\\uD800"', "is not valid TOML: see line 1"],
    ["lists too deep", `a = ${"[".repeat(50_000)}`, "is not valid TOML"],
    ["tables too deep", `${"a.".repeat(20_000)}a = 1`, "deeper than 100 tables"],
  ])("refuses %s, and names the place but not the content", async (_, content, says) => {
    const reading = read(content);
    await expect(reading).rejects.toThrow(UsageError);
    await expect(reading).rejects.toThrow(says);
    await expect(reading).rejects.not.toThrow(/s3cr3t/);
  });

  it("is merged with a config that contains itself, which is refused as without a profile", async () => {
    const loop: Record<string, never> = {};
    Object.assign(loop, { loop });
    await expect(read("[loop]\nloop = { loop = {} }", { config: loop })).rejects.toThrow("contains itself");
  });
});

it("changes nothing without a profile, and beside launchArgs", async () => {
  for (const options of [{ config: { a: 1 } }, { profile: "fast", launchArgs: [] }]) {
    expect(await withProfile(options)).toBe(options);
  }
});
